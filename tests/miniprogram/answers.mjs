// Answers of the citizen API for an invented person, in the shapes of docs/openapi.json.
export const NOW = Date.parse('2026-11-22T04:00:00Z'); // noon in Xinyang

export const act = (changes = {}) => ({
  id: 7, behaviour: 'XI14b', name_zh: '公交（刷卡）', source: 'xinyang-bus', source_zh: '演示公交', external_id: 'r-1',
  occurred_at: '2026-11-22T03:00:00+00:00', reported_at: '2026-11-22T03:05:00.123456+00:00', quantity_text: '1', unit_zh: '趟',
  status: 'counted', status_zh: '已入账', reason_code: '', reason_zh: '', reduction_g: 80, cut_g: 0, creditable_g: 80, points: 10,
  formula_zh: '1 趟 × 80 克 = 80 克；80 ÷ 8 = 10 分', methodology: 'low_carbon_acts_v1', parameter_digest: '9c41e07a52bd00ff', points_rule: '2026-01', ...changes,
});
const day = (at, grams, acts) => ({ day: `2026-11-${at}`, reduction_g: grams, acts });
export const book = (changes = {}) => ({
  items: [
    act({ id: 9, behaviour: 'XI16', quantity_text: '3.2', source_zh: '自己填报', reduction_g: 0, points: 0, status: 'not_counted', status_zh: '没有计入', reason_zh: '同一段路只计一次。', occurred_at: '2026-11-22T03:30:00+00:00' }),
    act(),
    act({ id: 5, behaviour: 'SH03', quantity_text: '1', reduction_g: 70, points: 8, occurred_at: '2026-11-21T12:00:00+00:00' }),
  ],
  page: 1, size: 20, total: 3, totals: { today_g: 80, month_g: 6840, year_g: 57600, all_g: 57600, points: 30 },
  week: [day(16, 0, 0), day(17, 40, 1), day(18, 0, 0), day(19, 160, 2), day(20, 0, 0), day(21, 70, 1), day(22, 80, 1)], ...changes,
});
export const refused = (changes = {}) => ({
  id: 3, source: 'xinyang-bus', source_zh: '演示公交', external_id: 'r-9', refused_at: '2026-11-21T04:00:00+00:00', reason_code: 'act.too_old',
  reason_zh: '这件事送来时已超过 31 天，不能再记账。', kept: true, behaviour: 'XI14b', name_zh: '公交（刷卡）', quantity_text: '1', unit_zh: '趟',
  occurred_at: '2026-10-01T03:00:00+00:00', act_id: null, may_appeal: true, appeal_until: '2026-12-21T04:00:00+00:00', appeal: null, ...changes,
});
export const points = (changes = {}) => ({
  available: 60, pending: 20, pending_until: '2026-11-24T04:00:00+00:00', owed: 0, expired: 0, held: 0,
  expiring_next: { amount: 60, day: '2027-12-31', days_left: 404, soon: false }, lots: [],
  items: [{ amount: 10, expires_on: '2027-12-31', pending: true, at: '2026-11-22T03:05:00+00:00', reason: 'act', words_zh: '公交（刷卡）', act_id: 7, redemption_id: null }],
  next_before: null, ...changes,
});
export const consent = (changes = {}) => ({
  partner: 'self', partner_zh: '自己填报', purpose: 'acts', version: '2026-11', zh: '您自己填的事，\n只记里程和时间。', en: '…', current: true, consent_id: 3, given_version: '2026-11', given_at: '2026-11-20T04:00:00+00:00', ...changes,
});
export const offers = [
  { source: 'self', behaviour: 'XI16', category_zh: '行', name_zh: '步行', unit_zh: '公里', quantity_field: 'distance_m', grams_per_unit: 13.5, evidence_percent: 50, cap_note_zh: '每天 10 公里' },
  { source: 'self', behaviour: 'SH03', category_zh: '食', name_zh: '光盘行动', unit_zh: '餐', quantity_field: 'quantity', grams_per_unit: 35, evidence_percent: 50, cap_note_zh: '每天 3 餐' },
  { source: 'xinyang-bus', behaviour: 'XI14b', category_zh: '行', name_zh: '公交', unit_zh: '趟', quantity_field: 'quantity', grams_per_unit: 80, evidence_percent: 100, cap_note_zh: '每天 6 趟' },
];
export const reward = (changes = {}) => ({ code: 'camellia-soap', name_zh: '山茶油手工皂 1 块', provider_zh: '演示合作社', price_points: 60, stock: 5, person_month_limit: 2, topup_fen: 0, hours_zh: '', in_season: true, ...changes });
export const redemption = (changes = {}) => ({ id: 4, reward: 'camellia-soap', name_zh: '山茶油手工皂 1 块', price_points: 60, voucher_code: 'XY-ABCD-EFGH-JKLM-NPQR', status: 'ready', status_zh: '可以使用', merchant: 'demo-shop', signed_code: null, expires_at: null, redeemed_at: '2026-11-22T03:59:00+00:00', refunded_at: null, ...changes });

/** What /citizen/proxies answers: grants given and held, and what others did for the reader. */
export const proxies = (changes = {}) => ({ items: [], actions: [], limits: { day_points_max: 200, month_points_max: 1000, days_max: 366, agent_principals_max: 5 }, ...changes });
export const done = (changes = {}) => ({ kind: 'act', object_id: 7, by: '大海', points: 0, at: '2026-11-22T03:05:00+00:00', ...changes });

export const ok = (data, status = 200) => ({ status, data });
export const refusal = (status, code, detail, errors = []) => ({ status, data: { code, detail, errors } });
export const signedIn = ok({ token: 't-1', expires_in_s: 2592000, actor: { name: '小满', role: 'citizen' } }, 201);
