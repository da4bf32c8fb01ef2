// The submit handler on a small stand-in for the document: what is sent, how often, and what people read.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

class Element {
  constructor(tag) {
    Object.assign(this, { tagName: tag, dataset: {}, children: [], attributes: {}, hidden: false, listeners: {} });
  }
  setAttribute(k, v) { this.attributes[k] = v; }
  getAttribute(k) { return this.attributes[k] ?? null; }
  removeAttribute(k) { delete this.attributes[k]; }
  addEventListener(k, f) { this.listeners[k] = f; }
  append(...e) { this.children.push(...e); }
  prepend(e) { this.children.unshift(e); }
  closest() { return null; }
  focus() { globalThis.focused = this; }
  querySelector() { return null; }
  querySelectorAll(selector) { return selector.includes('.errors') ? [] : selector.includes('must-equal') ? this.mustEqual ?? [] : []; }
}
const field = (name, value, dataset = {}) => Object.assign(new Element('INPUT'), { name, value, type: 'text', dataset, id: name });
let requests, answers, visited;

class Request {
  constructor() { this.headers = {}; this.upload = new Element('UPLOAD'); this.listeners = {}; requests.push(this); }
  open(method, url) { Object.assign(this, { method, url }); }
  setRequestHeader(k, v) { this.headers[k] = v; }
  addEventListener(k, f) { this.listeners[k] = f; }
  send(body) {
    this.body = body;
    const answer = answers.shift();
    setTimeout(() => {
      if (answer.status === 0) return this.listeners.error();
      const text = JSON.stringify(answer.data ?? {});
      Object.assign(this, { status: answer.status, responseText: text, response: answer.file ?? { text: async () => text } });
      this.listeners.load();
    }, 5);
  }
}

beforeEach(() => {
  requests = []; answers = []; visited = [];
  globalThis.focused = null;
  globalThis.XMLHttpRequest = Request;
  globalThis.location = { assign: (url) => visited.push(url), reload: () => visited.push('reload') };
  globalThis.document = { documentElement: { lang: 'zh-CN' }, createElement: (t) => new Element(t.toUpperCase()), querySelector: () => ({ content: 'csrf-token' }) };
});

const { attachForms } = await import('../../carbon_platform/console/static/forms.js');
const words = { errors: '请先改这几处', row: '第 {n} 行：', offline: '没有连上', mustEqual: '请输入 {value}', bad: '格式不对', bad_kg: '请填吨数' };

function page(dataset, elements) {
  const form = Object.assign(new Element('FORM'), { dataset, elements: [...elements, Object.assign(new Element('BUTTON'), { type: 'submit' })], enctype: '', id: 'f' });
  form.closest = () => form;
  form.querySelector = (s) => form.elements.find((e) => s === `[name="${e.name}"]`) ?? null;
  form.mustEqual = elements.filter((e) => e.dataset.mustEqual);
  const root = new Element('ROOT');
  attachForms(root, words);
  return { form, submit: () => root.listeners.submit({ target: form, preventDefault() {} }) };
}
const summary = (form) => form.children.find((c) => c.className === 'errors');
const lines = (form) => summary(form).children[1].children.map((li) => li.textContent ?? li.children[0].textContent);

test('JSON, token and key are sent; success goes on', async () => {
  answers = [{ status: 201, data: { id: 7 } }];
  const { submit } = page({ api: 'POST /api/v1/listings/5/orders', idempotent: '', next: '/x/{id}' }, [field('quantity_kg', '1.5', { type: 'kg' })]);
  await submit();
  const [r] = requests;
  assert.equal(`${r.method} ${r.url}`, 'POST /api/v1/listings/5/orders');
  assert.deepEqual(JSON.parse(r.body), { quantity_kg: 1500 });
  assert.equal(r.headers['X-CSRF-Token'], 'csrf-token');
  assert.match(r.headers['Idempotency-Key'], /.{16,}/);
  assert.deepEqual(visited, ['/x/7']);
});

test('a double click is one request', async () => {
  answers = [{ status: 201, data: {} }, { status: 201, data: {} }];
  const { submit } = page({ api: 'POST /a' }, []);
  await Promise.all([submit(), submit(), submit()]);
  assert.equal(requests.length, 1);
});

test('a lost answer is retried with the same key, a refusal with a new one', async () => {
  answers = [{ status: 0 }, { status: 422, data: { detail: '余额不足' } }, { status: 201, data: {} }];
  const { submit, form } = page({ api: 'POST /a', idempotent: '' }, []);
  await submit();
  assert.deepEqual(lines(form), ['没有连上']);
  await submit();
  await submit();
  const keys = requests.map((r) => r.headers['Idempotency-Key']);
  assert.equal(keys[0], keys[1]);
  assert.notEqual(keys[1], keys[2]);
});

test('a problem is summarised, focused, and repeated at its field', async () => {
  answers = [{ status: 422, data: { code: 'x', errors: [{ field: 'amount', zh: '金额要大于零。' }, { row: 3, zh: '重叠。' }] } }];
  const amount = field('amount', '0');
  const { submit, form } = page({ api: 'POST /a' }, [amount]);
  await submit();
  assert.equal(globalThis.focused, summary(form));
  assert.equal(amount.attributes['aria-invalid'], 'true');
  assert.deepEqual(lines(form), ['金额要大于零。', '第 3 行： 重叠。']);
  assert.equal(form.elements.at(-1).disabled, false, 'the button works again');
});

test('a wrong number never leaves the page', async () => {
  const { submit, form } = page({ api: 'POST /a' }, [field('quantity_kg', '1.2345', { type: 'kg' })]);
  await submit();
  assert.equal(requests.length, 0);
  assert.deepEqual(lines(form), ['请填吨数']);
});

test('typed tonnage must repeat the tonnage', async () => {
  answers = [{ status: 201, data: {} }];
  const typed = field('', '100', { mustEqual: 'quantity_kg', field: 'typed' });
  const { submit, form } = page({ api: 'POST /a' }, [field('quantity_kg', '1000', { type: 'kg' }), typed]);
  await submit();
  assert.equal(requests.length, 0);
  assert.deepEqual(lines(form), ['请输入 1000']);
  typed.value = '1,000';
  await submit();
  assert.equal(requests.length, 1);
});

test('what is told once is shown in place: slots filled from what was sent and answered', async () => {
  answers = [{ status: 201, data: { masked: '138****1234', demo: '' } }];
  const { form, submit } = page({ api: 'POST /a', fills: 'step', next: '/elsewhere' }, [field('phone', '13800001234')]);
  const slot = (name, more = {}) => Object.assign(new Element('SPAN'), { dataset: { slot: name }, ...more });
  const slots = [slot('masked'), slot('demo'), slot('phone', { value: '' })];
  const step = Object.assign(new Element('DIV'), { hidden: true });
  step.querySelectorAll = () => slots;
  globalThis.document.getElementById = (id) => (id === 'step' ? step : null);
  await submit();
  assert.deepEqual([slots[0].textContent, slots[1].hidden, slots[2].value], ['138****1234', true, '13800001234']);
  assert.equal(step.hidden, false);
  assert.equal(globalThis.focused, step);
  assert.deepEqual(visited, []);
  assert.equal(form.dataset.busy, undefined, 'the form can be sent again');
});

test('an answer is kept as a file; a problem in its place is read out of it', async () => {
  const saved = [];
  const link = (tag) => Object.assign(new Element(tag), { click() { saved.push([this.href, this.download]); } });
  globalThis.document.createElement = (tag) => link(tag.toUpperCase());
  globalThis.URL.createObjectURL = () => 'blob:1';
  globalThis.URL.revokeObjectURL = () => {};
  answers = [{ status: 200, file: 'bytes' }, { status: 403, data: { code: 'no', detail: '不行' } }];
  const { form, submit } = page({ api: 'GET /a?format=csv', save: 'mine.zip' }, []);
  await submit();
  assert.deepEqual(saved, [['blob:1', 'mine.zip']]);
  assert.equal(requests[0].responseType, 'blob');
  await submit();
  assert.deepEqual(lines(form), ['不行']);
});
