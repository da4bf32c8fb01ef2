// One code for the shop: shown from this phone at once, then checked with the platform when it answers.
const { call } = require('../../lib/api');
const { find, keep } = require('../../lib/codes');
const { page, sure } = require('../../lib/page');
const { picture } = require('../../lib/qr');
const { count, local, momentWords, today } = require('../../lib/show');

function shown(row) {
  return {
    name: row.name_zh,
    status: row.status_zh,
    code: row.status === 'ready' ? row.voucher_code : '',
    // The signed text can be checked by a shop without network; without a signature the shop types the code.
    picture: row.status === 'ready' ? picture(row.signed_code || row.voucher_code) : '',
    mayReturn: Boolean(row.merchant), // only what shops report as used can be given back at once
    until: row.expires_at ? local(row.expires_at).day : '',
    price: count(row.price_points),
    when: momentWords(row.redeemed_at, today(Date.now())),
  };
}

async function load(that, { id }) {
  const kept = find(id);
  if (kept) that.setData({ voucher: shown(kept), state: 'ready' });
  const mine = await call('redemptions');
  keep(mine);
  const found = mine.find((row) => String(row.id) === String(id));
  return { voucher: found ? shown(found) : null };
}

Component(
  page({
    data: { voucher: null },
    load,
    on: {
      async refund() {
        if (!(await sure('退回积分', '没有用过的可以退，积分回到原来的批次。退了这个码就不能用了。', '退'))) return null;
        return this.act('refund', async () => {
          keep([await call('refund', { path: { id: this.query.id } })]);
          await this.refresh();
        });
      },
    },
  }),
);
