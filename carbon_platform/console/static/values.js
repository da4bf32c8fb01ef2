// Values between a form, JSON and a reader's eye. Pure: no document, no network, tested with node --test.

/** "1,234.5" with 3 decimals → 1234500, exactly; null when it is no number or finer than the scale. */
export function exactInteger(text, decimals = 0) {
  const found = /^([-−]?)(\d+)(?:\.(\d+))?$/.exec(String(text).trim().replace(/[,，\s]/g, ''));
  if (!found) return null;
  const [, sign, whole, fraction = ''] = found;
  if (fraction.replace(/0+$/, '').length > decimals) return null;
  const value = Number(whole + fraction.slice(0, decimals).padEnd(decimals, '0'));
  if (!Number.isSafeInteger(value)) return null;
  return sign ? 0 - value : value;
}

/**
 * Cells copied from a spreadsheet (tabs), or CSV without quotes → [{column: value}]; the head line names the
 * columns, numbers become numbers, empty cells are left out. Text that starts with "[" is JSON already.
 */
export function rowsOf(text) {
  if (text.trim().startsWith('[')) return READERS.json(text);
  const lines = text.split(/\r?\n/).filter((line) => line.trim());
  const mark = lines[0]?.includes('\t') ? '\t' : ',';
  const [head, ...rest] = lines.map((line) => line.split(mark).map((cell) => cell.trim()));
  if (!rest.length || head.some((name) => !name) || rest.some((cells) => cells.length > head.length)) return null;
  return rest.map((cells) =>
    Object.fromEntries(
      head.map((name, i) => [name, cells[i] ?? '']).filter(([, cell]) => cell !== '').map(([name, cell]) => [name, /^-?\d+(\.\d+)?$/.test(cell) && name !== 'parcel_code' ? Number(cell) : cell]),
    ),
  );
}

// What is typed → what is sent. Balances are integers: tonnes become kilograms, yuan become fen.
const READERS = {
  integer: (text) => exactInteger(text),
  kg: (text) => exactInteger(text, 3),
  fen: (text) => exactInteger(text, 2),
  number: (text) => (Number.isFinite(Number(text)) && text.trim() !== '' ? Number(text) : null),
  boolean: (text) => (text === 'true' || text === 'on' ? true : text === 'false' ? false : null),
  list: (text) => text.split(/[\s,，、;；]+/).filter(Boolean),
  rows: rowsOf,
  json: (text) => {
    try {
      return JSON.parse(text);
    } catch {
      return null;
    }
  },
};

export class BadValue extends Error {
  constructor(field, kind) {
    super(`${field}: not a valid ${kind}`);
    this.field = field;
    this.kind = kind;
  }
}

const rowOf = (name) => /^(.*?\.\d+)\./.exec(name)?.[1];

/**
 * [{name, type, value}] → nested object. "a.b" nests, "a[]" collects, "a.0.b" makes rows; empty values are left
 * out, and so is a row of which something is empty: a batch nobody typed a quantity for is not meant.
 */
export function buildBody(fields) {
  const body = {};
  const tables = new Set();
  const bare = new Set(fields.filter(({ value }) => value === '' || value === undefined).map(({ name }) => rowOf(name)));
  for (const { name, type = 'string', value } of fields) {
    const row = rowOf(name);
    if (value === '' || value === undefined || (row && bare.has(row))) continue;
    if (row) tables.add(row.slice(0, row.lastIndexOf('.')));
    const read = READERS[type] ?? ((text) => text);
    const parsed = read(String(value));
    if (parsed === null) throw new BadValue(name, type);
    const path = name.replace(/\[\]$/, '').split('.');
    const last = path.pop();
    const home = path.reduce((at, key) => (at[key] ??= {}), body);
    if (name.endsWith('[]')) (home[last] ??= []).push(parsed);
    else home[last] = parsed;
  }
  for (const table of tables) {
    const path = table.split('.');
    const last = path.pop();
    const home = path.reduce((at, key) => at[key], body);
    home[last] = Object.values(home[last]);
  }
  return body;
}

/** "/runs/{id}" with {id: 7} → "/runs/7"; a part that is missing gives null, so that nobody lands on "/runs/". */
export function fillTemplate(template, data) {
  let complete = true;
  const filled = template.replace(/\{([\w.]+)\}/g, (_, path) => {
    const value = path.split('.').reduce((at, key) => (at === null || at === undefined ? at : at[key]), data);
    if (value === undefined || value === null) complete = false;
    return encodeURIComponent(String(value));
  });
  return complete ? filled : null;
}

/** What a problem+json says, as [{field, message}]; the first has no field when the problem is general. */
export function findings(problem, language = 'zh') {
  const lang = language.startsWith('en') ? 'en' : 'zh';
  const listed = (problem.errors ?? []).map((error) => ({
    field: error.field ?? '',
    row: error.row ?? null,
    message: error.message ?? error[lang] ?? error.zh ?? '',
  }));
  return listed.length ? listed : [{ field: '', row: null, message: problem.detail ?? problem.title ?? '' }];
}

/**
 * Which Idempotency-Key the next attempt carries. A refusal (4xx) changed nothing, so a corrected form is a
 * new operation; after a broken connection or a 5xx the outcome is unknown, so the retry is the same one.
 */
export function keyAfter(status, key, fresh) {
  const refused = status >= 400 && status < 500 && status !== 408 && status !== 409 && status !== 429;
  return refused ? fresh() : key;
}

export const grouped = (integer) => String(integer).replace(/\B(?=(\d{3})+$)/g, ',');

/** 1234567 fen → "¥12,345.67". */
export function yuan(fen) {
  const size = Math.abs(fen);
  return `${fen < 0 ? '−' : ''}¥${grouped(Math.floor(size / 100))}.${String(size % 100).padStart(2, '0')}`;
}

/** 1234567 kg → "1,234.567"; whole tonnes lose the zeros. */
export function tonnes(kg) {
  const size = Math.abs(kg);
  const rest = size % 1000;
  return `${kg < 0 ? '−' : ''}${grouped(Math.floor(size / 1000))}${rest ? `.${String(rest).padStart(3, '0')}` : ''}`;
}

/** kilograms × fen per tonne → fen, as the server rounds it: null unless both are integers. */
export function cost(quantityKg, priceFen) {
  if (!Number.isSafeInteger(quantityKg) || !Number.isSafeInteger(priceFen)) return null;
  return Number((BigInt(quantityKg) * BigInt(priceFen) + 500n) / 1000n);
}

/** What names like "lines.0.quantity_kg" hold together for "lines.*.quantity_kg"; null when one is no number. */
export function sumOf(pattern, fields, decimals = 3) {
  const wanted = new RegExp(`^${pattern.split('*').map((part) => part.replace(/\./g, '\\.')).join('\\d+')}$`);
  let sum = 0;
  for (const { name, value } of fields) {
    if (!wanted.test(name) || String(value).trim() === '') continue;
    const read = exactInteger(value, decimals);
    if (read === null) return null;
    sum += read;
  }
  return sum;
}

const fixed = (value, digits) => {
  const [whole, fraction] = Math.abs(value).toFixed(digits).split('.');
  return `${value < 0 ? '−' : ''}${grouped(whole)}${fraction ? `.${fraction}` : ''}`;
};
// Ways to show a value in a filled template: data-slot="area_m2|mu".
export const SHOWN = {
  mu: (m2) => fixed((m2 * 15) / 10000, 1),
  ha: (m2) => fixed(m2 / 10000, 2),
  tonnes,
  yuan,
  text: (value) => String(value),
};

/** Rows of texts → CSV that a spreadsheet opens as text: quoted, and no cell can become a formula. */
export function csvOf(rows) {
  const cell = (text) => `"${(/^[=+@\t\r-]/.test(text) ? `'${text}` : text).replace(/"/g, '""')}"`;
  return `\ufeff${rows.map((row) => row.map((text) => cell(text.trim())).join(',')).join('\r\n')}\r\n`;
}
