import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KINDS, grammar, short, shown, waterfallSteps } from '../../carbon_platform/console/static/chart_options.js';

const c = new Proxy({ language: 'zh', font: 'sans' }, { get: (t, k) => t[k] ?? `colour:${String(k)}` });

test('a waterfall runs from total to total and ends where the sum says', () => {
  const steps = waterfallSteps([
    { kind: 'total', value: 100 },
    { kind: 'change', value: -30 },
    { kind: 'change', value: -90 },
    { kind: 'total', value: -20 },
  ]);
  assert.deepEqual(steps.map((s) => [s.from, s.to]), [[0, 100], [100, 70], [70, -20], [0, -20]]);
});

test('an estimate is hollow and dashed, what is issued is solid', () => {
  assert.equal(grammar('est', c).color, 'transparent');
  assert.equal(grammar('est', c).borderType, 'dashed');
  assert.equal(grammar('issued', c).borderWidth, 0);
  assert.notEqual(grammar('issued', c).color, grammar('done', c).color);
});

test('figures: groups, true minus, one decimal for all when one needs it, fen for money', () => {
  assert.equal(shown(-1234567, '吨'), '−1,234,567');
  assert.equal(shown(-41, '吨', [4559.7, -41]), '−41.0');
  assert.equal(shown(-41, '吨', [4559, -41]), '−41');
  assert.equal(shown(143369.66, '元'), '143,369.66');
  assert.equal(short(150000000), '1.5 亿');
  assert.equal(short(150000, 'en'), '150k');
});

test('funnel: first stage on top, target line, notes only where there is room', () => {
  const data = { unit: '吨', stages: [{ label: 'a', value: 9, note: 'n', certainty: 'est' }, { label: 'b', value: 3, certainty: 'issued' }], target: { value: 12, label: 't' } };
  const wide = KINDS.funnel(data, c, 900, 'f');
  assert.deepEqual(wide.yAxis.data, ['b', 'a']);
  assert.equal(wide.series[0].markLine.data[0].xAxis, 12);
  assert.ok(wide.series[0].data[1].label.formatter.includes('n'));
  assert.ok(!KINDS.funnel(data, c, 360, 'f').series[0].data[1].label.formatter.includes('{note'));
  assert.equal(wide.xAxis.min, 0, 'bars start at zero');
});

test('a gap in a line stays a gap', () => {
  const option = KINDS.line({ unit: '元', labels: ['a', 'b', 'c'], series: [{ name: 's', values: [1, null, 2] }] }, c, 600, 'f');
  assert.equal(option.series[0].connectNulls, false);
  assert.equal(option.series[0].data[1].value, null);
  assert.equal(option.series[0].data[2].label.show, true);
});

test('every kind carries its finding for readers and does not move', () => {
  const data = { unit: '吨', steps: [{ kind: 'total', value: 1, label: 'x' }], stages: [], bars: [], labels: [], series: [] };
  for (const [kind, make] of Object.entries(KINDS)) {
    const option = make(data, c, 600, 'the finding');
    assert.equal(option.aria.label.description, 'the finding', kind);
    assert.equal(option.animation, false, kind);
  }
});

test('thirty bars keep one figure and every third name; seven keep all', () => {
  const month = Array.from({ length: 30 }, (_, day) => ({ label: String(day + 1), value: day, quiet: day !== 29 }));
  const drawn = KINDS.bar({ unit: '克', bars: month }, c, 358, '');
  assert.deepEqual(drawn.series[0].data.map((bar) => bar.label.show).filter(Boolean), [true]);
  assert.equal(drawn.xAxis.axisLabel.interval, 'auto');
  assert.equal(drawn.yAxis.min, 0);
  const week = KINDS.bar({ unit: '克', bars: month.slice(0, 7).map(({ label, value }) => ({ label, value })) }, c, 358, '');
  assert.equal(week.series[0].data.filter((bar) => bar.label.show).length, 6, 'a day without grams has no figure');
  assert.equal(week.xAxis.axisLabel.interval, 0);
});
