// A phone without a screen: WeChat's functions on jsdom, pages by miniprogram-simulate, answers from a table or a server.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { JSDOM } from 'jsdom';

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'miniprogram');
const require = createRequire(import.meta.url);

const { window } = new JSDOM('<!doctype html><html><head></head><body></body></html>');
for (const name of ['document', 'CustomEvent', 'Event', 'Element', 'HTMLElement', 'Node']) globalThis[name] = window[name];
globalThis.window = window;

/** What the phone remembers and what it was asked to do. Replace `answer` to change what the platform says. */
export const phone = {};

export function reset() {
  Object.assign(phone, {
    storage: new Map(),
    sent: [], // {method, path, query, body, header}
    went: [], // [how, url]
    asked: [], // texts of dialogs
    codes: 0,
    files: new Map(),
    yes: true,
    login: () => ({ code: `code-${(phone.codes += 1)}` }),
    answer: () => ({ status: 500 }),
  });
}
reset();

const go = (how) => ({ url }) => phone.went.push([how, url]);
globalThis.wx = {
  getStorageSync: (name) => (phone.storage.has(name) ? structuredClone(phone.storage.get(name)) : ''),
  setStorageSync: (name, value) => phone.storage.set(name, structuredClone(value)),
  removeStorageSync: (name) => phone.storage.delete(name),
  login({ success, fail }) {
    const given = phone.login();
    queueMicrotask(() => (given ? success(given) : fail({ errMsg: 'login:fail' })));
  },
  request({ method, url, data, header, success, fail }) {
    const { pathname, searchParams, origin } = new URL(url);
    const sent = { method, path: decodeURIComponent(pathname), query: Object.fromEntries(searchParams), body: data, header, origin };
    phone.sent.push(sent);
    Promise.resolve(phone.answer(sent)).then((answer) => {
      if (!answer || answer.status === 0) fail({ errMsg: 'request:fail' });
      else success({ statusCode: answer.status, data: structuredClone(answer.data ?? '') });
    });
  },
  showModal({ title, content, success }) {
    phone.asked.push(`${title}：${content}`);
    queueMicrotask(() => success({ confirm: phone.yes, cancel: !phone.yes }));
  },
  navigateTo: go('navigateTo'),
  switchTab: go('switchTab'),
  reLaunch: go('reLaunch'),
  redirectTo: go('redirectTo'),
  navigateBack: () => phone.went.push(['navigateBack', '']),
  makePhoneCall: ({ phoneNumber }) => phone.went.push(['call', phoneNumber]),
  stopPullDownRefresh() {},
  env: { USER_DATA_PATH: '/usr' },
  getFileSystemManager: () => ({ writeFileSync: (path, text) => phone.files.set(path, text) }),
  shareFileMessage: ({ filePath }) => phone.went.push(['shared', filePath]),
  setClipboardData: ({ data }) => phone.went.push(['copied', data]),
  getWeRunData: ({ success, fail }) => (phone.steps ? success(phone.steps) : fail({ errMsg: 'getWeRunData:fail auth deny' })),
};

const simulate = require('miniprogram-simulate');
export const lib = (name) => require(join(ROOT, 'lib', name));
export const api = lib('api');

/** Everything under way has been answered and drawn. */
export async function settle() {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** What stands there to be read: the texts of the parts with a space between them. */
function words(dom) {
  const texts = [];
  const walker = window.document.createTreeWalker(dom, 4);
  while (walker.nextNode()) texts.push(walker.currentNode.data.trim());
  return texts.filter(Boolean).join(' ').replace(/\s+/g, ' ');
}

/** A page of the mini-program as a person sees it. */
export class Screen {
  constructor(component) {
    this.component = component;
  }

  get data() {
    return this.component.data;
  }

  get text() {
    return words(this.component.dom);
  }

  /** The parts with a class, also inside components: [{text, tap()}]. */
  all(className) {
    const named = (dom) => [...dom.classList].some((name) => name === className || name.endsWith(`--${className}`));
    return [...this.component.dom.querySelectorAll('[class]')].filter(named).map((dom) => new Part(dom, this));
  }

  one(className) {
    const found = this.all(className);
    if (found.length !== 1) throw new Error(`${found.length} parts with class ${className} in: ${this.text}`);
    return found[0];
  }

  has(className) {
    return this.all(className).length > 0;
  }

  async show() {
    await this.component.instance.onShow();
    await settle();
    return this;
  }

  /** Call what a page does by itself: onPullDownRefresh, onShareAppMessage … */
  run(name, ...given) {
    return this.component.instance[name](...given);
  }
}

const exparser = require('miniprogram-exparser');

class Part {
  constructor(dom, screen) {
    this.dom = dom;
    this.screen = screen;
  }

  get text() {
    return words(this.dom);
  }

  get style() {
    return this.dom.getAttribute('style') ?? '';
  }

  get node() {
    return this.dom.__wxElement;
  }

  async send(name, detail = {}) {
    exparser.Event.dispatchEvent(this.node, exparser.Event.create(name, detail, { bubbles: true, composed: true, capturePhase: true }));
    await settle();
    return this.screen;
  }

  /** A press; a button that is disabled does nothing, as on the phone. */
  async tap() {
    if (this.attribute('disabled') === true) return this.screen;
    return this.send('tap');
  }

  attribute(name) {
    return this.node._vt?.attrs?.find((attribute) => attribute.name === name)?.value;
  }
}

/** Open a page with its query and let it load. */
export async function open(name, query = {}) {
  const id = simulate.load(join(ROOT, 'pages', name, 'index'), { rootPath: ROOT });
  const component = simulate.render(id);
  component.attach(window.document.body);
  component.instance.onLoad(query);
  const screen = new Screen(component);
  return screen.show();
}

/** Answers by "METHOD /path"; a function is called with what was sent; a list is answered one by one. */
export function routes(table) {
  return (sent) => {
    const found = table[`${sent.method} ${sent.path}`];
    if (found === undefined) throw new Error(`nobody answers ${sent.method} ${sent.path}`);
    const given = Array.isArray(found) ? found.shift() : found;
    return typeof given === 'function' ? given(sent) : given;
  };
}
