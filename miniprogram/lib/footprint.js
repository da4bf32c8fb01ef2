// The footprint calculator and small tickets as pages show them. Pure.

const { carbon, count, local, plainDay, today, yuan } = require('./show');

const STATUS = { verified: '已核实', secondary: '二手来源', unverified: '未核实', illustrative: '示意', 'local-decision': '本市决定' };

function question(item, quantities) {
  const kept = quantities[item.code];
  return {
    code: item.code,
    name: item.name_zh,
    unit: item.unit_zh.replace(/\/年$/, ''), // the question says “a year” itself
    shared: item.shared,
    typed: kept === undefined ? '' : String(kept),
    source: `${item.source}（${STATUS[item.status] || item.status}）`,
    high: item.high,
  };
}

/** What was typed → {persons, quantities} or the first thing that is wrong, in words. */
function answers(questions, persons) {
  const people = /^\d{1,2}$/.test(persons.trim()) ? Number(persons.trim()) : 0;
  if (people < 1 || people > 20) return { wrong: '家里几口人，请填 1 到 20。' };
  const quantities = {};
  for (const { code, name, typed, high } of questions) {
    if (typed.trim() === '') continue;
    if (!/^\d{1,9}$/.test(typed.trim()) || Number(typed) > high) return { wrong: `${name}请填 0 到 ${count(high)} 的整数。` };
    quantities[code] = Number(typed);
  }
  return Object.keys(quantities).length ? { persons: people, quantities } : { wrong: '至少填一项。' };
}

function result(given) {
  return (
    given && {
      year: given.year,
      total: carbon(given.total_g),
      range: `${carbon(given.low_g)} 到 ${carbon(given.high_g)}`,
      retired: given.retired_kg ? `${count(given.retired_kg)} 千克` : '',
      lines: given.lines.map((line) => ({ code: line.code, name: line.name_zh, grams: carbon(line.grams), equation: line.equation, source: `${line.source}（${STATUS[line.status] || line.status}）` })),
    }
  );
}

function order(given) {
  return {
    code: given.code,
    words: `${count(given.quantity_kg)} 千克，${given.year} 年，${yuan(given.amount_fen)}`,
    state: given.state_zh,
    waiting: given.state === 'awaiting',
    certificate: given.certificate_number,
    retired: given.retired_at ? plainDay(local(given.retired_at).day, today(Date.now())) : '',
    serials: given.serials,
    beneficiary: given.beneficiary,
    batch: given.batch_code,
    url: given.certificate_url,
  };
}

/** kilograms × fen per tonne → fen, rounded up as the server does it. */
const price = (kilograms, fenPerTonne) => Math.max(1, Math.ceil((kilograms * fenPerTonne) / 1000));

module.exports = { question, answers, result, order, price };
