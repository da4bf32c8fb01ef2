// What the till decides without network, on the same vectors as tests/merchants/test_codes.py.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { base32, decide, hashOf, isOpen, isSigned, readTicket, spoken } from '../../carbon_platform/console/static/shop_code.js';

const v = JSON.parse(readFileSync(new URL('./shop_code.vectors.json', import.meta.url), 'utf8'));
const NOW = Date.parse('2026-11-23T10:00:00+08:00');
const list = (more = {}) => ({
  keys: v.keys, merchant: v.merchant, good_until: '2026-11-24T10:00:00+08:00', void: [],
  offers: [{ code: v.reward, name_zh: '讲解', hours: [] }],
  ready: [{ hash: v.hash, reward: v.reward, topup_fen: v.topup_fen, expires_at: v.expires_at }], ...more,
});
const at = (more = {}) => ({ list: list(), taken: new Set(), now: NOW, ...more });
const why = async (text, more) => (await decide(text, at(more))).reason;

test('a signed code is read as the platform wrote it', async () => {
  const ticket = readTicket(v.text);
  assert.deepEqual([ticket.code, ticket.merchant, ticket.reward, ticket.topupFen], [v.code, v.merchant, v.reward, v.topup_fen]);
  assert.equal(ticket.expiresAt, Date.parse(v.expires_at));
  assert.equal(await hashOf(ticket.code), v.hash);
  assert.equal(await isSigned(ticket, v.keys), true);
  assert.equal(await isSigned(ticket, ['00'.repeat(32)]), false, 'a key nobody knows');
});

test('a browser that cannot check Ed25519 says so', async () => {
  const old = { importKey: () => Promise.reject(new Error('NotSupportedError')) };
  assert.equal(await isSigned(readTicket(v.text), v.keys, old), null);
});

test('each altered letter is refused or read as nothing', async () => {
  for (let place = 4; place < v.text.length; place += 7) {
    const text = v.text.slice(0, place) + (v.text[place] === 'A' ? 'B' : 'A') + v.text.slice(place + 1);
    assert.equal((await decide(text, at())).ok, false, place);
  }
  for (const text of ['', 'XY1:', 'XY1:AAAA', 'XY1:????', `XY1:${'A'.repeat(400)}`, '公交卡']) assert.equal(readTicket(text), null, text);
  assert.equal(base32('A1'), null);
});

test('codes as people say and type them', () => {
  for (const text of ['xy-abcd-efgh-1jkl-mn0p', 'ABCD EFGH IJKL MNOP', 'XY－ABCD－EFGH－IJKL－MNOP']) assert.equal(spoken(text), v.code);
  for (const text of ['ABCD-EFGH-IJKL', 'ABCD-EFGH-IJKL-MNO9', '一二三四']) assert.equal(spoken(text), null);
});

test('what is taken, and why not', async () => {
  const good = await decide(v.text, at());
  assert.deepEqual([good.ok, good.hash, good.topupFen, good.offer.name_zh], [true, v.hash, 200, '讲解']);
  assert.equal((await decide(v.code.toLowerCase(), at())).ok, true);
  assert.equal((await decide(v.text, at({ list: list({ ready: [] }) }))).ok, true, 'bought after the list was made');
  assert.equal(await why(v.code, { list: list({ ready: [] }) }), 'unknown');
  assert.equal(await why('hello'), 'unreadable');
  assert.equal(await why(v.text, { list: null }), 'no_list');
  assert.equal(await why(v.text, { now: Date.parse('2026-11-24T10:00:01+08:00') }), 'stale_list');
  assert.equal(await why(v.text, { taken: new Set([v.hash]) }), 'taken');
  assert.equal(await why(v.text, { list: list({ void: [v.hash] }) }), 'void');
  assert.equal(await why(v.text, { list: list({ merchant: 'store' }) }), 'other_shop');
  assert.equal(await why(v.text, { now: Date.parse(v.expires_at), list: list({ good_until: '2027-01-01T00:00:00Z' }) }), 'expired');
  const hours = [{ days: [2], from: '09:00', to: '17:00' }];
  assert.equal(await why(v.text, { list: list({ offers: [{ code: v.reward, hours }] }) }), 'closed', 'a Monday');
  assert.equal(isOpen(hours, NOW + 86_400_000), true);
  assert.equal(isOpen(hours, NOW + 86_400_000 + 7 * 3_600_000), false);
});
