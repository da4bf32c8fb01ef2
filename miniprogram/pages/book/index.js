// The carbon book, page by page, with the chart of seven days and the statement of points.
const { call } = require('../../lib/api');
const { page } = require('../../lib/page');
const { byDay, pointsLine, purse } = require('../../lib/rows');
const { helpers } = require('../../lib/relatives');
const { carbon, today } = require('../../lib/show');
const { weekChart } = require('../../lib/chart');

const LINES = 20;

async function load(that) {
  const day = today(Date.now());
  const [book, points, proxies] = await Promise.all([call('book', { query: { size: LINES } }), call('points', { query: { limit: LINES } }), call('proxies')]);
  that.helpers = helpers(proxies, 'act');
  that.acts = book.items;
  that.lines = points.items;
  return {
    total: carbon(book.totals.all_g),
    days: byDay(that.acts, day, that.helpers),
    chart: weekChart(book.week, day),
    shown: 1,
    more: book.page * book.size < book.total,
    purse: purse(points, day),
    statement: that.lines.map((line, index) => pointsLine(line, day, index)),
    before: points.next_before,
  };
}

Component(
  page({
    data: { total: '', days: [], chart: null, shown: 1, more: false, purse: { available: '0', lines: [] }, statement: [], before: null },
    load,
    on: {
      older() {
        return this.act('older', async () => {
          const book = await call('book', { query: { page: this.data.shown + 1, size: LINES } });
          // A new act may have pushed lines to the next page: none is shown twice.
          const known = new Set(this.acts.map((act) => act.id));
          this.acts = [...this.acts, ...book.items.filter((act) => !known.has(act.id))];
          this.setData({ days: byDay(this.acts, today(Date.now()), this.helpers), shown: book.page, more: book.page * book.size < book.total });
        });
      },
      olderPoints() {
        return this.act('olderPoints', async () => {
          const points = await call('points', { query: { limit: LINES, before: this.data.before } });
          const day = today(Date.now());
          this.lines = [...this.lines, ...points.items];
          this.setData({ statement: this.lines.map((line, index) => pointsLine(line, day, index)), before: points.next_before });
        });
      },
      toRefused() {
        wx.navigateTo({ url: '/pages/refused/index' });
      },
      toReport() {
        wx.switchTab({ url: '/pages/report/index' });
      },
    },
  }),
);
