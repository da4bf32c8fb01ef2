// Every text one may agree to, partner by partner and purpose by purpose, and the way back out.
const { call } = require('../../lib/api');
const { page, sure } = require('../../lib/page');
const { consentRow } = require('../../lib/rows');
const { local } = require('../../lib/show');

async function load() {
  const [consents, bindings] = await Promise.all([call('consents'), call('bindings')]);
  return {
    rows: consents.map(consentRow),
    bindings: bindings.filter((row) => !row.ended_at).map((row) => ({ id: row.id, name: row.source_zh, since: local(row.bound_at).day })),
  };
}

Component(
  page({
    data: { rows: [], bindings: [], code: '' },
    load,
    on: {
      agree({ currentTarget }) {
        const { partner, purpose, version } = this.data.rows[currentTarget.dataset.index];
        return this.act('agree', async () => {
          await call('giveConsent', { body: { partner, purpose, version } });
          await this.refresh();
        });
      },
      type({ detail }) {
        this.setData({ code: detail.value });
      },
      bind() {
        return this.act('bind', async () => {
          await call('bind', { body: { code: this.data.code.trim() } });
          this.setData({ code: '' });
          await this.refresh();
        });
      },
      async unbind({ currentTarget }) {
        const { id, name } = this.data.bindings.find((row) => row.id === currentTarget.dataset.id);
        if (!(await sure('解除绑定', `“${name}”以后报来的不再收，已有的账还是您的。`, '解除'))) return null;
        return this.act('unbind', async () => {
          await call('endBinding', { path: { id } });
          await this.refresh();
        });
      },
      async withdraw({ currentTarget }) {
        const row = this.data.rows[currentTarget.dataset.index];
        if (!(await sure('撤回同意', `撤回之后不再收“${row.title}”的新数据，已有的账还是您的。`, '撤回'))) return null;
        return this.act('withdraw', async () => {
          await call('withdrawConsent', { path: { id: row.id } });
          await this.refresh();
        });
      },
    },
  }),
);
