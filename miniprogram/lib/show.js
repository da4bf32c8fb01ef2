// How stored values become words; the same rules as on the web pages. Pure.

const LOCAL_MS = 8 * 3600 * 1000; // the book is kept by the day in China, whatever the phone's zone is
const grouped = (integer) => String(integer).replace(/\B(?=(\d{3})+$)/g, ',');

/** size / unit with two decimals, rounded like the server: to the nearest, exact halves to the even digit. */
function twoDecimals(size, unit) {
  const eighth = unit / 8; // only odd eighths lie exactly between two hundredths as binary numbers
  const cents = (size * 100) / unit;
  const half = size % eighth === 0 && (size / eighth) % 2 === 1;
  const whole = half ? Math.floor(cents) + (Math.floor(cents) % 2) : Number((size / unit).toFixed(2).replace('.', ''));
  return `${grouped(Math.floor(whole / 100))}.${String(whole % 100).padStart(2, '0')}`;
}

/** Grams: 326 → {number: "326", unit: "克"}, 6840 → 6.84 千克, 1,000 kg and more in 吨. */
function carbonParts(grams) {
  const size = Math.abs(grams);
  const sign = grams < 0 ? '−' : '';
  if (size < 1000) return { number: sign + size, unit: '克' };
  if (size < 1000000) return { number: sign + twoDecimals(size, 1000), unit: '千克' };
  return { number: sign + twoDecimals(size, 1000000), unit: '吨' };
}

function carbon(grams) {
  const { number, unit } = carbonParts(grams);
  return `${number} ${unit}`;
}

const count = (integer) => (integer < 0 ? '−' : '') + grouped(Math.abs(integer));
const signed = (integer) => (integer > 0 ? '+' : '') + count(integer);

/** 1234567 fen → "¥12,345.67". */
function yuan(fen) {
  const size = Math.abs(fen);
  return `${fen < 0 ? '−' : ''}¥${grouped(Math.floor(size / 100))}.${String(size % 100).padStart(2, '0')}`;
}

/** The moment (ISO with zone) as {day: "2026-11-22", time: "12:00"} in China. */
function local(iso) {
  const moment = new Date(new Date(iso.replace(/(\.\d{3})\d+/, '$1')).getTime() + LOCAL_MS).toISOString();
  return { day: moment.slice(0, 10), time: moment.slice(11, 16) };
}

const today = (nowMs) => new Date(nowMs + LOCAL_MS).toISOString().slice(0, 10);

/** "2026-11-22" → "11 月 22 日", with the year where it is not this one. */
function plainDay(day, todayDay) {
  const [year, month, date] = day.split('-').map(Number);
  return (day.slice(0, 4) === todayDay.slice(0, 4) ? '' : `${year} 年 `) + `${month} 月 ${date} 日`;
}

const dayWords = (day, todayDay) => (day === todayDay ? `今天，${plainDay(day, todayDay)}` : plainDay(day, todayDay));

function momentWords(iso, todayDay) {
  const { day, time } = local(iso);
  return `${day === todayDay ? '今天' : plainDay(day, todayDay)} ${time}`;
}

const WEEK = ['日', '一', '二', '三', '四', '五', '六'];
/** "2026-11-22" → "周日"; today is 今天. */
const weekday = (day, todayDay) => (day === todayDay ? '今天' : `周${WEEK[new Date(`${day}T00:00:00Z`).getUTCDay()]}`);

module.exports = { carbon, carbonParts, count, signed, yuan, local, today, plainDay, dayWords, momentWords, weekday };
