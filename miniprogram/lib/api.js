// The one request module: session, errors in words, retries that cannot count twice.
//
//   const book = await call('book', { query: { size: 20 } });
//   await call('redeem', { body: { reward }, key });        // key: see lib/key.js
//
// A failure throws { isProblem, status, code, message, errors }; message is what a person reads.
// Nothing but the session token is kept on the phone by this file.

const { BASE } = require('../config');
const ENDPOINTS = require('./endpoints');

const TOKEN = 'xy_token';
const JOINED = 'xy_joined';
const ANSWER_MS = 10000;
const LOGIN_MS = 4000;

const OFFLINE = '没有连上平台，什么都没有改变。请检查网络后再试一次，不会重复记账。';
const NO_WECHAT = '微信没有给出登录码。请稍后再试，您的账没有变化。';

function problem(status, code, message, errors = []) {
  return Object.assign(new Error(message), { isProblem: true, status, code, errors });
}

/** "/acts/{id}" with {id: 7} → "/acts/7"; a missing part is a defect of the page, not of the person. */
function fill(template, parts) {
  return template.replace(/\{(\w+)\}/g, (_, name) => {
    if (parts[name] === undefined || parts[name] === null) throw new Error(`${template} needs ${name}`);
    return encodeURIComponent(String(parts[name]));
  });
}

function address(path, query) {
  const pairs = Object.keys(query)
    .filter((name) => query[name] !== undefined && query[name] !== null && query[name] !== '')
    .map((name) => `${name}=${encodeURIComponent(String(query[name]))}`);
  return BASE + path + (pairs.length ? `?${pairs.join('&')}` : '');
}

/** One request; resolves with {status, data} whatever the answer is, status 0 without one. */
function send(method, url, body, header, timeout) {
  return new Promise((resolve) => {
    wx.request({
      method,
      url,
      data: body,
      header: { Accept: 'application/json', 'Accept-Language': 'zh', 'Content-Type': 'application/json', ...header },
      timeout,
      success: ({ statusCode, data }) => resolve({ status: statusCode, data }),
      fail: () => resolve({ status: 0, data: null }),
    });
  });
}

/** The data of an answer, or the problem it tells of, thrown. */
function read({ status, data }) {
  if (status >= 200 && status < 300) return data;
  if (status === 0) throw problem(0, 'mp.offline', OFFLINE);
  const said = data && typeof data === 'object' ? data : {};
  const listed = (said.errors || []).map((one) => one.zh || one.message).filter(Boolean);
  throw problem(status, said.code || `http.${status}`, listed[0] || said.detail || `平台没有办成（${status}）。请稍后再试。`, said.errors || []);
}

function loginCode() {
  return new Promise((resolve, reject) => {
    wx.login({
      timeout: LOGIN_MS,
      success: ({ code }) => (code ? resolve(code) : reject(problem(0, 'mp.no_wechat', NO_WECHAT))),
      fail: () => reject(problem(0, 'mp.no_wechat', NO_WECHAT)),
    });
  });
}

let signingIn = null;

/** Sign in with WeChat; several callers at once share one login, for a code works once. */
function signIn(about = {}) {
  if (!signingIn) {
    signingIn = (async () => {
      const code = await loginCode();
      const [method, path] = ENDPOINTS.signIn;
      const answer = await send(method, BASE + path, { ...about, code, transport: 'bearer' }, {}, ANSWER_MS);
      const { token, actor } = read(answer);
      wx.setStorageSync(TOKEN, token);
      wx.setStorageSync(JOINED, '1');
      return actor;
    })();
    const done = () => (signingIn = null);
    signingIn.then(done, done);
  }
  return signingIn;
}

async function token() {
  const kept = wx.getStorageSync(TOKEN);
  if (kept) return kept;
  if (!wx.getStorageSync(JOINED)) throw problem(401, 'mp.not_joined', '请先登录。');
  await signIn();
  return wx.getStorageSync(TOKEN);
}

/**
 * Call an endpoint by name. path: parts of the address, query, body, key: Idempotency-Key.
 * An expired session is renewed once and the call repeated: a 401 has changed nothing.
 */
async function call(name, { path = {}, query = {}, body, key } = {}) {
  const [method, template, open] = ENDPOINTS[name];
  const url = address(fill(template, path), query);
  const header = key ? { 'Idempotency-Key': key } : {};
  if (open) return read(await send(method, url, body, header, ANSWER_MS));
  const ask = async () => send(method, url, body, { ...header, Authorization: `Bearer ${await token()}` }, ANSWER_MS);
  let answer = await ask();
  if (answer.status === 401) {
    wx.removeStorageSync(TOKEN);
    answer = await ask();
  }
  return read(answer);
}

/** Forget the session on this phone; the server is told when it can be reached. */
async function signOut() {
  try {
    if (wx.getStorageSync(TOKEN)) await call('signOut');
  } finally {
    forgetSession();
  }
}

/** The server has ended the session, or it does not matter any more. */
function forgetSession() {
  wx.removeStorageSync(TOKEN);
  wx.removeStorageSync(JOINED);
}

/** The account behind this WeChat was closed or is to be deleted: opened again only when meant. */
const isClosed = (error) => error.isProblem && error.code === 'account.closed';

const hasJoined = () => Boolean(wx.getStorageSync(TOKEN) || wx.getStorageSync(JOINED));

module.exports = { call, loginCode, signIn, signOut, forgetSession, hasJoined, isClosed };
