// Book, act, report, redeem, code, consent, welcome: what a person reads and presses, and what is sent.
import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';
import { NOW, act, book, consent, done, ok, offers, points, proxies, redemption, refusal, refused, reward, signedIn } from './answers.mjs';
import { open, phone, reset, routes } from './phone.mjs';

mock.timers.enable({ apis: ['Date'], now: NOW });
const BASE = {
  'GET /api/v1/citizen/book': ok(book()),
  'GET /api/v1/citizen/points': ok(points()),
  'GET /api/v1/citizen/points/claims': ok({ points: 0, acts: 0, claim_by: null, under_review: false, note_zh: '', note_en: '' }),
  'GET /api/v1/citizen/consents': ok([consent()]),
  'GET /api/v1/citizen/bindings': ok([]),
  'GET /api/v1/citizen/behaviours': ok(offers),
  'GET /api/v1/citizen/rewards': ok([reward(), reward({ code: 'rice', name_zh: '再生稻米', price_points: 520, stock: 1 }), reward({ code: 'gone', name_zh: '茶', stock: 0 })]),
  'GET /api/v1/citizen/redemptions': ok([]),
  'GET /api/v1/citizen/donations': ok({ projects: [], items: [] }),
  'GET /api/v1/citizen/appeals': ok([]),
  'GET /api/v1/citizen/proxies': ok(proxies()),
  'GET /api/v1/citizen/bundles': ok({ creditable_g: 0, agreed: false, items: [], act_bundle: '' }),
  'GET /api/v1/acts/9': ok(book().items[0]),
  'GET /api/v1/acts/7': ok(act()),
};
const posted = () => phone.sent.filter((sent) => sent.method !== 'GET');

beforeEach(() => {
  reset();
  phone.storage.set('xy_token', 't-0');
  phone.answer = routes(BASE);
});

test('the book: days with their lines, more on demand, none twice', async () => {
  const first = book({ total: 40, items: book().items });
  const second = ok(book({ page: 2, total: 40, items: [book().items[2], act({ id: 2, occurred_at: '2025-12-30T04:00:00Z' })] }));
  phone.answer = routes({ ...BASE, 'GET /api/v1/citizen/book': ({ query }) => (query.page ? second : ok(first)) });
  const page = await open('book');
  assert.match(page.one('total').text, /一共少排 57.60 千克/);
  assert.deepEqual(page.all('h2').slice(0, 2).map((head) => head.text), ['今天，11 月 22 日', '11 月 21 日']);
  await page.one('older').tap();
  assert.equal(page.all('entry').length, 4);
  assert.match(page.text, /2025 年 12 月 30 日/);
  assert.match(page.text, /积分流水 .*公交（刷卡）/);
});

test('who reported and who exchanged for the reader stands on each row', async () => {
  const actions = [done(), done({ kind: 'redemption', object_id: 4, by: '王村医', points: 60 })];
  phone.answer = routes({ ...BASE, 'GET /api/v1/citizen/proxies': ok(proxies({ actions })), 'GET /api/v1/citizen/redemptions': ok([redemption()]) });
  const rows = (await open('book')).all('entry').map((row) => row.text);
  assert.deepEqual(rows.map((text) => text.includes('大海代报')), [false, true, false]);
  assert.match((await open('act', { id: '7' })).text, /谁报的 演示公交，大海代报/);
  assert.match((await open('redeem')).one('mine').text, /今天 11:59 · 王村医代兑换/);
});

test('large type leaves out what only those who check the sum need', async () => {
  assert.match((await open('act', { id: '7' })).text, /参数摘要 9c41e07a52bd/);
  phone.storage.set('xy_elder', '1');
  const page = await open('act', { id: '7' });
  assert.ok(!/参数摘要|low_carbon_acts/.test(page.text));
  assert.match(page.one('formula').text, /1 趟 × 80 克/);
});

test('an empty book says what to do', async () => {
  phone.answer = routes({ ...BASE, 'GET /api/v1/citizen/book': ok(book({ items: [], total: 0, week: book().week.map((day) => ({ ...day, reduction_g: 0 })) })) });
  const page = await open('book');
  assert.match(page.one('empty').text, /账本还是空的/);
  assert.ok(!page.has('chart-bars'));
});

test('an act that was counted shows its formula and its two grades apart', async () => {
  const page = await open('act', { id: '7' });
  assert.match(page.one('formula').text, /1 趟 × 80 克/);
  assert.match(page.text, /其中可汇总成碳普惠减排量的 80 克/);
  assert.ok(!page.has('raise'));
});

test('an act that did not count can be appealed, in words, once', async () => {
  const raised = { id: 1, act_id: 9, words: '我真的走了', state: 'open', state_zh: '等人看', answer: '' };
  let appeals = [];
  phone.answer = routes({ ...BASE, 'GET /api/v1/citizen/appeals': () => ok(appeals), 'POST /api/v1/citizen/appeals': () => { appeals = [raised]; return ok(raised, 201); } });
  const page = await open('act', { id: '9' });
  assert.match(page.one('reason').text, /同一段路只计一次/);
  await page.one('raise').tap();
  assert.match(page.one('problem').text, /请写一两句/);
  await page.one('words').send('input', { value: ' 我真的走了 ' });
  await page.one('raise').tap();
  assert.deepEqual(posted().map((sent) => sent.body), [{ act_id: 9, words: '我真的走了' }]);
  assert.match(page.one('appeal').text, /等人看 我真的走了/);
  assert.ok(!page.has('raise'));
});

test('what was not taken in is read with its reason, page by page, and contested once', async () => {
  const silent = refused({ id: 1, kept: false, behaviour: '', occurred_at: null, external_id: '', reason_zh: '来源想送来一条记录，当时没有您的同意。', may_appeal: true });
  const later = refused({ id: 2, act_id: 7, may_appeal: false });
  let appeal = null;
  const first = () => ok({ items: [refused({ appeal, may_appeal: !appeal }), later], page: 1, size: 20, total: 21 });
  phone.answer = routes({
    ...BASE,
    'GET /api/v1/citizen/refused-acts': ({ query }) => (query.page ? ok({ items: [later, silent], page: 2, size: 20, total: 21 }) : first()),
    'POST /api/v1/citizen/appeals': ({ body }) => { appeal = { id: 1, state: 'open', state_zh: '正在看', words: body.words, answer: '' }; return ok(appeal, 201); },
  });
  await (await open('book')).one('to-refused').tap();
  assert.deepEqual(phone.went.pop(), ['navigateTo', '/pages/refused/index']);
  const page = await open('refused');
  assert.match(page.all('refused')[0].text, /公交一趟 没有收下 10 月 1 日 11:00 · 演示公交 · 11 月 21 日 12:00送来 这件事送来时已超过 31 天/);
  assert.match(page.all('refused')[1].text, /后来记上了/);
  await page.one('open-act').tap();
  assert.deepEqual(phone.went.pop(), ['navigateTo', '/pages/act/index?id=7']);
  await page.one('older').tap();
  assert.equal(page.all('refused').length, 3, 'none twice');
  assert.match(page.all('refused')[2].text, /一条记录 没有收下 演示公交/);
  await page.all('choose')[0].tap();
  await page.one('raise').tap();
  assert.match(page.one('problem').text, /请写一两句/);
  await page.one('words').send('input', { value: ' 那天车上没有网 ' });
  await page.one('raise').tap();
  assert.deepEqual(posted().map((sent) => sent.body), [{ refusal_id: 3, words: '那天车上没有网' }]);
  assert.match(page.all('refused')[0].text, /正在看/);
  assert.ok(!page.has('raise'));
});

test('report: consent is asked first and given to exactly the text read', async () => {
  let given = false;
  phone.answer = routes({ ...BASE, 'GET /api/v1/citizen/consents': () => ok([consent({ current: given, consent_id: given ? 3 : null, given_at: null })]), 'POST /api/v1/citizen/consents': () => { given = true; return ok(consent(), 201); } });
  const page = await open('report');
  assert.ok(!page.has('report'));
  assert.match(page.one('ask').text, /您自己填的事，只记里程和时间。/);
  await page.one('agree').tap();
  assert.deepEqual(posted().map((sent) => sent.body), [{ partner: 'self', purpose: 'acts', version: '2026-11' }]);
  assert.ok(page.has('report'));
});

test('report: kilometres become metres, the record number survives a broken connection', async () => {
  const bodies = [];
  const answers = [{ status: 0 }, ok({ ...act({ status: 'counted' }), already_counted: false, message_zh: '记下了：33 克，3 分。' }, 201), ok({ ...act(), already_counted: false, message_zh: '记下了。' }, 201)];
  phone.answer = routes({ ...BASE, 'POST /api/v1/acts': (sent) => { bodies.push(sent.body); return answers.shift(); } });
  const page = await open('report');
  assert.match(page.text, /每公里 13.5 克（自己填的，已按一半算） · 每天 10 公里/);
  await page.one('amount').send('input', { value: '2.5' });
  await page.one('report').tap();
  assert.match(page.one('problem').text, /没有连上/);
  await page.one('report').tap();
  assert.match(page.one('done').text, /记下了：33 克/);
  assert.deepEqual(bodies[0], bodies[1], 'the same record, so it counts once');
  assert.equal(bodies[0].distance_m, 2500);
  assert.equal(bodies[0].source, 'self');
  assert.equal(bodies[0].occurred_at, '2026-11-22T04:00:00.000Z');
  assert.match(bodies[0].external_id, /^mp-[0-9a-f]{32}$/);
  await page.one('report').tap();
  assert.notEqual(bodies[2].external_id, bodies[1].external_id, 'the next one is another record');
});

test('report: what is no number is said at the field and not sent', async () => {
  const page = await open('report');
  for (const typed of ['', '0', '-3', '1.2345', 'abc', '12345']) {
    await page.one('amount').send('input', { value: typed });
    await page.one('report').tap();
    assert.match(page.one('wrong').text, /公里数/, typed);
  }
  await page.one('what').send('change', { value: '1' });
  await page.one('amount').send('input', { value: '1.5' });
  await page.one('report').tap();
  assert.match(page.one('wrong').text, /整数/);
  assert.deepEqual(posted(), []);
});

test('report: only what a person does herself is offered', async () => {
  const page = await open('report');
  assert.deepEqual(page.data.cards.map((card) => card.code), ['XI16', 'SH03']);
});

test('two presses are one report', async () => {
  phone.answer = routes({ ...BASE, 'POST /api/v1/acts': () => ok({ ...act(), already_counted: false, message_zh: '记下了。' }, 201) });
  const page = await open('report');
  await Promise.all([page.run('report'), page.run('report'), page.run('report')]);
  assert.equal(posted().length, 1);
});

test('steps leave the phone as WeChat encrypted them, with a fresh login code', async () => {
  phone.steps = { encryptedData: 'c2VjcmV0', iv: 'aXY=' };
  const days = [{ day: '2026-11-21', steps: 7250, result: 'counted', reduction_g: 127, zh: '' }, { day: '2026-11-20', steps: 50000, result: 'refused', reduction_g: 0, zh: '2026-11-20 步数太多。' }];
  phone.answer = routes({ ...BASE, 'GET /api/v1/citizen/consents': ok([consent(), consent({ partner: 'werun' })]), 'POST /api/v1/citizen/steps': () => ok(days) });
  const page = await open('report');
  await page.one('steps').tap();
  assert.deepEqual(posted().map((sent) => sent.body), [{ code: 'code-1', encrypted_data: 'c2VjcmV0', iv: 'aXY=' }]);
  assert.match(page.one('done').text, /记下 1 天，127 克。2026-11-20 步数太多。/);
  phone.steps = null;
  await page.one('steps').tap();
  assert.match(page.one('problem').text, /允许“微信运动步数”/);
});

test('redeem: what is affordable, what is missing, what is gone', async () => {
  const page = await open('redeem');
  assert.match(page.one('available').text, /^60 分$/);
  assert.deepEqual(page.all('redeem').map((button) => button.text), ['换，用 60 分']);
  assert.match(page.text, /再生稻米 520 分 还差 460 分/);
  assert.match(page.text, /茶 .*换完了/);
});

test('redeem: asked first, sent with a key, and the code is shown and kept', async () => {
  phone.yes = false;
  phone.answer = routes({ ...BASE, 'POST /api/v1/citizen/redemptions': () => ok(redemption(), 201) });
  const page = await open('redeem');
  await page.one('redeem').tap();
  assert.deepEqual(posted(), []);
  phone.yes = true;
  await page.one('redeem').tap();
  assert.match(phone.asked[1], /用 60 分换“山茶油手工皂 1 块”/);
  assert.match(posted()[0].header['Idempotency-Key'], /^[0-9a-f]{32}$/);
  assert.deepEqual(phone.went, [['navigateTo', '/pages/code/index?id=4']]);
  assert.equal(phone.storage.get('xy_codes')[0].voucher_code, 'XY-ABCD-EFGH-JKLM-NPQR');
});

test('redeem: an unknown outcome is tried again with the same key, a refusal with a new one', async () => {
  const answers = [refusal(503, 'platform.busy', '请稍后再试。'), refusal(422, 'reward.closed', '还没有开始。'), ok(redemption(), 201)];
  phone.answer = routes({ ...BASE, 'POST /api/v1/citizen/redemptions': () => answers.shift() });
  const page = await open('redeem');
  for (let press = 0; press < 3; press += 1) await page.one('redeem').tap();
  const keys = posted().map((sent) => sent.header['Idempotency-Key']);
  assert.equal(keys[0], keys[1]);
  assert.notEqual(keys[1], keys[2]);
});

test('vouchers that are over stand behind a press', async () => {
  const over = redemption({ id: 3, name_zh: '公交券', status: 'used', status_zh: '已使用' });
  phone.answer = routes({ ...BASE, 'GET /api/v1/citizen/redemptions': ok([redemption(), over]) });
  const page = await open('redeem');
  assert.deepEqual(page.all('mine').map((row) => row.text), ['山茶油手工皂 1 块 今天 11:59 可以使用']);
  assert.ok(!page.has('past'));
  await page.one('toggle-past').tap();
  assert.match(page.one('past').text, /公交券 今天 11:59 已使用/);
});

test('a project says why nothing can be given now; an empty shelf is no reason', async () => {
  const project = (changes) => ({ ...reward({ price_points: 60, stock: 0, ...changes }), kind: 'donation' });
  const projects = [project({ code: 'a', name_zh: '种油茶' }), project({ code: 'b', name_zh: '护鸟', price_points: 100 }), project({ code: 'c', name_zh: '春植', in_season: false })];
  phone.answer = routes({ ...BASE, 'GET /api/v1/citizen/donations': ok({ projects, items: [] }) });
  const rows = (await open('redeem')).all('project').map((row) => row.text);
  assert.match(rows[0], /种油茶 .* 捐一份$/);
  assert.match(rows[1], /护鸟 .* 还差 40 分$/);
  assert.match(rows[2], /春植 .* 现在不收捐/);
});

test('points that wait are fetched, a project gets its part', async () => {
  const project = { ...reward({ code: 'plant-camellia', name_zh: '种油茶', price_points: 60 }), kind: 'donation' };
  phone.answer = routes({
    ...BASE,
    'GET /api/v1/citizen/points/claims': ok({ points: 30, acts: 3, claim_by: '2026-11-25T16:00:00Z', under_review: false, note_zh: '', note_en: '' }),
    'POST /api/v1/citizen/points/claims': () => ok({ points: 30, acts: 3, more: false, available: 90 }),
    'GET /api/v1/citizen/donations': ok({ projects: [project], items: [{ id: 1, number: 'D-1', name_zh: '种油茶', points: 100, value_fen: 500, given_at: '2026-11-20T04:00:00Z', is_zh: '这是捐赠。', is_not_zh: '这不是碳票。' }] }),
    'POST /api/v1/citizen/donations': () => ok({}, 201),
  });
  const page = await open('redeem');
  assert.match(page.one('waiting').text, /有 30 分等您领，11 月 26 日前要领/);
  await page.one('claim').tap();
  await page.one('donate').tap();
  assert.match(page.one('donation').text, /赞助方出 ¥5.00 .*这不是碳票/);
  assert.deepEqual(posted().map((sent) => [sent.path, sent.body]), [['/api/v1/citizen/points/claims', undefined], ['/api/v1/citizen/donations', { reward: 'plant-camellia', points: 60 }]]);
});

test('an account under review reads why its points wait, and finds nothing to press', async () => {
  const waiting = { points: 30, acts: 3, claim_by: null, under_review: true, note_zh: '工作人员正在核查。', note_en: 'A person is looking.' };
  phone.answer = routes({ ...BASE, 'GET /api/v1/citizen/points/claims': ok(waiting) });
  const page = await open('redeem');
  assert.match(page.one('review').text, /工作人员正在核查/);
  assert.ok(!page.has('claim'));
});

test('a code shows without network, and its picture holds the signed text', async () => {
  phone.storage.set('xy_codes', [{ ...redemption(), signed_code: 'XY1.abc' }]);
  phone.answer = () => ({ status: 0 });
  const page = await open('code', { id: '4' });
  assert.equal(page.one('code').text, 'XY-ABCD-EFGH-JKLM-NPQR');
  assert.match(page.data.voucher.picture, /^data:image\/gif;base64,/);
  assert.match(page.text, /没有连上/);
});

test('a used or refunded code is gone from the phone', async () => {
  phone.storage.set('xy_codes', [redemption()]);
  phone.answer = routes({ ...BASE, 'GET /api/v1/citizen/redemptions': ok([redemption({ status: 'used', status_zh: '已用' })]) });
  const page = await open('code', { id: '4' });
  assert.ok(!page.has('qr'));
  assert.match(page.text, /这张券不能再用/);
  assert.equal(phone.storage.get('xy_codes')[0].voucher_code, '');
});

test('another person\'s code is not there', async () => {
  assert.match((await open('code', { id: '99' })).one('empty').text, /没有这张券/);
});

test('an unused code is given back after a question', async () => {
  phone.answer = routes({ ...BASE, 'GET /api/v1/citizen/redemptions': [ok([redemption()]), ok([redemption({ status: 'refunded', status_zh: '已退回积分' })])], 'POST /api/v1/citizen/redemptions/4/refund': () => ok(redemption({ status: 'refunded', status_zh: '已退回积分' })) });
  const page = await open('code', { id: '4' });
  await page.one('refund').tap();
  assert.match(page.text, /已退回积分/);
  assert.ok(!page.has('qr'));
});

test('a text of the platform is called by what it is for, a partner\'s by the partner', async () => {
  const rows = [consent(), consent({ partner: 'platform', partner_zh: '平台', purpose: 'bundle' })];
  phone.answer = routes({ ...BASE, 'GET /api/v1/citizen/consents': ok(rows) });
  const page = await open('consent');
  assert.deepEqual(page.all('consent').map((row) => row.text.split(' ')[0]), ['自己填报', '汇总成碳普惠减排量']);
  assert.match(page.text, /说明 2026-11 版 · 11 月 20 日 起/);
});

test('consents: given, withdrawn after a question, changed texts named', async () => {
  const rows = [consent(), consent({ partner: 'xinyang-bus', partner_zh: '演示公交', current: false, consent_id: null, given_at: null }), consent({ partner: 'bank-pay', partner_zh: '银行', current: false, consent_id: 8 })];
  phone.answer = routes({ ...BASE, 'GET /api/v1/citizen/consents': () => ok(rows), 'POST /api/v1/citizen/consents': () => ok(rows[1], 201), 'DELETE /api/v1/citizen/consents/3': { status: 204 } });
  const page = await open('consent');
  assert.equal(page.all('withdraw').length, 1);
  assert.equal(page.all('agree').length, 2);
  assert.match(page.all('consent')[2].text, /说明改过了/);
  await page.all('agree')[0].tap();
  await page.one('withdraw').tap();
  assert.deepEqual(posted().map((sent) => [sent.method, sent.path]), [['POST', '/api/v1/citizen/consents'], ['DELETE', '/api/v1/citizen/consents/3']]);
  assert.equal(posted()[0].body.partner, 'xinyang-bus');
});

test('a partner account is bound by its code and unbound', async () => {
  const bound = { id: 2, source: 'xinyang-bus', source_zh: '演示公交', bound_at: '2026-11-22T04:00:00Z', ended_at: null };
  let rows = [];
  phone.answer = routes({ ...BASE, 'GET /api/v1/citizen/bindings': () => ok(rows), 'POST /api/v1/citizen/bindings': () => { rows = [bound]; return ok(bound, 201); }, 'DELETE /api/v1/citizen/bindings/2': () => { rows = []; return { status: 204 }; } });
  const page = await open('consent');
  await page.one('bind-code').send('input', { value: ' K7QM-2XPA ' });
  await page.one('bind').tap();
  assert.deepEqual(posted()[0].body, { code: 'K7QM-2XPA' });
  await page.one('unbind').tap();
  assert.ok(!page.has('unbind'));
});

test('welcome: the county and a guardian under 14; nothing is sent before', async () => {
  phone.storage.clear();
  phone.answer = routes({ 'GET /api/v1/regions': ok([{ code: '411502', name_zh: '浉河区', level: 'county' }]), 'POST /api/v1/citizen/sessions': () => signedIn });
  const page = await open('welcome');
  await page.one('counties').send('change', { value: '1' });
  await page.one('ticks').send('change', { value: ['under14'] });
  await page.one('enter').tap();
  assert.deepEqual(posted(), [], 'a child needs a guardian');
  await page.one('ticks').send('change', { value: ['under14', 'guardian'] });
  await page.one('enter').tap();
  assert.deepEqual(posted()[0].body, { code: 'code-1', transport: 'bearer', region_code: '411502', under_14: true, guardian_agrees: true });
  assert.deepEqual(phone.went, [['switchTab', '/pages/home/index']]);
  assert.ok(!('Authorization' in posted()[0].header));
});

test('WeChat that gives no code is said in words', async () => {
  phone.storage.clear();
  phone.login = () => null;
  phone.answer = routes({ 'GET /api/v1/regions': ok([]) });
  const page = await open('welcome');
  await page.one('enter').tap();
  assert.match(page.one('problem').text, /微信没有给出登录码/);
});

test('an account that was closed is opened again only when that is meant', async () => {
  phone.storage.clear();
  const answers = [refusal(409, 'account.closed', '这个账户已停用。'), refusal(409, 'account.closed', '这个账户已停用。'), signedIn];
  phone.answer = routes({ 'GET /api/v1/regions': ok([]), 'POST /api/v1/citizen/sessions': () => answers.shift() });
  phone.yes = false;
  const page = await open('welcome');
  await page.one('enter').tap();
  assert.match(page.one('problem').text, /已停用/);
  assert.equal(posted().length, 1);
  phone.yes = true;
  await page.one('enter').tap();
  assert.deepEqual(posted().map((sent) => [sent.body.reopen, sent.body.code]), [[undefined, 'code-1'], [undefined, 'code-2'], [true, 'code-3']]);
  assert.deepEqual(phone.went, [['switchTab', '/pages/home/index']]);
});
