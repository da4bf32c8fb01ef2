// <figure data-chart="waterfall"> with its data in <script type="application/json"> → an SVG chart.
// The table twin in the page says the same; a chart that cannot be drawn takes nothing away.

import { KINDS } from './chart_options.js';
import { init } from './vendor/echarts.mjs';

function colours() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    surface: of('surface'), ink: of('ink'), ink2: of('ink-2'), ink3: of('ink-3'), line: of('line'), edge: of('edge'), huai: of('huai'),
    tea: of('tea-fill'), oil: of('oil-fill'), brick: of('brick'), cam: of('cam-fill'), water: of('water'),
    font: of('sans'), language: document.documentElement.lang,
  };
}

function draw(figure) {
  const box = figure.querySelector('.chart');
  const data = JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
  const finding = figure.dataset.finding ?? '';
  const chart = init(box, null, { renderer: 'svg' });
  let drawn = 0;
  const render = () => {
    drawn = box.clientWidth;
    chart.resize();
    chart.setOption(KINDS[figure.dataset.chart](data, colours(), drawn, finding), true);
  };
  render();
  box.setAttribute('role', 'img');
  box.setAttribute('aria-label', finding);
  addEventListener('xy:theme', render);
  addEventListener('beforeprint', render);
  new ResizeObserver(() => box.clientWidth !== drawn && render()).observe(box);
}

export function drawCharts() {
  document.querySelectorAll('[data-chart]').forEach(draw);
}
