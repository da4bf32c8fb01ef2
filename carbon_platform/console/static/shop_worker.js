// Keeps the till's page working without network: the newest copy when there is one, else the kept one.
// Nothing of the API is kept: what a shop may do without network is in the page's own list.

const KEPT = 'xy-till-1';
const FILES = ['/shop/', '/static/console.css', '/static/early.js', '/static/console.js', '/static/forms.js', '/static/values.js', '/static/shop.css', '/static/shop.js', '/static/shop_code.js', '/static/marks.svg', '/static/icon.svg'];
const PATIENCE_MS = 3000;

addEventListener('install', (event) => {
  event.waitUntil(caches.open(KEPT).then((cache) => cache.addAll(FILES)).then(() => skipWaiting()));
});
addEventListener('activate', (event) => {
  const old = (names) => Promise.all(names.filter((name) => name.startsWith('xy-till-') && name !== KEPT).map((name) => caches.delete(name)));
  event.waitUntil(caches.keys().then(old).then(() => clients.claim()));
});

async function newestOrKept(request, path) {
  const cache = await caches.open(KEPT);
  try {
    const answer = await fetch(request, { signal: AbortSignal.timeout(PATIENCE_MS) });
    if (answer.ok && !answer.redirected) await cache.put(path, answer.clone());
    if (answer.status < 500) return answer;
  } catch {
    // no network: the kept copy
  }
  return (await cache.match(path)) ?? Response.error();
}

addEventListener('fetch', (event) => {
  const { pathname, origin } = new URL(event.request.url);
  if (event.request.method === 'GET' && origin === location.origin && FILES.includes(pathname)) {
    event.respondWith(newestOrKept(event.request, pathname));
  }
});
