// A bar chart of views: the finding above, a table twin below. chart: see lib/chart.js; null draws nothing.
Component({
  properties: { chart: { type: Object, value: null } },
  data: { table: false },
  methods: {
    toggle() {
      this.setData({ table: !this.data.table });
    },
  },
});
