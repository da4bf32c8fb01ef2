// The pages against a running platform (CARBON_BASE): one person's first day. Prints what was read, as JSON.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ROOT, open, phone, reset, settle } from './phone.mjs';

const require = createRequire(import.meta.url);
require(join(ROOT, 'config')).BASE = process.env.CARBON_BASE;
// api.js has read the address already: send every request to the platform under test instead.
const { origin } = new URL(process.env.CARBON_BASE);

reset();
phone.login = () => ({ code: process.env.CARBON_CODE });
let waiting = 0;
phone.answer = async ({ method, path, query, body, header }) => {
  waiting += 1;
  const url = new URL(origin + encodeURI(path));
  Object.entries(query).forEach(([name, value]) => url.searchParams.set(name, value));
  const answer = await fetch(url, { method, headers: header, body: body === undefined ? undefined : JSON.stringify(body) });
  const text = await answer.text();
  waiting -= 1;
  return { status: answer.status, data: text ? JSON.parse(text) : '' };
};
async function quiet() {
  do {
    await settle();
    await new Promise((resolve) => setTimeout(resolve, 20));
  } while (waiting);
  await settle();
}
async function at(name, query) {
  const page = await open(name, query);
  await quiet();
  assert.equal(page.data.problem, null, `${name}: ${page.data.problem?.message}`);
  return page;
}
async function press(part) {
  await part.tap();
  await quiet();
}
const read = {};

const welcome = await at('welcome');
assert.ok(welcome.data.counties.length > 5);
await press(welcome.one('enter'));
assert.deepEqual(phone.went.pop(), ['switchTab', '/pages/home/index']);

// The text is read and agreed to, then a walk is reported.
let report = await at('report');
if (report.has('agree')) await press(report.one('agree'));
const walk = report.data.cards.findIndex((card) => card.code === 'XI16');
await report.one('what').send('change', { value: String(walk) });
await report.one('amount').send('input', { value: '2' });
await press(report.one('report'));
assert.equal(report.data.problem, null, report.data.problem?.message);
read.done = report.one('done').text;

const home = await at('home');
read.home = home.text;
read.chart = home.has('chart-finding') ? home.one('chart-finding').text : '';
read.book = (await at('book')).text;
const act = await at('act', { id: String(report.data.done.id) });
read.act = act.text;

const redeem = await at('redeem');
read.redeem = redeem.text;
const [first] = redeem.all('redeem');
if (first) {
  await press(first);
  assert.equal(redeem.data.problem, null, redeem.data.problem?.message);
  const [, url] = phone.went.pop();
  const code = await at('code', { id: new URL(url, 'http://x').searchParams.get('id') });
  read.code = code.one('code').text;
  assert.match(code.data.voucher.picture, /^data:image\/gif/);
}

let family = await at('family');
await family.one('family-name').send('input', { value: '一家人' });
await press(family.one('open'));
assert.equal(family.data.problem, null, family.data.problem?.message);
read.invitation = family.one('invitation').text;
read.family = family.text;

const consent = await at('consent');
read.consents = consent.all('consent').length;
await press(consent.all('withdraw')[0]);
assert.equal(consent.data.problem, null);

const certificate = await at('certificate');
await certificate.one('ask').tap();
await certificate.all('answer')[0].send('input', { value: '1200' });
await press(certificate.one('compute'));
assert.equal(certificate.data.problem, null, certificate.data.problem?.message);
read.footprint = certificate.one('result').text;

const account = await at('account');
await account.one('nickname').send('input', { value: '小满满' });
await press(account.one('save'));
assert.equal(account.data.problem, null, account.data.problem?.message);
read.account = account.text;
await press(account.one('prepare'));
read.copy = phone.files.get('/usr/xinyang-carbon.json').length;
await press(account.one('leave'));
assert.deepEqual([...phone.storage.keys()], []);
read.calls = [...new Set(phone.sent.map((sent) => `${sent.method} ${sent.path.replace(/\/\d+/g, '/{id}')}`))];

process.stdout.write(`${JSON.stringify(read)}\n`);
process.exit(0);
