// What a person may report herself, and what she typed → the body of POST /acts. Pure.

const { carbon } = require('./show');

const SELF = 'self';
const FIRST_HOUR = 6;
const LAST_HOUR = 22;
const HOUR_MS = 3600 * 1000;

/** {ok, value} of "3.5" kilometres as metres, or of a whole number. */
function amount(text, field) {
  const found = /^(\d{1,4})(?:\.(\d{1,3}))?$/.exec(String(text).trim());
  if (!found) return null;
  const [, whole, part = ''] = found;
  if (field === 'distance_m') return Number(whole + part.padEnd(3, '0')) || null;
  return part.replace(/0/g, '') === '' ? Number(whole) || null : null;
}

/** Just now, then whole hours of today and yesterday by the clock in China: [{iso, words}], newest first. */
function moments(nowMs) {
  const zone = 8 * HOUR_MS;
  const midnight = Math.floor((nowMs + zone) / (24 * HOUR_MS)) * 24 * HOUR_MS - zone;
  const found = [{ iso: new Date(nowMs - (nowMs % 60000)).toISOString(), words: '刚才' }];
  [[0, '今天'], [1, '昨天']].forEach(([back, name]) => {
    for (let hour = LAST_HOUR; hour >= FIRST_HOUR; hour -= 1) {
      const at = midnight - back * 24 * HOUR_MS + hour * HOUR_MS;
      if (at < nowMs) found.push({ iso: new Date(at).toISOString(), words: `${name} ${String(hour).padStart(2, '0')}:00` });
    }
  });
  return found;
}

/** Cards of what this person may report: source self only; a ride with full grams comes from its operator. */
function cards(offers) {
  return offers
    .filter((offer) => offer.source === SELF)
    .map((offer) => ({
      code: offer.behaviour,
      title: offer.name_zh,
      category: offer.category_zh,
      field: offer.quantity_field,
      unit: offer.quantity_field === 'distance_m' ? '公里' : offer.unit_zh,
      worth: `每${offer.unit_zh} ${Math.floor(offer.grams_per_unit * 10) / 10} 克（自己填的，已按一半算）`,
      cap: offer.cap_note_zh,
    }));
}

/** What became of the days WeChat gave: {message, good, id}. */
function stepsWords(days) {
  const counted = days.filter((one) => one.result === 'counted' && one.reduction_g > 0);
  const grams = counted.reduce((sum, one) => sum + one.reduction_g, 0);
  const refused = days.filter((one) => one.result === 'refused' || (one.result === 'counted' && !one.reduction_g)).map((one) => one.zh);
  const first = counted.length ? `记下 ${counted.length} 天，${carbon(grams)}。` : '没有新的一天可记；今天的步数明天再来同步。';
  return { message: [first, ...refused.filter(Boolean)].join(''), good: counted.length > 0, id: 0 };
}

module.exports = { SELF, amount, moments, cards, stepsWords };
