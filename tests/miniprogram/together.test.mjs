// Family, footprint and certificates, account.
import assert from 'node:assert/strict';
import { beforeEach, mock, test } from 'node:test';
import { NOW, consent, done, ok, points, proxies, refusal } from './answers.mjs';
import { open, phone, reset, routes } from './phone.mjs';

mock.timers.enable({ apis: ['Date'], now: NOW });
const posted = () => phone.sent.filter((sent) => sent.method !== 'GET');
const platform = (purpose) => consent({ partner: 'platform', partner_zh: '平台', purpose, zh: `${purpose} 的说明`, current: false, consent_id: null, given_at: null });
const family = {
  id: 1, name: '小满一家', opened_at: '2026-10-01T00:00:00Z', members_max: 8, member_id: 11, month_g: 9320,
  members: [{ member_id: 11, nickname: '小满', role: 'owner', own: true, joined_at: '2026-10-01T00:00:00Z', month_g: 6840 }, { member_id: 12, nickname: '奶奶', role: 'member', own: false, joined_at: '2026-10-02T00:00:00Z', month_g: 2480 }, { member_id: 13, nickname: '大海', role: 'member', own: false, joined_at: '2026-10-02T00:00:00Z', month_g: null }],
  gifts: [{ id: 1, sent: true, giver: '小满', receiver: '奶奶', points: 20, given_at: '2026-11-20T04:00:00Z' }],
  gift_rule: { version: '1', giver_day_points: 50, receiver_day_points: 100, source: '', status: 'illustrative' }, left_to_give: 30, left_to_get: 100, invitation: null,
};
const group = { id: 5, kind: 'community', kind_zh: '社区', name: '湖东社区', region_code: '411502001', opened_at: '2026-10-01T00:00:00Z', members: null, week: { week: '2026-11-09', until: '2026-11-15', people: null, reduction_g: null, withheld: 'few', withheld_zh: '不到 10 人，不公布', released_at: '2026-11-16T00:00:00Z' }, invitation: null };
const ranking = { week: '2026-11-09', until: '2026-11-15', joined: false, consent_version: '2026-11', places: [{ place: 1, nickname: '老李', reduction_g: 9120, own: false }], own: null };
const invitation = { code: '7KQM-2XWD-9HTB', until: '2026-11-29T04:00:00Z' };
const grant = { id: 3, role: 'principal', principal: '小满', agent: '大海', may_report: true, may_redeem: true, day_points: 100, month_points: 500, spent_today: 0, granted_at: '2026-11-01T04:00:00Z', granted_by: '', until: '2027-11-01T04:00:00Z', ended_at: null, standing: true };
const TABLE = {
  'GET /api/v1/citizen/proxies': ok(proxies()),
  'GET /api/v1/citizen/family': ok(family), 'GET /api/v1/citizen/groups': ok([group]), 'GET /api/v1/citizen/ranking': ok(ranking),
  'GET /api/v1/citizen/consents': ok([platform('family'), platform('group'), platform('ranking'), platform('real-name')]),
};

beforeEach(() => {
  reset();
  phone.storage.set('xy_token', 't-0');
  phone.answer = routes(TABLE);
});

test('a family: names, this month, what one keeps to oneself', async () => {
  const page = await open('family');
  assert.deepEqual(page.all('member').map((row) => row.text), ['我（小满） 本月 6.84 千克 退出', '奶奶 本月 2.48 千克 送积分 移出', '大海 本月 没有公开 送积分 移出']);
  assert.match(page.text, /送给奶奶 11 月 20 日 −20 分/);
  assert.match(page.one('group').text, /不到 10 人，不公布/);
  assert.match(page.text, /1 老李 9.12 千克/);
});

test('a gift is asked about, goes to one person with a key, once', async () => {
  phone.answer = routes({ ...TABLE, 'POST /api/v1/citizen/family/gifts': () => ok({}, 201) });
  const page = await open('family');
  await page.all('choose')[0].tap();
  await page.one('give').tap();
  assert.match(page.one('problem').text, /请填要送的分数/);
  await page.one('gift-points').send('input', { value: '20' });
  await Promise.all([page.run('give'), page.run('give')]);
  assert.deepEqual(posted().map((sent) => sent.body), [{ member_id: 12, points: 20 }]);
  assert.match(posted()[0].header['Idempotency-Key'], /^[0-9a-f]{32}$/);
  assert.match(phone.asked[0], /送给奶奶 20 分/);
});

test('without a family one is opened or joined, with the text that was shown', async () => {
  let made = false;
  phone.answer = routes({
    ...TABLE, 'GET /api/v1/citizen/groups': ok([]),
    'GET /api/v1/citizen/family': () => (made ? ok(family) : refusal(404, 'group.no_family', '您还没有家庭。')),
    'POST /api/v1/citizen/family': () => { made = true; return ok({ ...family, invitation }, 201); },
  });
  const page = await open('family');
  assert.match(page.text, /还没有家庭 family 的说明/);
  await page.one('open').tap();
  assert.deepEqual(posted(), [], 'a family needs a name');
  await page.one('family-name').send('input', { value: '小满一家' });
  await page.one('open').tap();
  assert.deepEqual(posted()[0].body, { name: '小满一家', consent_version: '2026-11' });
  assert.match(page.one('invitation').text, /7KQM-2XWD-9HTB/);
});

test('a wrong invitation is said in the platform\'s words and can be put right', async () => {
  phone.answer = routes({ ...TABLE, 'GET /api/v1/citizen/family': refusal(404, 'group.no_family', '您还没有家庭。'), 'POST /api/v1/citizen/family/members': refusal(404, 'group.invitation_invalid', '这个邀请码不对，或者已经过期。') });
  const page = await open('family');
  await page.one('family-code').send('input', { value: '7KQM' });
  await page.one('join').tap();
  assert.match(page.one('problem').text, /邀请码不对/);
  assert.equal(page.data.code, '7KQM');
});

test('who may act for whom, what they did, and the end of it after a question', async () => {
  let items = [grant, { ...grant, id: 4, role: 'agent', principal: '奶奶', agent: '小满' }, { ...grant, id: 5, standing: false }];
  phone.answer = routes({
    ...TABLE,
    'GET /api/v1/citizen/proxies': () => ok(proxies({ items, actions: [done(), done({ kind: 'redemption', object_id: 4, points: 60 })] })),
    'DELETE /api/v1/citizen/proxies/3': () => { items = []; return { status: 204 }; },
  });
  const page = await open('family');
  assert.deepEqual(page.all('proxy').map((row) => row.text), ['大海替我办 到2027 年 11 月 1 日；每天最多 100 分，每月最多 500 分 结束', '我替奶奶办 到2027 年 11 月 1 日；每天最多 100 分，每月最多 500 分 结束']);
  assert.deepEqual(page.all('done-for-me').map((row) => row.text), ['大海代报 11 月 22 日', '大海代兑换 11 月 22 日 −60 分']);
  await page.all('end-proxy')[0].tap();
  assert.match(phone.asked[0], /大海从现在起不能再替您记账、换东西/);
  assert.deepEqual(posted().map((sent) => [sent.method, sent.path]), [['DELETE', '/api/v1/citizen/proxies/3']]);
  assert.ok(!page.has('proxy'));
});

test('the ranking is joined by consent only', async () => {
  phone.answer = routes({ ...TABLE, 'POST /api/v1/citizen/consents': () => ok({}, 201) });
  const page = await open('family');
  await page.one('rank').tap();
  assert.deepEqual(posted()[0].body, { partner: 'platform', purpose: 'ranking', version: '2026-11' });
});

const item = (code, changes) => ({ code, name_zh: '用电', unit_zh: '度/年', high: 50000, shared: true, factor_g: 590, source: '国家统计', status: 'secondary', ...changes });
const result = { year: 2026, persons: 3, total_g: 1200000, low_g: 900000, high_g: 1500000, retired_kg: 100, lines: [{ code: 'electricity', name_zh: '用电', quantity: 2400, grams: 472000, equation: '2,400 × 590 ÷ 3', source: '国家统计', status: 'secondary' }] };
const offer = { left_kg: 500, price_fen_per_t: 4850, batch_code: 'B1', project_name: '光山县油茶园', payments: 'mock' };
const order = (changes = {}) => ({ code: 'XY-O1', state: 'awaiting', state_zh: '待付款', quantity_kg: 100, amount_fen: 485, price_fen_per_t: 4850, batch_code: 'B1', year: 2026, beneficiary: '', ordered_at: '2026-11-22T04:00:00Z', certificate_number: '', serials: [], retired_at: null, certificate_url: '', ...changes });
const GREEN = {
  'GET /api/v1/citizen/footprint': ok({ version: '1', boundary_zh: '只算家里能源和出行。', items: [item('electricity'), item('gas', { name_zh: '燃气', unit_zh: '方/年', shared: true })], result }),
  'GET /api/v1/citizen/offsets': ok({ offer, items: [order(), order({ code: 'XY-O2', state: 'retired', state_zh: '已注销', certificate_number: 'XY-R-2026-000318', serials: ['XY-PH-1-100'], retired_at: '2026-11-21T04:00:00Z', beneficiary: '小满一家' })] }),
  'GET /api/v1/citizen/bundles': ok({ creditable_g: 1200, agreed: true, act_bundle: '', items: [{ bundle: 'XY-B1', starts_on: '2026-09-01', ends_on: '2026-10-01', state: 'issued', state_zh: '已签发', creditable_g: 1200, batch_code: 'XY-C1' }] }),
};

test('the footprint is an estimate with its range and sources; what was retired stands beside it', async () => {
  phone.answer = routes(GREEN);
  const page = await open('certificate');
  assert.match(page.one('result').text, /约 1.20 吨 估算，可能在 900.00 千克 到 1.50 吨 之间/);
  assert.match(page.one('result').text, /2,400 × 590 ÷ 3 · 国家统计（二手来源）/);
  assert.match(page.one('result').text, /已注销 100 千克，列在旁边，不从足迹里减/);
  assert.match(page.one('certificate').text, /证书 XY-R-2026-000318 受益人 小满一家 11 月 21 日 注销/);
  assert.match(page.one('bundle').text, /您的 1.20 千克 在碳票批次 XY-C1/);
});

test('the calculator sends whole numbers and says which one is wrong', async () => {
  phone.answer = routes({ ...GREEN, 'POST /api/v1/citizen/footprint': () => ok({}, 201) });
  const page = await open('certificate');
  await page.one('ask').tap();
  assert.match(page.one('questions').text, /用电（一年多少度，全家）.*燃气（一年多少方，全家）/);
  await page.all('answer')[0].send('input', { value: '-5' });
  await page.one('compute').tap();
  assert.match(page.one('problem').text, /用电请填 0 到 50,000 的整数/);
  await page.all('answer')[0].send('input', { value: '2400' });
  await page.one('compute').tap();
  assert.deepEqual(posted()[0].body, { year: 2026, persons: 3, quantities: { electricity: 2400 } });
});

test('a small ticket is bought after a question, its order number survives a broken connection', async () => {
  const answers = [{ status: 0 }, ok(order(), 201)];
  phone.answer = routes({ ...GREEN, 'POST /api/v1/citizen/offsets': () => answers.shift(), 'POST /api/v1/citizen/offsets/XY-O1/payment': () => ok(order({ state: 'paid' })) });
  const page = await open('certificate');
  await page.one('kilograms').send('input', { value: '7' });
  assert.match(page.one('buy').text, /买，¥0.34/, '7 kg at ¥48.50 a tonne is 33.95 fen, rounded up');
  await page.one('buy').tap();
  await page.one('buy').tap();
  const [first, second] = posted().map((sent) => sent.body);
  assert.deepEqual(first, second);
  assert.equal(first.quantity_kg, 7);
  assert.match(phone.asked[0], /注销后不能撤回/);
  await page.one('paid').tap();
  assert.equal(posted()[2].path, '/api/v1/citizen/offsets/XY-O1/payment');
});

test('where nothing can be paid nothing can be bought', async () => {
  phone.answer = routes({ ...GREEN, 'GET /api/v1/citizen/offsets': ok({ offer: { ...offer, payments: 'off' }, items: [] }) });
  assert.ok(!(await open('certificate')).has('buy'));
});

const account = (changes = {}) => ({
  number: 7, nickname: '小满', region_code: '411502', opened_at: '2026-10-01T00:00:00Z', state: 'open', erase_after: null, tier: 'opened', wechat: true, phone_masked: '', name_masked: '', id_masked: '', under_14: false, guardian_consent: false, points: 60, merge_offers: [], ...changes,
});
const ACCOUNT = { 'GET /api/v1/citizen/account': ok(account()), 'GET /api/v1/regions': ok([{ code: '411502', name_zh: '浉河区', level: 'county' }, { code: '411503', name_zh: '平桥区', level: 'county' }]), 'GET /api/v1/citizen/consents': TABLE['GET /api/v1/citizen/consents'], 'GET /api/v1/citizen/points': ok(points()) };

test('nickname and county are changed; a phone is bound by its code', async () => {
  phone.answer = routes({ ...ACCOUNT, 'PATCH /api/v1/citizen/account': () => ok(account()), 'POST /api/v1/citizen/account/phone': () => ok({ phone_masked: '138****0000', expires_in_s: 300, again_in_s: 60, demo_code: '' }, 201), 'POST /api/v1/citizen/account/phone/confirmation': () => ok({ confirmed: true }) });
  const page = await open('account');
  await page.one('nickname').send('input', { value: '小满满' });
  await page.one('counties').send('change', { value: '2' });
  await page.one('save').tap();
  await page.one('phone').send('input', { value: '13800000000' });
  await page.one('ask-code').tap();
  assert.match(page.text, /已发到 138\*\*\*\*0000/);
  await page.one('code-typed').send('input', { value: '123456' });
  await page.one('confirm-phone').tap();
  assert.deepEqual(posted().map((sent) => sent.body), [{ nickname: '小满满', region_code: '411503' }, { phone: '13800000000' }, { phone: '13800000000', code: '123456' }]);
  assert.equal(page.data.phone, '', 'the number does not stay on the page');
});

test('the real name is sent with the version that was read and then forgotten by the page', async () => {
  phone.answer = routes({ ...ACCOUNT, 'POST /api/v1/citizen/account/real-name': () => ok({ confirmed: true }) });
  const page = await open('account');
  await page.one('name').send('input', { value: '张三' });
  await page.one('id-number').send('input', { value: '411502199001011234' });
  await page.one('real-name').tap();
  assert.deepEqual(posted()[0].body, { name: '张三', id_number: '411502199001011234', version: '2026-11', guardian_agrees: false });
  assert.equal(page.data.idNumber + page.data.name, '');
  assert.ok(![...phone.storage.values()].some((kept) => JSON.stringify(kept).includes('411502199001011234')));
});

test('deleting names what is lost, sends exactly that, and leaves nothing on the phone', async () => {
  phone.storage.set('xy_codes', [{ id: 1 }]);
  phone.answer = routes({ ...ACCOUNT, 'DELETE /api/v1/citizen/account': () => ok(account({ state: 'erasing' }), 202) });
  phone.yes = false;
  const page = await open('account');
  await page.one('erase').tap();
  assert.deepEqual(posted(), []);
  phone.yes = true;
  await page.one('erase').tap();
  assert.match(phone.asked[1], /剩下的 80 分作废/);
  assert.deepEqual(posted()[0].body, { forfeit_points: 80 });
  assert.deepEqual([...phone.storage.keys()], []);
  assert.deepEqual(phone.went, [['reLaunch', '/pages/welcome/index']]);
});

test('the copy of one\'s data is written to a file and handed to WeChat', async () => {
  phone.answer = routes({ ...ACCOUNT, 'GET /api/v1/citizen/account/export': ok({ 'account_账户': [] }) });
  const page = await open('account');
  await page.one('prepare').tap();
  assert.match(phone.files.get('/usr/xinyang-carbon.json'), /account_账户/);
  await page.one('send').tap();
  assert.deepEqual(phone.went, [['shared', '/usr/xinyang-carbon.json']]);
});

test('signing out tells the platform and forgets codes too', async () => {
  phone.storage.set('xy_codes', [{ id: 1 }]);
  phone.answer = routes({ ...ACCOUNT, 'DELETE /api/v1/sessions/current': { status: 204 } });
  const page = await open('account');
  await page.one('leave').tap();
  assert.equal(posted()[0].path, '/api/v1/sessions/current');
  assert.deepEqual([...phone.storage.keys()], []);
});
