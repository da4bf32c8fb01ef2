// What went wrong and what to do next. retry: may the page load again?
Component({
  properties: { problem: { type: Object, value: null }, retry: { type: Boolean, value: false } },
  methods: {
    again() {
      this.triggerEvent('retry');
    },
  },
});
