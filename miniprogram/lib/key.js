// Keys of operations: the same one when the outcome is unknown, a new one after a refusal.

/** 32 hexadecimal characters; they need to be unlike all others, not secret. */
function freshKey() {
  let text = '';
  while (text.length < 32) text += Math.floor(Math.random() * 0x10000).toString(16).padStart(4, '0');
  return Date.now().toString(16).padStart(12, '0') + text.slice(12);
}

/** After a refusal (4xx) nothing has changed, so the next try is a new operation; else it is the same one. */
function keyAfter(status, key) {
  const refused = status >= 400 && status < 500 && status !== 408 && status !== 409 && status !== 429;
  return refused ? freshKey() : key;
}

module.exports = { freshKey, keyAfter };
