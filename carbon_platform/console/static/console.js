// Progressive extras: every page reads, links and prints without this file.

import { attachForms, controls } from './forms.js';
import { cost, csvOf, exactInteger, sumOf, tonnes, yuan } from './values.js';

const html = document.documentElement;
const words = JSON.parse(document.getElementById('words')?.textContent ?? '{}');

const live = Object.assign(document.createElement('p'), { className: 'sr' });
live.setAttribute('role', 'status');
document.body.append(live);
const say = (text) => (live.textContent = text);

// ---- theme, large type, language: links that work alone; here without a reload where possible ----
const remember = (name, value) => (document.cookie = `${name}=${value};path=/;max-age=31536000;samesite=lax`);
const settings = {
  theme(value) {
    html.dataset.theme = value === 'auto' ? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light') : value;
    dispatchEvent(new CustomEvent('xy:theme'));
  },
  elder(value) {
    html.toggleAttribute('data-elder', value === '1');
  },
};
document.addEventListener('click', (event) => {
  const link = event.target.closest('a[data-set]');
  if (!link) return;
  const [name, value] = link.dataset.set.split('=');
  remember(name, value);
  if (!settings[name] || name === 'elder') return; // language and large type come from the server
  event.preventDefault();
  settings[name](value);
  link.closest('ul')?.querySelectorAll(`a[data-set^="${name}="]`).forEach((a) => a.removeAttribute('aria-current'));
  link.setAttribute('aria-current', 'true');
  link.closest('details')?.removeAttribute('open');
  say(link.textContent.trim());
});
document.addEventListener('click', (event) => {
  document.querySelectorAll('.topbar details[open], .tools details[open]').forEach((d) => d.contains(event.target) || d.removeAttribute('open'));
});
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape') return;
  const open = document.querySelector('.topbar details[open], .tools details[open]');
  open?.removeAttribute('open');
  open?.querySelector('summary').focus();
});

// On a phone the bar of tasks scrolls: the one that is open stands in sight.
const bar = document.querySelector('.mainnav ul');
const here = bar?.querySelector('[aria-current]');
if (here) bar.scrollLeft = here.offsetLeft - bar.offsetLeft - 16;

// ---- dialogs and printing ----
document.addEventListener('click', (event) => {
  const opener = event.target.closest('[data-dialog]');
  if (opener) {
    const dialog = document.getElementById(opener.dataset.dialog);
    for (const [name, value] of Object.entries(JSON.parse(opener.dataset.fill ?? '{}'))) {
      dialog.querySelectorAll(`[data-filled="${name}"]`).forEach((e) => ('value' in e ? (e.value = value) : (e.textContent = value)));
    }
    dialog.showModal();
  }
  const closer = event.target.closest('[data-close]');
  if (closer) closer.closest('dialog').close();
  if (event.target.closest('[data-print]')) print();
  const save = event.target.closest('[data-csv]'); // the table twin of a chart as a file
  if (save) {
    const rows = [...save.closest('figure').querySelectorAll('table tr')].map((row) => [...row.cells].map((c) => c.textContent));
    const url = URL.createObjectURL(new Blob([csvOf(rows)], { type: 'text/csv' }));
    Object.assign(document.createElement('a'), { href: url, download: `${save.dataset.csv}.csv` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }
  const put = event.target.closest('[data-put]'); // fill a form elsewhere on the page, e.g. a demo log-in
  if (put) {
    const { elements } = document.getElementById(put.dataset.form);
    for (const [name, value] of Object.entries(JSON.parse(put.dataset.put))) elements[name].value = value;
    [...elements].find((e) => e.type === 'submit')?.focus();
  }
});

// ---- figures that follow what is typed: <output data-follow="quantity_kg" data-price="4800"> ----
function follow(form) {
  form.querySelectorAll('[data-follow]').forEach((output) => {
    const name = output.dataset.follow;
    const kg = name.includes('*') ? sumOf(name, controls(form)) || null : exactInteger(form.elements[name]?.value ?? '', 3);
    const price = Number(output.dataset.price);
    const sum = output.dataset.price && kg !== null && kg > 0 ? cost(kg, price) : null;
    const shown = kg === null || kg <= 0 ? '…' : output.dataset.price ? yuan(sum) : tonnes(kg);
    output.textContent = (output.dataset.text ?? '{n}').replace('{n}', shown);
  });
}
document.addEventListener('input', (event) => event.target.form && follow(event.target.form));
document.querySelectorAll('form').forEach((form) => form.querySelector('[data-follow]') && follow(form));

// ---- a deep link opens what it points into; filters apply on change ----
function reveal() {
  const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let at = target; at; at = at.parentElement) if (at.tagName === 'DETAILS') at.open = true;
  if (target) target.scrollIntoView();
}
addEventListener('hashchange', reveal);
reveal();
document.querySelectorAll('form[data-auto] select').forEach((s) => s.addEventListener('change', () => s.form.requestSubmit()));

attachForms(document, words);
const waiting = globalThis.early ?? []; // see early.js
globalThis.early = null;
waiting.forEach((act) => act());
// Heavy parts only where a page has one.
if (document.querySelector('[data-map]')) import('./map.js').then((m) => m.drawMaps(words));
if (document.querySelector('[data-chart]')) import('./charts.js').then((m) => m.drawCharts());
