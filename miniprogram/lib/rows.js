// Answers of the API → what a page shows. Pure.

const { carbon, count, dayWords, local, momentWords, plainDay, signed, today } = require('./show');

const ONCE = { XI14b: '公交一趟', SH03: '光盘一餐' };
const SEVERAL = { XI14: '公交 {n} 公里', SH03: '光盘 {n} 餐', XI16: '走路 {n} 公里', XI17: '骑车 {n} 公里' };
const STATES = { partly: '部分入账', not_counted: '没有计入', withdrawn: '已撤回' };

function actTitle(act) {
  if (act.quantity_text === '1' && ONCE[act.behaviour]) return ONCE[act.behaviour];
  const several = SEVERAL[act.behaviour];
  return several ? several.replace('{n}', act.quantity_text) : `${act.name_zh} ${act.quantity_text} ${act.unit_zh}`;
}

/** One line of the book. helpers: see lib/relatives.js. */
function entry(act, helpers = {}) {
  const by = helpers[act.id] ? ` · ${helpers[act.id]}代报` : '';
  return {
    id: act.id,
    title: actTitle(act),
    note: `${local(act.occurred_at).time} · ${act.source_zh}${by}`,
    amount: carbon(act.reduction_g),
    points: `${signed(act.points)} 分`,
    state: STATES[act.status] || '',
    counted: act.status === 'counted',
    reason: act.reason_zh || '',
  };
}

/** Acts (newest first) as days with their lines; the sum of a day is of the lines shown. */
function byDay(acts, todayDay, helpers) {
  const days = [];
  acts.forEach((act) => {
    const { day } = local(act.occurred_at);
    if (!days.length || days[days.length - 1].day !== day) days.push({ day, label: dayWords(day, todayDay), entries: [] });
    days[days.length - 1].entries.push(entry(act, helpers));
  });
  return days;
}

/** One number and at most three short lines. */
function purse(points, todayDay) {
  const lines = [];
  const next = points.expiring_next;
  if (next) {
    const day = plainDay(next.day, todayDay);
    const all = next.amount === points.available;
    lines.push((all ? `${day}到期` : `其中 ${count(next.amount)} 分 ${day}到期`) + (next.soon ? '，请先用' : ''));
  }
  if (points.pending && points.pending_until) {
    lines.push(`另有 ${count(points.pending)} 分，${plainDay(local(points.pending_until).day, todayDay)}起能用`);
  } else if (points.pending) {
    lines.push(`另有 ${count(points.pending)} 分待生效`);
  }
  if (points.owed) lines.push(`有 ${count(points.owed)} 分待抵还，从以后的积分里扣`);
  return { available: count(points.available), lines };
}

/** One change of points. */
function pointsLine(line, todayDay, index) {
  return { key: index, reason: line.words_zh, when: momentWords(line.at, todayDay), points: signed(line.amount) };
}

/** What a source sent and was not taken in. */
function refusal(row, todayDay) {
  const { appeal } = row;
  const when = row.occurred_at ? `${momentWords(row.occurred_at, todayDay)} · ` : '';
  return {
    id: row.id,
    title: row.behaviour ? actTitle(row) : '一条记录',
    note: `${when}${row.source_zh} · ${momentWords(row.refused_at, todayDay)}送来`,
    reason: row.reason_zh,
    kept: row.kept,
    act: row.act_id,
    good: Boolean(row.act_id),
    state: row.act_id ? '后来记上了' : appeal ? appeal.state_zh : '没有收下',
    appeal: appeal ? { words: appeal.words, answer: appeal.answer } : null,
    mayAppeal: row.may_appeal,
  };
}

// What the platform's own texts are for; a partner's text is about its acts.
const PURPOSES = { family: '家庭里互相看得到', group: '计入团体的合计', ranking: '参加排行', bundle: '汇总成碳普惠减排量', 'real-name': '实名', guardian: '监护人同意', proxy: '请家人代办' };

function consentRow(row) {
  return {
    key: `${row.partner}/${row.purpose}`,
    partner: row.partner,
    purpose: row.purpose,
    version: row.version,
    title: (row.partner === 'platform' && PURPOSES[row.purpose]) || row.partner_zh,
    text: row.zh.replace(/\n/g, ''),
    given: row.current,
    outdated: Boolean(row.consent_id) && !row.current,
    id: row.consent_id,
    since: row.given_at ? plainDay(local(row.given_at).day, today(Date.now())) : '',
  };
}

module.exports = { actTitle, entry, byDay, purse, pointsLine, consentRow, refusal };
