// Bars as heights in percent, from zero, and the finding that stands above them. Pure; views draw them.

const { carbon, plainDay, weekday } = require('./show');

/** [{label, value, text}] → the same with `height` (0 to 100, at least 2 for what is not zero) and `most`. */
function bars(items) {
  const highest = Math.max(0, ...items.map((item) => item.value));
  return items.map((item) => ({
    ...item,
    height: highest && item.value > 0 ? Math.max(2, Math.round((item.value / highest) * 100)) : 0,
    most: item.value > 0 && item.value === highest,
  }));
}

/** The last seven days of the book; null when there is nothing to draw. */
function weekChart(days, todayDay) {
  const items = days.map((day) => ({
    key: day.day,
    label: weekday(day.day, todayDay),
    long: plainDay(day.day, todayDay),
    value: day.reduction_g,
    text: day.reduction_g ? String(day.reduction_g) : '',
    acts: day.acts,
  }));
  const drawn = bars(items);
  const best = drawn.find((item) => item.most);
  return best ? { finding: `近七天，${best.label}最多：${carbon(best.value)}`, unit: '克', bars: drawn } : null;
}

module.exports = { bars, weekChart };
