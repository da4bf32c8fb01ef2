// What every page does the same way: load, say what went wrong, one press at a time, large type.
//
//   Component(page({ data, load, on: { press() {} } }))
//
// load(that, query) → the data of the page. `this.act(name, work)` runs one operation: its buttons are
// disabled through `busy`, its problem stands under `problem`, and a second press does nothing.

const { hasJoined } = require('./api');
const { freshKey, keyAfter } = require('./key');

const ELDER = 'xy_elder';
const PHONE = '12345';

function page({ data = {}, load = null, open = false, on = {} }) {
  return {
    data: { state: 'loading', problem: null, busy: '', elder: false, ...data },
    methods: {
      onLoad(query) {
        this.query = query || {};
        this.keys = {};
        this.turn = 0;
      },
      async onShow() {
        this.setData({ elder: Boolean(wx.getStorageSync(ELDER)) });
        if (!open && !hasJoined()) return wx.reLaunch({ url: '/pages/welcome/index' });
        return this.refresh();
      },
      async onPullDownRefresh() {
        await this.refresh();
        wx.stopPullDownRefresh();
      },
      /** Load again; of two loads under way only the later one shows. */
      async refresh() {
        const turn = (this.turn += 1);
        if (!load) return this.setData({ state: 'ready' });
        try {
          const found = await load(this, this.query);
          if (turn === this.turn) this.setData({ ...found, state: 'ready', problem: null });
        } catch (error) {
          if (!error.isProblem) throw error;
          if (error.code === 'mp.not_joined') wx.reLaunch({ url: '/pages/welcome/index' });
          // What is on the page already stays readable when a later load fails.
          if (turn === this.turn) this.setData({ problem: said(error), state: this.data.state === 'ready' ? 'ready' : 'failed' });
        }
        return null;
      },
      async act(name, work) {
        if (this.data.busy) return null;
        this.setData({ busy: name, problem: null });
        const key = (this.keys[name] = this.keys[name] || freshKey());
        try {
          const result = await work(key);
          delete this.keys[name];
          return result;
        } catch (error) {
          if (!error.isProblem) throw error;
          this.keys[name] = keyAfter(error.status, key);
          this.setData({ problem: said(error) });
          return null;
        } finally {
          this.setData({ busy: '' });
        }
      },
      retry() {
        return this.refresh();
      },
      call12345() {
        wx.makePhoneCall({ phoneNumber: PHONE });
      },
      ...on,
    },
  };
}

const said = (error) => ({ message: error.message, code: error.code });

/** Ask before what cannot be undone; resolves true only for a clear yes. */
function sure(title, content, confirmText) {
  return new Promise((resolve) => {
    wx.showModal({ title, content, confirmText, cancelText: '不了', success: ({ confirm }) => resolve(Boolean(confirm)), fail: () => resolve(false) });
  });
}

module.exports = { page, sure, ELDER };
