// A year's footprint, small tickets to neutralise it, and the certificates of what was retired.
const { call } = require('../../lib/api');
const { page, sure } = require('../../lib/page');
const { answers, order, price, question, result } = require('../../lib/footprint');
const { carbon, count, today, yuan } = require('../../lib/show');

async function load(that, { year }) {
  const asked = Number(year) || Number(today(Date.now()).slice(0, 4));
  const [footprint, offsets, bundles] = await Promise.all([call('footprint', { query: { year: asked } }), call('offsets'), call('bundles')]);
  const kept = Object.fromEntries(footprint.result ? footprint.result.lines.map((line) => [line.code, line.quantity]) : []);
  const { offer } = offsets;
  return {
    year: asked,
    boundary: footprint.boundary_zh,
    questions: footprint.items.map((item) => question(item, kept)),
    persons: footprint.result ? String(footprint.result.persons) : that.data.persons,
    result: result(footprint.result),
    offer: {
      open: offer.payments !== 'off' && offer.left_kg > 0,
      words: offer.left_kg ? `${offer.project_name}，还有 ${count(offer.left_kg)} 千克，${yuan(offer.price_fen_per_t)} 一吨` : '现在没有可买的。',
      price: offer.price_fen_per_t || 0,
      left: offer.left_kg,
    },
    orders: offsets.items.map(order),
    bundled: bundles.creditable_g ? carbon(bundles.creditable_g) : '',
    bundles: bundles.items.map((row) => ({
      code: row.bundle,
      words: `${row.starts_on} 至 ${row.ends_on} 前，您的 ${carbon(row.creditable_g)}`,
      batch: row.batch_code ? `在碳票批次 ${row.batch_code}` : row.state_zh,
    })),
  };
}

Component(
  page({
    data: { year: 0, boundary: '', questions: [], persons: '1', result: null, offer: null, orders: [], bundled: '', bundles: [], kilograms: '', cost: '', beneficiary: '', asking: false },
    load,
    on: {
      ask() {
        this.setData({ asking: !this.data.asking });
      },
      typePersons({ detail }) {
        this.setData({ persons: detail.value });
      },
      typeAnswer({ currentTarget, detail }) {
        this.setData({ [`questions[${currentTarget.dataset.index}].typed`]: detail.value });
      },
      typeBeneficiary({ detail }) {
        this.setData({ beneficiary: detail.value });
      },
      typeKilograms({ detail }) {
        const whole = /^\d{1,5}$/.test(detail.value.trim()) ? Number(detail.value.trim()) : 0;
        this.setData({ kilograms: detail.value, cost: whole ? yuan(price(whole, this.data.offer.price)) : '' });
      },
      compute() {
        const given = answers(this.data.questions, this.data.persons);
        if (given.wrong) return this.setData({ problem: { message: given.wrong, code: '' } });
        return this.act('compute', async () => {
          await call('keepFootprint', { body: { year: this.data.year, ...given } });
          this.setData({ asking: false });
          await this.refresh();
        });
      },
      async buy() {
        const { kilograms, cost, year, beneficiary } = this.data;
        if (!cost) return this.setData({ problem: { message: '请填整千克，例如 100。', code: '' } });
        if (!(await sure('买碳票并注销', `${kilograms} 千克，${cost}。注销后不能撤回，也不能再卖。`, '买'))) return null;
        return this.act('buy', async (key) => {
          const body = { order_key: key, quantity_kg: Number(kilograms.trim()), year, beneficiary: beneficiary.trim() };
          await call('orderOffset', { body });
          this.setData({ kilograms: '', cost: '' });
          await this.refresh();
        });
      },
      paid({ currentTarget }) {
        return this.act('paid', async () => {
          await call('confirmPayment', { path: { code: currentTarget.dataset.code } });
          await this.refresh();
        });
      },
    },
  }),
);
