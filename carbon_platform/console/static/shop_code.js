// What a till can decide by itself about a code: no page, no network. Tested under Node and in a browser.
// A list (GET /api/v1/shop/keys) holds public keys, hashes of good codes (ready) and of spent ones (void).

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const MISREAD = { 0: 'O', 1: 'I', 8: 'B' };
export const PREFIX = 'XY1:';
const CODE_LETTERS = 16;
const SIGNATURE_BYTES = 64;
const CODE_AT = 10;
const CODE_BYTES = 10;
const XINYANG_MS = 8 * 3600 * 1000;

/** Bytes of base32 without padding, or null. */
export function base32(text) {
  const bytes = new Uint8Array(Math.floor((text.length * 5) / 8));
  let held = 0;
  let bits = 0;
  let at = 0;
  for (const letter of text) {
    const value = LETTERS.indexOf(letter);
    if (value < 0) return null;
    held = ((held << 5) | value) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = (held >> bits) & 0xff;
    }
  }
  return bytes;
}

const letters32 = (bytes) => {
  let held = 0;
  let bits = 0;
  let text = '';
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += LETTERS[(held >> bits) & 31];
    }
  }
  return text;
};

const grouped = (letters) => ['XY', ...letters.match(/.{4}/g)].join('-');

/** A code as people type it, in its one form; null when it is none. */
export function spoken(text) {
  let plain = text.toUpperCase().replace(/[\s\-－—·]/g, '');
  if (plain.startsWith('XY') && plain.length === CODE_LETTERS + 2) plain = plain.slice(2);
  plain = plain.replace(/[018]/g, (digit) => MISREAD[digit]);
  return plain.length === CODE_LETTERS && [...plain].every((letter) => LETTERS.includes(letter)) ? grouped(plain) : null;
}

/** What the text of a QR says; null when it is none. Whether it is signed is another question. */
export function readTicket(text) {
  const given = text.trim().toUpperCase();
  if (!given.startsWith(PREFIX)) return null;
  const data = base32(given.slice(PREFIX.length));
  if (data === null || data.length < SIGNATURE_BYTES + 22 || data[0] !== 1) return null;
  const message = data.slice(0, -SIGNATURE_BYTES);
  const number = (from, to) => message.slice(from, to).reduce((sum, byte) => sum * 256 + byte, 0);
  const words = [];
  let at = CODE_AT + CODE_BYTES;
  for (let part = 0; part < 2; part += 1) {
    const end = at + 1 + message[at];
    words.push(String.fromCharCode(...message.slice(at + 1, end)));
    at = end;
  }
  if (at !== message.length) return null;
  return {
    code: grouped(letters32(message.slice(CODE_AT, CODE_AT + CODE_BYTES))),
    merchant: words[0],
    reward: words[1],
    expiresAt: number(3, 7) * 60_000,
    topupFen: number(7, 10),
    keyMark: [...message.slice(1, 3)].map((byte) => byte.toString(16).padStart(2, '0')).join(''),
    message,
    signature: data.slice(-SIGNATURE_BYTES),
  };
}

/** true or false; null when this browser cannot check Ed25519. */
export async function isSigned(ticket, keys, subtle = globalThis.crypto?.subtle) {
  const known = keys.filter((key) => key.startsWith(ticket.keyMark));
  if (!known.length) return false;
  for (const key of known) {
    const raw = Uint8Array.from(key.match(/../g), (pair) => parseInt(pair, 16));
    try {
      const imported = await subtle.importKey('raw', raw, { name: 'Ed25519' }, false, ['verify']);
      if (await subtle.verify({ name: 'Ed25519' }, imported, ticket.signature, ticket.message)) return true;
    } catch {
      return null;
    }
  }
  return false;
}

/** How a code stands in the list. */
export async function hashOf(code, subtle = globalThis.crypto?.subtle) {
  const sum = new Uint8Array(await subtle.digest('SHA-256', new TextEncoder().encode(code)));
  return [...sum.slice(0, 16)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Whether the offer's hours (Xinyang) take it at this moment. */
export function isOpen(hours, now) {
  if (!hours?.length) return true;
  const local = new Date(now + XINYANG_MS);
  const day = local.getUTCDay() || 7;
  const clock = local.toISOString().slice(11, 16);
  return hours.some((row) => row.days.includes(day) && row.from <= clock && clock < row.to);
}

/** Decide without network. Returns {ok, reason, hash, reward, topupFen}; `taken` is a Set of hashes used here. */
export async function decide(text, { list, taken, now }) {
  const no = (reason, more = {}) => ({ ok: false, reason, ...more });
  const ticket = readTicket(text);
  const code = ticket?.code ?? spoken(text);
  if (!code) return no('unreadable');
  if (!list) return no('no_list');
  if (Date.parse(list.good_until) < now) return no('stale_list');
  const hash = await hashOf(code);
  if (taken.has(hash)) return no('taken', { hash });
  if (list.void.includes(hash)) return no('void', { hash });
  const listed = list.ready.find((row) => row.hash === hash);
  if (ticket) {
    if (ticket.merchant !== list.merchant) return no('other_shop');
    const signed = await isSigned(ticket, list.keys);
    if (signed === false) return no('signature');
    if (signed === null && !listed) return no('cannot_check');
  } else if (!listed) {
    return no('unknown');
  }
  const said = listed ? { reward: listed.reward, expiresAt: Date.parse(listed.expires_at), topupFen: listed.topup_fen } : ticket;
  if (said.expiresAt <= now) return no('expired', { hash });
  const offer = list.offers.find((row) => row.code === said.reward);
  if (!isOpen(offer?.hours, now)) return no('closed', { hash, offer });
  return { ok: true, reason: '', hash, code, offer, reward: said.reward, topupFen: said.topupFen };
}
