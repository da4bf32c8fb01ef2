// What points buy. A code once received is kept on this phone, so that it shows in a shop without signal.
const { call } = require('../../lib/api');
const { page, sure } = require('../../lib/page');
const { keep } = require('../../lib/codes');
const { helpers } = require('../../lib/relatives');
const { purse } = require('../../lib/rows');
const { count, local, momentWords, plainDay, today, yuan } = require('../../lib/show');

const OVER = ['used', 'refunded'];

/** Points that wait to be fetched, and until when. */
function waitingWords(waiting, day) {
  if (waiting.under_review || !waiting.points) return '';
  return `有 ${count(waiting.points)} 分等您领${waiting.claim_by ? `，${plainDay(local(waiting.claim_by).day, day)}前要领` : ''}`;
}

function reward(row, available) {
  return {
    code: row.code,
    name: row.name_zh,
    provider: row.provider_zh,
    price: count(row.price_points),
    stock: count(row.stock),
    limit: row.person_month_limit || 0,
    extra: row.topup_fen ? `另付 ${yuan(row.topup_fen)}（在店里付）` : '',
    hours: row.hours_zh,
    closed: !row.in_season,
    gone: row.stock === 0,
    missing: row.price_points > available ? count(row.price_points - available) : '',
  };
}

/** A project: one unit of points, and why it cannot be given now. A gift takes nothing from a shelf. */
function project(row, available) {
  const missing = row.price_points - available;
  return {
    code: row.code,
    name: row.name_zh,
    unit: row.price_points,
    words: `${row.provider_zh} · 每 ${count(row.price_points)} 分一份`,
    why: (!row.in_season && '现在不收捐，到时候再放上来。') || (missing > 0 && `还差 ${count(missing)} 分`) || '',
  };
}

/** One voucher: what, when, and who exchanged the points if it was somebody else. */
function voucher(row, day, by) {
  const when = momentWords(row.redeemed_at, day) + (by[row.id] ? ` · ${by[row.id]}代兑换` : '');
  return { id: row.id, name: row.name_zh, when, status: row.status_zh, past: OVER.includes(row.status) };
}

async function load() {
  const day = today(Date.now());
  const [points, rewards, redemptions, donations, waiting, proxies] = await Promise.all([
    call('points', { query: { limit: 1 } }),
    call('rewards'),
    call('redemptions'),
    call('donations'),
    call('claimable'),
    call('proxies'),
  ]);
  keep(redemptions);
  const vouchers = redemptions.map((row) => voucher(row, day, helpers(proxies, 'redemption')));
  return {
    purse: purse(points, day),
    rewards: rewards.map((row) => reward(row, points.available)),
    mine: vouchers.filter((row) => !row.past),
    past: vouchers.filter((row) => row.past),
    projects: donations.projects.map((row) => project(row, points.available)),
    given: donations.items.map((row) => ({ id: row.id, name: row.name_zh, words: `${count(row.points)} 分，赞助方出 ${yuan(row.value_fen)} · ${plainDay(local(row.given_at).day, day)}`, number: row.number, is: row.is_zh, isNot: row.is_not_zh })),
    waiting: waitingWords(waiting, day),
    review: waiting.under_review ? waiting.note_zh : '',
  };
}

Component(
  page({
    data: { purse: { available: '0', lines: [] }, rewards: [], mine: [], past: [], showPast: false, projects: [], given: [], waiting: '', review: '' },
    load,
    on: {
      async redeem({ currentTarget }) {
        const chosen = this.data.rewards.find((row) => row.code === currentTarget.dataset.code);
        if (!(await sure('兑换', `用 ${chosen.price} 分换“${chosen.name}”。`, '换'))) return null;
        return this.act(`redeem ${chosen.code}`, async (key) => {
          const redemption = await call('redeem', { body: { reward: chosen.code }, key });
          keep([redemption]);
          wx.navigateTo({ url: `/pages/code/index?id=${redemption.id}` });
        });
      },
      claim() {
        return this.act('claim', async () => {
          await call('claim');
          await this.refresh();
        });
      },
      async donate({ currentTarget }) {
        const project = this.data.projects.find((row) => row.code === currentTarget.dataset.code);
        if (!(await sure('捐给植树', `捐 ${count(project.unit)} 分给“${project.name}”，由赞助方出钱。捐出后不能退。`, '捐'))) return null;
        return this.act(`donate ${project.code}`, async (key) => {
          await call('donate', { body: { reward: project.code, points: project.unit }, key });
          await this.refresh();
        });
      },
      togglePast() {
        this.setData({ showPast: !this.data.showPast });
      },
      open({ currentTarget }) {
        wx.navigateTo({ url: `/pages/code/index?id=${currentTarget.dataset.id}` });
      },
    },
  }),
);
