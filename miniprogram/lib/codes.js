// Codes received, kept on this phone: a shop in a cellar has no signal, the code still has to show.

const KEPT = 'xy_codes';
const MOST = 20;

/** Keep what is needed to show a code; the newest `MOST`, each once. Used and refunded ones lose their code. */
function keep(redemptions) {
  const found = {};
  [...all(), ...redemptions].forEach((row) => {
    found[row.id] = { id: row.id, name_zh: row.name_zh, status: row.status, status_zh: row.status_zh, price_points: row.price_points, redeemed_at: row.redeemed_at, voucher_code: row.status === 'ready' ? row.voucher_code : '', signed_code: (row.status === 'ready' && row.signed_code) || '', merchant: row.merchant || '', expires_at: row.expires_at || null };
  });
  wx.setStorageSync(KEPT, Object.values(found).sort((a, b) => b.id - a.id).slice(0, MOST));
}

const all = () => wx.getStorageSync(KEPT) || [];
const find = (id) => all().find((row) => String(row.id) === String(id)) || null;
const forget = () => wx.removeStorageSync(KEPT);

module.exports = { keep, find, forget };
