// What sources sent and was not taken in: each with its reason, and the words of the person who contests it.
const { call } = require('../../lib/api');
const { page, sure } = require('../../lib/page');
const { refusal } = require('../../lib/rows');
const { today } = require('../../lib/show');

const LINES = 20;

async function load(that) {
  const found = await call('refusedActs', { query: { size: LINES } });
  that.found = found.items;
  return shown(that, found);
}

function shown(that, { page: number, size, total }) {
  const day = today(Date.now());
  return { rows: that.found.map((row) => refusal(row, day)), shown: number, more: number * size < total };
}

Component(
  page({
    data: { rows: [], shown: 1, more: false, chosen: 0, words: '' },
    load,
    on: {
      older() {
        return this.act('older', async () => {
          const found = await call('refusedActs', { query: { page: this.data.shown + 1, size: LINES } });
          // A new one may have pushed lines to the next page: none is shown twice.
          const known = new Set(this.found.map((row) => row.id));
          this.found = [...this.found, ...found.items.filter((row) => !known.has(row.id))];
          this.setData(shown(this, found));
        });
      },
      choose({ currentTarget }) {
        this.setData({ chosen: Number(currentTarget.dataset.id), words: '' });
      },
      type({ detail }) {
        this.setData({ words: detail.value });
      },
      openAct({ currentTarget }) {
        wx.navigateTo({ url: `/pages/act/index?id=${currentTarget.dataset.id}` });
      },
      async raise() {
        const words = this.data.words.trim();
        if (words.length < 2) return this.setData({ problem: { message: '请写一两句：哪里不对。', code: '' } });
        if (!(await sure('申诉', '会有人看这一条，并在这里答复您。', '提交'))) return null;
        return this.act('raise', async () => {
          await call('raiseAppeal', { body: { refusal_id: this.data.chosen, words } });
          this.setData({ chosen: 0, words: '' });
          await this.refresh();
        });
      },
    },
  }),
);
