// One line of the book; see lib/rows.js. A press opens how it was worked out.
Component({
  properties: { entry: { type: Object, value: null } },
  methods: {
    open() {
      wx.navigateTo({ url: `/pages/act/index?id=${this.data.entry.id}` });
    },
  },
});
