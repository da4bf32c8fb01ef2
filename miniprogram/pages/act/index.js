// One act: what was reported, how the grams were worked out, why something was not counted, and the appeal.
const { call } = require('../../lib/api');
const { page, sure } = require('../../lib/page');
const { helpers } = require('../../lib/relatives');
const { actTitle } = require('../../lib/rows');
const { carbon, momentWords, today } = require('../../lib/show');

const DEEP = true; // for those who check the sum; left out in large type

async function load(_that, { id }) {
  const day = today(Date.now());
  const [act, appeals, bundles, proxies] = await Promise.all([call('act', { path: { id } }), call('appeals'), call('bundles', { query: { act: id } }), call('proxies')]);
  const by = helpers(proxies, 'act')[act.id];
  const appeal = appeals.find((row) => row.act_id === act.id);
  return {
    id: act.id,
    title: actTitle(act),
    facts: [
      ['什么时候', momentWords(act.occurred_at, day)],
      ['谁报的', by ? `${act.source_zh}，${by}代报` : act.source_zh],
      ['状态', act.status_zh],
      ['少排', carbon(act.reduction_g)],
      ['积分', `${act.points} 分`],
      ['其中可汇总成碳普惠减排量的', carbon(act.creditable_g)],
      ['方法', act.methodology, DEEP],
      ['参数摘要', act.parameter_digest.slice(0, 12), DEEP],
      ['积分规则', act.points_rule, DEEP],
    ].map(([name, value, deep = false]) => ({ name, value, deep })),
    formula: act.formula_zh,
    reason: act.reason_zh,
    mayAppeal: act.status !== 'counted' && !appeal,
    appeal: appeal ? { words: appeal.words, state: appeal.state_zh, answer: appeal.answer } : null,
    bundle: bundles.act_bundle,
  };
}

Component(
  page({
    data: { id: 0, title: '', facts: [], formula: '', reason: '', mayAppeal: false, appeal: null, bundle: '', words: '' },
    load,
    on: {
      type({ detail }) {
        this.setData({ words: detail.value });
      },
      async raise() {
        const words = this.data.words.trim();
        if (words.length < 2) return this.setData({ problem: { message: '请写一两句：哪里不对。', code: '' } });
        if (!(await sure('申诉', '会有人看这一笔，并在这里答复您。', '提交'))) return null;
        return this.act('raise', async () => {
          await call('raiseAppeal', { body: { act_id: this.data.id, words } });
          this.setData({ words: '' });
          await this.refresh();
        });
      },
    },
  }),
);
