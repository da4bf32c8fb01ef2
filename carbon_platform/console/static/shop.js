// The till: a code is typed, scanned by a hand scanner or by the camera, checked by the platform, or without
// network by the list this page carries. What was taken without network is written down first, then shown.

import { decide, hashOf, readTicket, spoken } from './shop_code.js';

const KEPT = 'xy-shop';
const PATIENCE_MS = 4000;
const BATCH = 200;
const SHOWN = 20;
const words = JSON.parse(document.getElementById('shop-words').textContent);
const english = document.documentElement.lang === 'en';
const $ = (id) => document.getElementById(id);
const form = $('till');
const field = form.elements.code;

const fresh = { device: `till-${[...crypto.getRandomValues(new Uint8Array(6))].map((b) => b.toString(16).padStart(2, '0')).join('')}`, list: null, queue: [], taken: [], log: [] };
let kept = { ...fresh, ...JSON.parse(localStorage.getItem(KEPT) ?? '{}') };
const keep = () => localStorage.setItem(KEPT, JSON.stringify(kept));
keep();

const put = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
const said = (row, name) => (english ? row[`${name}_en`] : '') || row[`${name}_zh`] || '';
const clock = (at) => new Date(at).toLocaleString(english ? 'en-GB' : 'zh-CN', { timeZone: 'Asia/Shanghai', month: 'numeric', day: 'numeric', hour: '2-digit', minute: '2-digit', hour12: false });
const yuan = (fen) => `¥${(fen / 100).toFixed(2)}`;

/** {status, data}; status 0: no answer in time. */
async function ask(method, path, body) {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), PATIENCE_MS);
  try {
    const headers = { 'Accept-Language': english ? 'en' : 'zh', 'X-CSRF-Token': document.querySelector('meta[name="csrf"]').content };
    if (body) headers['Content-Type'] = 'application/json';
    const answer = await fetch(`/api/v1${path}`, { method, headers, body: body && JSON.stringify(body), signal: stop.signal, cache: 'no-store' });
    return { status: answer.status, data: await answer.json() };
  } catch {
    return { status: 0, data: {} };
  } finally {
    clearTimeout(timer);
  }
}

function show(ok, title, text, more = '') {
  const box = $('result');
  box.className = `verdict ${ok ? 'yes' : 'no'}`;
  box.replaceChildren(
    Object.assign(document.createElement('p'), { className: 'mark', textContent: ok ? words.yes : words.no }),
    Object.assign(document.createElement('p'), { className: 'what', textContent: title }),
    Object.assign(document.createElement('p'), { textContent: text }),
    ...(more ? [Object.assign(document.createElement('p'), { className: 'what', textContent: more })] : []),
  );
  box.hidden = false;
}

function note(row) {
  kept.log = [row, ...kept.log].slice(0, SHOWN);
  keep();
  draw();
}

function draw() {
  $('waiting').textContent = put(kept.queue.length ? words.waiting : words.none_waiting, { n: kept.queue.length });
  $('hand-in').hidden = !kept.queue.length;
  const list = kept.list;
  $('list-state').textContent = list ? put(Date.parse(list.good_until) < Date.now() ? words.list_old : words.list_good, { made: clock(list.made_at), until: clock(list.good_until), n: list.ready.length }) : words.list_none;
  $('shop-name').textContent = list ? said(list, 'name') : '';
  $('log').replaceChildren(
    ...kept.log.map((row) => {
      const item = document.createElement('li');
      const text = document.createElement('span');
      text.append(row.title, Object.assign(document.createElement('small'), { textContent: `${clock(row.at)} · ${row.text}` }));
      item.append(Object.assign(document.createElement('span'), { className: `status ${row.kind}`, textContent: words[row.kind] }), text);
      return item;
    }),
  );
  $('log-card').hidden = !kept.log.length;
}

function online(is) {
  $('net').textContent = is ? words.online : words.offline;
  $('net').className = `status ${is ? 'ok' : 'est'}`;
}

function signedOut() {
  $('sign-in').hidden = false;
  $('sign-in').textContent = words.sign_in;
}

async function fetchList() {
  const answer = await ask('GET', '/shop/keys');
  online(answer.status > 0 && answer.status < 500);
  if (answer.status === 200) {
    kept.list = answer.data;
    $('sign-in').hidden = true;
    // Hashes used here and handed in are in the new list of spent ones; those that wait stay.
    kept.taken = kept.queue.map((row) => row.hash);
    keep();
  } else if (answer.status === 401 || answer.status === 403) {
    signedOut();
    if (answer.status === 403 && answer.data.detail) $('sign-in').textContent = answer.data.detail;
  }
  draw();
}

// One hand-in at a time, also over the tabs of this till.
const alone = (work) => (navigator.locks ? navigator.locks.request(KEPT, work) : work());
const handIn = () => alone(handInQueue);

/** Hand in what was taken without network; each row leaves the queue with its answer only. */
async function handInQueue() {
  kept = { ...kept, ...JSON.parse(localStorage.getItem(KEPT)) };
  while (kept.queue.length) {
    const part = kept.queue.slice(0, BATCH);
    const rows = part.map(({ code, used_at, device }) => ({ code, used_at, device, offline: true }));
    const answer = await ask('POST', '/shop/verifications', { rows });
    if (answer.status !== 200) {
      if (answer.status === 401) signedOut();
      if (answer.status === 403 && answer.data.code === 'web.csrf') location.reload();
      break;
    }
    const answered = new Set(part.map((row) => `${row.code} ${row.used_at}`));
    kept.queue = kept.queue.filter((row) => !answered.has(`${row.code} ${row.used_at}`));
    answer.data.rows.forEach((row, place) => {
      const ok = row.outcome === 'accepted';
      kept.log = [{ kind: ok ? 'ok' : 'bad', at: part[place].used_at, title: said(row, 'name') || part[place].title, text: ok ? words.handed_in : put(words.not_paid, { why: said(row, 'reason') }) }, ...kept.log].slice(0, SHOWN);
    });
    keep();
  }
  draw();
}

async function takeOnline(text, used_at) {
  const answer = await ask('POST', '/shop/verifications', { rows: [{ code: text, used_at, device: kept.device }] });
  if (answer.status === 0 || answer.status >= 500) return false;
  online(true);
  if (answer.status !== 200) {
    if (answer.status === 401) return signedOut(), false;
    show(false, words.no_answer, answer.data.detail ?? '');
    return true;
  }
  const [row] = answer.data.rows;
  const ok = row.outcome === 'accepted';
  const name = said(row, 'name');
  if (ok) {
    const code = readTicket(text)?.code ?? spoken(text);
    if (code) kept.taken.push(await hashOf(code));
  }
  show(ok, ok ? name : words.refused, ok ? put(words.taken_online, { points: row.points }) : said(row, 'reason'), ok && row.topup_fen ? put(words.topup, { yuan: yuan(row.topup_fen) }) : '');
  note({ kind: ok ? 'ok' : 'bad', at: used_at, title: name || words.refused, text: ok ? words.by_platform : said(row, 'reason') });
  return true;
}

async function takeOffline(text, used_at) {
  online(false);
  const found = await decide(text, { list: kept.list, taken: new Set(kept.taken), now: Date.parse(used_at) });
  if (!found.ok) {
    const hours = found.offer ? said(found.offer, 'hours') : '';
    show(false, words.refused, put(words[`no_${found.reason}`], { hours }));
    return;
  }
  const title = found.offer ? said(found.offer, 'name') : found.reward;
  kept.queue.push({ code: text, used_at, device: kept.device, hash: found.hash, title });
  kept.taken.push(found.hash);
  keep(); // written down before anybody hands anything over
  show(true, title, words.taken_offline, found.topupFen ? put(words.topup, { yuan: yuan(found.topupFen) }) : '');
  note({ kind: 'review', at: used_at, title, text: words.by_list });
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const text = field.value.trim();
  if (!text || form.dataset.busy) return;
  form.dataset.busy = '1';
  form.querySelector('button').disabled = true;
  const used_at = new Date().toISOString();
  try {
    if (!(await takeOnline(text, used_at))) await takeOffline(text, used_at);
    field.value = '';
  } finally {
    delete form.dataset.busy;
    form.querySelector('button').disabled = false;
    field.focus();
  }
});
$('hand-in').addEventListener('click', () => handIn().then(fetchList));
addEventListener('online', () => handIn().then(fetchList));
addEventListener('offline', () => online(false));
// Another tab of this till: one queue.
addEventListener('storage', (event) => {
  if (event.key !== KEPT || !event.newValue) return;
  kept = JSON.parse(event.newValue);
  draw();
});

// ---- the camera, where the browser itself can read a QR ----
const camera = $('camera');
if ('BarcodeDetector' in window && navigator.mediaDevices) {
  $('scan').hidden = false;
  $('scan').addEventListener('click', async () => {
    const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } }).catch(() => null);
    if (!stream) return show(false, words.no_camera, '');
    const reader = new BarcodeDetector({ formats: ['qr_code'] });
    camera.srcObject = stream;
    camera.hidden = false;
    await camera.play();
    const stop = () => {
      stream.getTracks().forEach((track) => track.stop());
      camera.hidden = true;
    };
    for (const until = Date.now() + 30_000; Date.now() < until; ) {
      const [seen] = await reader.detect(camera).catch(() => []);
      if (seen) {
        stop();
        field.value = seen.rawValue;
        form.requestSubmit();
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    stop();
  });
}

navigator.serviceWorker?.register('/shop/worker.js', { scope: '/shop/' });
draw();
online(navigator.onLine);
handIn().then(fetchList);
field.focus();
