// Keeps the holder's page usable without a network: what the host last sent is shown when it does not answer. It serves this folder
// only, so the citizen's page and the ledger are never taken from here.

const cacheName = 'citygate-holder';
const page = '/citygate.page/holder.html';

self.addEventListener('install', e => {
  e.waitUntil(fill().then(() => self.skipWaiting()));
});

self.addEventListener('activate', e => e.waitUntil(self.clients.claim()));

// fill keeps the page and all files that it names.
async function fill() {
  const cache = await caches.open(cacheName), html = await (await fetch(page, {cache: 'no-cache'})).text();
  const files = [...html.matchAll(/(?:href|src)="(\/citygate\.page\/[a-z0-9.]+)"/g)].map(m => m[1]);
  await cache.addAll([page, ...new Set(files)]);
}

self.addEventListener('fetch', e => {
  const url = new URL(e.request.url);
  if (e.request.method === 'GET' && url.origin === location.origin && url.pathname.startsWith('/citygate.page/')) e.respondWith(answer(e.request));
});

// answer asks the host first, so that a new page is there at the next visit.
async function answer(request) {
  const cache = await caches.open(cacheName);
  let fresh = null;
  try {
    fresh = await fetch(request);
  } catch {
    fresh = null; // no network
  }
  if (fresh?.ok) {
    await cache.put(request, fresh.clone());
    return fresh;
  }
  return await cache.match(request, {ignoreSearch: true}) ?? fresh ?? Response.error();
}
