// Report an act of one's own: consent first, then what, when and how much.
const { call, loginCode } = require('../../lib/api');
const { page } = require('../../lib/page');
const { consentRow } = require('../../lib/rows');
const { SELF, amount, cards, moments, stepsWords } = require('../../lib/offers');

const NO_STEPS = '没有拿到微信运动。请在微信设置里允许“微信运动步数”，再试一次。';

async function load(that) {
  const [offers, consents] = await Promise.all([call('behaviours'), call('consents')]);
  const acts = consents.map(consentRow).filter((row) => row.purpose === 'acts');
  const mine = acts.find((row) => row.partner === SELF);
  const werun = acts.find((row) => row.partner === 'werun');
  const found = cards(offers);
  return { cards: found, consent: mine || null, werun: werun ? werun.given : false, times: moments(Date.now()), chosen: Math.min(that.data.chosen, Math.max(0, found.length - 1)) };
}

Component(
  page({
    data: { cards: [], consent: null, werun: false, times: [{ iso: '', words: '刚才' }], chosen: 0, time: 0, typed: '1', wrong: '', done: null },
    load,
    on: {
      choose({ detail }) {
        this.setData({ chosen: Number(detail.value), wrong: '', done: null });
      },
      chooseTime({ detail }) {
        this.setData({ time: Number(detail.value), done: null });
      },
      type({ detail }) {
        this.setData({ typed: detail.value, wrong: '', done: null });
      },
      agree() {
        return this.act('agree', async () => {
          const { partner, purpose, version } = this.data.consent;
          await call('giveConsent', { body: { partner, purpose, version } });
          await this.refresh();
        });
      },
      report() {
        const { cards: all, chosen, times, time, typed } = this.data;
        const card = all[chosen];
        const value = amount(typed, card.field);
        if (!value) {
          this.setData({ wrong: card.field === 'distance_m' ? '请填公里数，最多三位小数，例如 2.5。' : '请填整数，例如 1。' });
          return null;
        }
        return this.act('report', async (key) => {
          // The key of the operation is the number of the record: sent twice it is one record and counts once.
          const body = { behaviour: card.code, source: SELF, external_id: `mp-${key}`, occurred_at: times[time].iso, [card.field]: value };
          const act = await call('reportAct', { body });
          this.setData({ done: { message: act.message_zh, id: act.id, good: act.status === 'counted' }, typed: '1', time: 0 });
        });
      },
      /** Steps leave the phone as WeChat encrypted them; only the server can open them. */
      steps() {
        return this.act('steps', async () => {
          const code = await loginCode(); // taken just before: the data open with the key of this login
          const data = await new Promise((resolve) => wx.getWeRunData({ success: resolve, fail: () => resolve(null) }));
          if (!data) return this.setData({ problem: { message: NO_STEPS, code: '' } });
          const days = await call('reportSteps', { body: { code, encrypted_data: data.encryptedData, iv: data.iv } });
          return this.setData({ done: stepsWords(days) });
        });
      },
      openDone() {
        wx.navigateTo({ url: `/pages/act/index?id=${this.data.done.id}` });
      },
      toConsents() {
        wx.navigateTo({ url: '/pages/consent/index' });
      },
    },
  }),
);
