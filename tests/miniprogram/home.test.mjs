import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';
import { NOW, act, book, consent, done, ok, points, proxies, refusal, signedIn } from './answers.mjs';
import { open, phone, reset, routes, settle } from './phone.mjs';

mock.timers.enable({ apis: ['Date'], now: NOW });
const HOME = { 'GET /api/v1/citizen/book': ok(book()), 'GET /api/v1/citizen/points': ok(points()), 'GET /api/v1/citizen/consents': ok([consent()]), 'GET /api/v1/citizen/proxies': ok(proxies()) };

beforeEach(() => {
  reset();
  phone.storage.set('xy_token', 't-0');
  phone.answer = routes(HOME);
});

test('home shows today, the purse and today\'s lines', async () => {
  const home = await open('home');
  assert.match(home.one('saved').text, /^80 克$/);
  assert.match(home.text, /本月 6.84 千克 · 今年 57.60 千克/);
  assert.match(home.text, /积分 60 分/);
  assert.match(home.text, /另有 20 分，11 月 24 日起能用/);
  assert.equal(home.all('entry').length, 2, 'yesterday\'s line stands in the book only');
  assert.match(home.text, /公交一趟 11:00 · 演示公交/);
  assert.match(home.text, /没有计入 同一段路只计一次。/);
  assert.ok(!home.has('ask'));
});

test('a line that somebody reported for the reader names them', async () => {
  phone.answer = routes({ ...HOME, 'GET /api/v1/citizen/proxies': ok(proxies({ actions: [done(), done({ kind: 'redemption', object_id: 9, by: '村里' })] })) });
  const home = await open('home');
  assert.match(home.text, /公交一趟 11:00 · 演示公交 · 大海代报/);
  assert.ok(!home.text.includes('村里'), 'act 9 is not voucher 9');
});

test('the chart says its finding, starts at zero and has a table', async () => {
  const home = await open('home');
  assert.equal(home.one('chart-finding').text, '近七天，周四最多：160 克');
  const heights = home.all('chart-bar').map((bar) => Number(/height:\s*(\d+)%/.exec(bar.style)[1]));
  assert.deepEqual(heights, [0, 25, 0, 100, 0, 44, 50]);
  // The longest bar fills its track; its figure has room above, its day stands below the track.
  assert.deepEqual(home.all('chart-track').map((track) => track.text), ['', '40', '', '160', '', '70', '80']);
  assert.ok(!home.has('chart-table'));
  await home.one('chart-toggle').tap();
  assert.match(home.one('chart-table').text, /11 月 19 日 ?160 克/);
});

test('large type: four verbs, the telephone, no chart, and it is remembered', async () => {
  let home = await open('home');
  await home.one('elder-switch').tap();
  assert.ok(home.has('elder'));
  assert.deepEqual(home.all('verb').map((verb) => verb.text), ['换东西', '看我的账', '家里人', '打 12345 问']);
  assert.ok(!home.has('chart-bars'));
  await home.one('call').tap();
  await home.all('verb')[1].tap();
  assert.deepEqual(phone.went, [['call', '12345'], ['switchTab', '/pages/book/index']]);
  home = await open('home');
  assert.ok(home.has('elder'));
  await home.one('elder-switch').tap();
  assert.ok((await open('home')).has('chart-bars'));
});

test('without consent the way to the texts is shown', async () => {
  phone.answer = routes({ ...HOME, 'GET /api/v1/citizen/consents': ok([consent({ current: false, consent_id: null, given_at: null })]) });
  const home = await open('home');
  assert.match(home.one('ask').text, /同意了才记/);
});

test('nobody who has not joined is signed in: the welcome page comes first', async () => {
  phone.storage.clear();
  await open('home');
  assert.deepEqual(phone.went, [['reLaunch', '/pages/welcome/index']]);
  assert.deepEqual(phone.sent, []);
});

test('an expired session is renewed once, for three calls at once, and nothing is asked of the person', async () => {
  const expired = ({ header }) => header.Authorization === 'Bearer t-0';
  const table = Object.fromEntries(Object.entries(HOME).map(([path, good]) => [path, (sent) => (expired(sent) ? refusal(401, 'identity.not_signed_in', '请先登录。') : good)]));
  phone.storage.set('xy_joined', '1');
  phone.answer = routes({ ...table, 'POST /api/v1/citizen/sessions': () => signedIn });
  const home = await open('home');
  assert.match(home.text, /公交一趟/);
  assert.equal(phone.sent.filter((sent) => sent.method === 'POST').length, 1);
  assert.equal(phone.codes, 1);
  assert.equal(phone.storage.get('xy_token'), 't-1');
});

test('a session that stays refused ends in words, not in a circle', async () => {
  phone.storage.set('xy_joined', '1');
  const never = () => refusal(401, 'identity.not_signed_in', '请先登录。');
  phone.answer = routes({ ...Object.fromEntries(Object.keys(HOME).map((path) => [path, never])), 'POST /api/v1/citizen/sessions': () => signedIn });
  const home = await open('home');
  assert.match(home.text, /请先登录/);
  assert.ok(phone.sent.length < 12);
});

test('offline: the words say so, a second try loads', async () => {
  phone.answer = () => ({ status: 0 });
  const home = await open('home');
  assert.match(home.one('problem').text, /没有连上平台/);
  phone.answer = routes(HOME);
  await home.one('problem-retry').tap();
  assert.ok(!home.has('problem'));
  assert.match(home.text, /公交一趟/);
});

test('a later failure leaves what is on the page readable', async () => {
  const home = await open('home');
  phone.answer = () => refusal(503, 'platform.busy', '现在人多，请稍后再试。');
  await home.show();
  assert.match(home.text, /现在人多/);
  assert.match(home.text, /公交一趟/);
});

test('of two loads under way the later one shows', async () => {
  const waiting = [];
  const home = await open('home');
  phone.answer = (sent) => (sent.path.endsWith('/book') ? new Promise((resolve) => waiting.push(resolve)) : routes(HOME)(sent));
  const first = home.run('onShow');
  const second = home.run('onShow');
  await settle();
  waiting[1](ok(book({ items: [act({ behaviour: 'SH03' })] })));
  await second;
  waiting[0](ok(book({ items: [act({ behaviour: 'XI14b' })] })));
  await first;
  await settle();
  assert.match(home.text, /光盘一餐/);
  assert.ok(!/公交一趟/.test(home.text));
});
