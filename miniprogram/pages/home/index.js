// Today: grams, points, today's lines, the last seven days; in large type four verbs instead of a chart.
const { call } = require('../../lib/api');
const { page, ELDER } = require('../../lib/page');
const { helpers } = require('../../lib/relatives');
const { byDay, purse } = require('../../lib/rows');
const { carbon, carbonParts, today } = require('../../lib/show');
const { weekChart } = require('../../lib/chart');

const LINES = 20;

async function load() {
  const [book, points, consents, proxies] = await Promise.all([
    call('book', { query: { size: LINES } }),
    call('points', { query: { limit: 1 } }),
    call('consents'),
    call('proxies'),
  ]);
  const day = today(Date.now());
  const days = byDay(book.items, day, helpers(proxies, 'act'));
  return {
    saved: carbonParts(book.totals.today_g),
    month: carbon(book.totals.month_g),
    year: carbon(book.totals.year_g),
    purse: purse(points, day),
    entries: days.length && days[0].day === day ? days[0].entries : [],
    chart: weekChart(book.week, day),
    agreed: consents.some((row) => row.current),
  };
}

Component(
  page({
    data: { saved: { number: '0', unit: '克' }, month: '', year: '', purse: { available: '0', lines: [] }, entries: [], chart: null, agreed: true },
    load,
    on: {
      toTab({ currentTarget }) {
        wx.switchTab({ url: `/pages/${currentTarget.dataset.page}/index` });
      },
      toPage({ currentTarget }) {
        wx.navigateTo({ url: `/pages/${currentTarget.dataset.page}/index` });
      },
      toggleElder() {
        const elder = !this.data.elder;
        wx.setStorageSync(ELDER, elder ? '1' : '');
        this.setData({ elder });
      },
    },
  }),
);
