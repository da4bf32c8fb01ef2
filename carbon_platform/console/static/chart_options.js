// Data of a figure → options of ECharts. Pure, tested with node --test.
// Certainty is drawn: "est" hollow and dashed, "checked" and "issued" solid, "done" in ink.

const number = (value) => {
  const rounded = Math.round(value * 10) / 10;
  const [whole, part] = Math.abs(rounded).toString().split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',');
  return `${rounded < 0 ? '−' : ''}${grouped}${part ? `.${part}` : ''}`;
};
const money = (value) => {
  const [whole, part] = Math.abs(value).toFixed(2).split('.');
  return `${value < 0 ? '−' : ''}${whole.replace(/\B(?=(\d{3})+$)/g, ',')}.${part}`;
};
const MONEY = new Set(['元', '¥', 'CNY']);
const tenths = (value) => number(value) + (Number.isInteger(Math.round(value * 10) / 10) ? '.0' : '');
/** Money to the fen; figures of one chart all with a tenth when any of them needs it. */
export function shown(value, unit, all = [value]) {
  if (MONEY.has(unit)) return money(value);
  return all.some((v) => !Number.isInteger(v)) ? tenths(value) : number(value);
}
// Axis labels stay short: 万 and 亿 in Chinese, k and M in English.
export function short(value, language = 'zh') {
  const steps = language.startsWith('en') ? [[1e6, 'M'], [1e3, 'k']] : [[1e8, ' 亿'], [1e4, ' 万']];
  const step = steps.find(([size]) => Math.abs(value) >= size);
  return step ? number(value / step[0]) + step[1] : number(value);
}

/** Fill, border and dash of one bar. `c` holds the colours read from the style sheet. */
export function grammar(certainty, c) {
  const solid = { done: c.ink, issued: c.tea, checked: c.huai, registered: c.water, people: c.cam, keep: c.edge, minus: c.brick };
  if (certainty === 'est') return { color: 'transparent', borderColor: c.oil, borderWidth: 1.6, borderType: 'dashed' };
  return { color: solid[certainty] ?? c.huai, borderWidth: 0 };
}

/** Running from/to of each waterfall step; totals start at zero. Money versions end in payees. */
export function waterfallSteps(steps) {
  let at = 0;
  return steps.map((step) => {
    const from = step.kind === 'total' ? 0 : at;
    const to = step.kind === 'total' ? step.value : at + step.value;
    at = to;
    return { ...step, from, to };
  });
}

const base = (c, finding) => ({
  animation: false,
  aria: { enabled: true, label: { description: finding } },
  textStyle: { fontFamily: c.font, fontSize: 13, color: c.ink2 },
});
const axis = (c) => ({
  axisLine: { lineStyle: { color: c.edge } },
  axisTick: { show: false },
  axisLabel: { color: c.ink2, fontSize: 13 },
  splitLine: { lineStyle: { color: c.line } },
});

const PAID = new Set(['keep', 'people']); // what someone receives is written without a minus

export function waterfall(data, c, width, finding) {
  const steps = waterfallSteps(data.steps);
  const values = steps.map((s) => s.value);
  const narrow = width / steps.length < 76;
  const lowest = Math.min(0, ...steps.map((s) => Math.min(s.from, s.to)));
  const draw = (params, api) => {
    const step = steps[params.dataIndex];
    const slot = api.size([1, 0])[0];
    const wide = slot * 0.66;
    const [x, top] = api.coord([params.dataIndex, Math.max(step.from, step.to)]);
    const bottom = api.coord([params.dataIndex, Math.min(step.from, step.to)])[1];
    const end = api.coord([params.dataIndex, step.to])[1];
    const look = grammar(step.certainty ?? (step.kind === 'total' ? (data.estimate ? 'est' : 'checked') : 'minus'), c);
    const children = [
      {
        type: 'rect',
        shape: { x: x - wide / 2, y: top, width: wide, height: Math.max(bottom - top, 2) },
        style: { fill: look.color, stroke: look.borderColor, lineWidth: look.borderWidth, lineDash: look.borderType === 'dashed' ? [5, 4] : null },
      },
      {
        type: 'text',
        style: { x, y: top - 8, text: shown(PAID.has(step.certainty) ? Math.abs(step.value) : step.value, data.unit, values), textAlign: 'center', textVerticalAlign: 'bottom', fill: c.ink, stroke: c.surface, lineWidth: 4, font: `600 ${narrow ? 12 : 14}px ${c.font}` },
      },
    ];
    if (params.dataIndex < steps.length - 1) {
      children.push({
        type: 'line',
        shape: { x1: x + wide / 2, y1: end, x2: x + slot - wide / 2, y2: end },
        style: { stroke: c.edge, lineWidth: 1, lineDash: [4, 3] },
      });
    }
    return { type: 'group', children };
  };
  return {
    ...base(c, finding),
    grid: { left: 8, right: 8, top: 34, bottom: 8, containLabel: true },
    xAxis: {
      ...axis(c),
      type: 'category',
      data: steps.map((s) => s.label),
      axisLabel: {
        color: c.ink2,
        interval: 0,
        lineHeight: 18,
        width: Math.max(Math.floor(width / steps.length) - 12, 40),
        overflow: 'break',
        formatter: (label, i) => `{l|${label}}${steps[i].symbol ? `\n{s|${steps[i].symbol}}` : ''}`,
        rich: { l: { color: c.ink2, fontSize: narrow ? 12 : 13 }, s: { color: c.ink3, fontSize: 12, padding: [4, 0, 0, 0] } },
      },
    },
    yAxis: { ...axis(c), type: 'value', min: lowest < 0 ? null : 0, axisLine: { show: false }, axisLabel: { ...axis(c).axisLabel, formatter: (v) => short(v, c.language) } },
    series: [
      {
        type: 'custom',
        renderItem: draw,
        data: steps.map((s, i) => [i, s.from, s.to]),
        encode: { x: 0, y: [1, 2] },
        markLine: data.line && {
          silent: true,
          symbol: 'none',
          z: 1, // under the figures, whose halo keeps them readable
          lineStyle: { color: c.ink, type: 'dashed', width: 2 },
          label: { formatter: data.line.label, position: 'insideEndTop', color: c.ink, fontWeight: 600, fontSize: 13 },
          data: [{ yAxis: data.line.value }],
        },
      },
    ],
  };
}

/** Horizontal bars from zero, the first stage on top; the narrowest step is written in brick. */
export function funnel(data, c, width, finding) {
  const narrow = width < 520;
  const stages = [...data.stages].reverse();
  const longest = Math.max(...stages.map((s) => s.value), data.target?.value ?? 0, 1);
  return {
    ...base(c, finding),
    grid: { left: 4, right: narrow ? 24 : 8, top: 8, bottom: data.target ? 28 : 8, containLabel: true },
    xAxis: { ...axis(c), type: 'value', min: 0, max: narrow ? longest * 1.5 : longest * 1.35, show: false },
    yAxis: { ...axis(c), type: 'category', data: stages.map((s) => s.label), axisLabel: { color: c.ink, fontSize: 14, fontWeight: 400 } },
    series: [
      {
        type: 'bar',
        barWidth: '62%',
        barMinHeight: 2,
        data: stages.map((s) => ({
          value: s.value,
          itemStyle: grammar(s.certainty, c),
          label: {
            show: true,
            position: 'right',
            formatter: `{v|${shown(s.value, data.unit)}}${s.note && !narrow ? `  {${s.narrow ? 'hot' : 'note'}|${s.note}}` : ''}`,
            rich: { v: { fontWeight: 600, fontSize: 14, color: c.ink }, note: { color: c.ink2, fontSize: 13 }, hot: { color: c.brick, fontSize: 13, fontWeight: 600 } },
          },
        })),
        markLine: data.target && {
          silent: true,
          symbol: 'none',
          lineStyle: { color: c.ink, type: 'dashed', width: 2 },
          label: { formatter: data.target.label, position: 'start', color: c.ink, fontWeight: 600, align: 'right', fontSize: 13 },
          data: [{ xAxis: data.target.value }],
        },
      },
    ],
  };
}

/** Upright bars from zero; a `quiet` one keeps its figure for the table, where figures would touch. */
export function bar(data, c, width, finding) {
  return {
    ...base(c, finding),
    grid: { left: 8, right: 8, top: 28, bottom: 4, containLabel: true },
    xAxis: { ...axis(c), type: 'category', data: data.bars.map((b) => b.label), axisLabel: { color: c.ink2, fontSize: 13, interval: data.bars.length > 12 ? 'auto' : 0 } },
    yAxis: { ...axis(c), type: 'value', min: 0, splitNumber: 3, axisLine: { show: false }, axisLabel: { ...axis(c).axisLabel, formatter: (v) => short(v, c.language) } },
    series: [
      {
        type: 'bar',
        barWidth: '58%',
        data: data.bars.map((b) => ({
          value: b.value,
          itemStyle: grammar(b.certainty ?? 'registered', c),
          label: { show: b.value !== 0 && !b.quiet, position: 'top', color: c.ink, fontWeight: 600, fontSize: 13, formatter: shown(b.value, data.unit) },
        })),
      },
    ],
  };
}

/** Lines with points; a null is a gap and stays one; forecasts are dashed; the last point is labelled. */
export function line(data, c, width, finding) {
  const colours = [c.huai, c.cam, c.tea, c.water];
  return {
    ...base(c, finding),
    grid: { left: 8, right: 28, top: 28, bottom: 4, containLabel: true },
    xAxis: { ...axis(c), type: 'category', data: data.labels, boundaryGap: true },
    yAxis: { ...axis(c), type: 'value', scale: !data.from_zero, splitNumber: 3, axisLine: { show: false }, axisLabel: { ...axis(c).axisLabel, formatter: (v) => short(v, c.language) } },
    series: data.series.map((s, index) => {
      const known = s.values.map((v, i) => (v === null ? -1 : i)).filter((i) => i >= 0);
      const last = known[known.length - 1];
      return {
        type: 'line',
        name: s.name,
        connectNulls: false,
        symbol: 'circle',
        symbolSize: 8,
        lineStyle: { color: colours[index], width: 2.5, type: s.forecast ? 'dashed' : 'solid' },
        itemStyle: { color: colours[index] },
        data: s.values.map((v, i) => ({
          value: v,
          label: { show: i === last || i === known[0], position: 'top', formatter: v === null ? '' : shown(v, data.unit), color: c.ink, fontWeight: 600, fontSize: 13 },
        })),
      };
    }),
  };
}

export const KINDS = { waterfall, funnel, bar, line };
