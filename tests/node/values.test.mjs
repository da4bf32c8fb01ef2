import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BadValue, buildBody, cost, csvOf, exactInteger, fillTemplate, findings, keyAfter, rowsOf, sumOf, tonnes, yuan } from '../../carbon_platform/console/static/values.js';

test('typed decimals become exact integers', () => {
  assert.equal(exactInteger('1,234.5', 3), 1234500);
  assert.equal(exactInteger('0.001', 3), 1);
  assert.equal(exactInteger('48', 2), 4800);
  assert.equal(exactInteger('48.10', 2), 4810);
  assert.equal(exactInteger('1.005', 2), null, 'finer than a fen');
  assert.equal(exactInteger('8.1000', 2), 810, 'zeros are not finer');
  assert.equal(exactInteger('−3.5', 3), -3500);
  for (const wrong of ['', 'abc', '1e3', '0x10', '1.', '.5', '1.2.3', '9007199254740993']) assert.equal(exactInteger(wrong, 3), null, wrong);
});

test('no float creeps in for any tenth, hundredth or thousandth', () => {
  for (let kg = 0; kg < 5000; kg += 7) assert.equal(exactInteger((kg / 1000).toFixed(3), 3), kg);
});

test('a body nests, collects and leaves out what is empty', () => {
  const body = buildBody([
    { name: 'quantity_kg', type: 'kg', value: '1,000' },
    { name: 'period.start', value: '2026-01-01' },
    { name: 'codes[]', value: 'a' },
    { name: 'codes[]', value: 'b' },
    { name: 'list', type: 'list', value: 'x\ny，z' },
    { name: 'agreed', type: 'boolean', value: 'false' },
    { name: 'note', value: '' },
  ]);
  assert.deepEqual(body, { quantity_kg: 1000000, period: { start: '2026-01-01' }, codes: ['a', 'b'], list: ['x', 'y', 'z'], agreed: false });
});

test('rows are collected, and one with an empty cell is left out', () => {
  const rows = ['a', 'b', 'c'].flatMap((batch, n) => [
    { name: `lines.${n}.batch`, value: batch },
    { name: `lines.${n}.quantity_kg`, type: 'kg', value: ['1.5', '', '0.001'][n] },
  ]);
  const lines = [{ batch: 'a', quantity_kg: 1500 }, { batch: 'c', quantity_kg: 1 }];
  assert.deepEqual(buildBody([...rows, { name: 'purpose', value: 'event' }]), { lines, purpose: 'event' });
  assert.equal(sumOf('lines.*.quantity_kg', rows), 1501);
  assert.equal(sumOf('lines.*.quantity_kg', [{ name: 'lines.0.quantity_kg', value: '1.2345' }]), null);
  assert.equal(sumOf('lines.*.quantity_kg', [{ name: 'other.0.quantity_kg', value: '1' }]), 0);
});

test('a value that is no number names its field', () => {
  assert.throws(() => buildBody([{ name: 'price_fen', type: 'fen', value: '4.805' }]), (e) => e instanceof BadValue && e.field === 'price_fen' && e.kind === 'fen');
});

test('an address is filled from the answer, or not used at all', () => {
  assert.equal(fillTemplate('/runs/{id}', { id: 7 }), '/runs/7');
  assert.equal(fillTemplate('/p/{a.b}', { a: { b: 'x y/z' } }), '/p/x%20y%2Fz');
  assert.equal(fillTemplate('/runs/{id}', {}), null);
  assert.equal(fillTemplate('/', {}), '/');
});

test('problems become one line per finding, in the language of the page', () => {
  const problem = { detail: '输入有误', errors: [{ field: 'a', zh: '甲', en: 'A' }, { row: 17, zh: '乙', en: 'B' }] };
  assert.deepEqual(findings(problem, 'zh-CN').map((f) => f.message), ['甲', '乙']);
  assert.deepEqual(findings(problem, 'en').map((f) => f.message), ['A', 'B']);
  assert.equal(findings(problem)[1].row, 17);
  assert.deepEqual(findings({ detail: '余额不足' }), [{ field: '', row: null, message: '余额不足' }]);
});

test('the key stays when the outcome is unknown and changes when nothing happened', () => {
  const fresh = () => 'new';
  for (const unknown of [0, 408, 409, 429, 500, 502, 503]) assert.equal(keyAfter(unknown, 'old', fresh), 'old', String(unknown));
  for (const refused of [400, 403, 404, 422]) assert.equal(keyAfter(refused, 'old', fresh), 'new', String(refused));
});

test('money and tonnes read like the server writes them', () => {
  assert.equal(yuan(1234567), '¥12,345.67');
  assert.equal(yuan(-5), '−¥0.05');
  assert.equal(tonnes(1234567), '1,234.567');
  assert.equal(tonnes(1000000), '1,000');
  assert.equal(cost(1000000, 4800), 4800000);
  assert.equal(cost(1, 4800), 5);
  assert.equal(cost(0.5, 4800), null);
});

test('a saved table holds no formula', () => {
  const text = csvOf([['县', '吨'], ['=1+1', '"x"'], ['−3', '-3']]);
  assert.equal(text, '\ufeff"县","吨"\r\n"\'=1+1","""x"""\r\n"−3","\'-3"\r\n');
});

test('cells of a spreadsheet become rows', () => {
  const wanted = [
    { parcel_code: '411522-1', planting_year: 2014, route: 'default', diesel_l: 0.5 },
    { parcel_code: '12345', planting_year: 2015, route: 'plot' },
  ];
  const tabs = 'parcel_code\tplanting_year\troute\tdiesel_l\n411522-1\t2014\tdefault\t0.5\r\n12345\t2015\tplot\t\n\n';
  assert.deepEqual(rowsOf(tabs), wanted, 'a number-like code stays text, an empty cell is left out');
  assert.deepEqual(rowsOf(tabs.replaceAll('\t', ',')), wanted);
  assert.deepEqual(rowsOf(JSON.stringify(wanted)), wanted);
  for (const wrong of ['', 'parcel_code', 'a\t\n1\t2', 'a,b\n1,2,3', '[1']) assert.equal(rowsOf(wrong), null, wrong);
});
