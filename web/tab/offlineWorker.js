/* global VERSION, FILES */
/*
 * Keeps the whole page, so that it opens without a network. The build writes VERSION and FILES before these lines.
 * Answers get the two headers that isolate the page from others, so that WebAssembly has threads also where a host sends none: from
 * the second time that the page is opened there.
 */
const NAME = `understudy-page-${VERSION}`;

const isolated = (answer) => {
  // What cannot be read cannot be passed on with other headers.
  if (answer.type === 'opaque' || answer.status === 0) return answer;
  const headers = new Headers(answer.headers);
  headers.set('cross-origin-opener-policy', 'same-origin');
  headers.set('cross-origin-embedder-policy', 'require-corp');
  return new Response(answer.body, { status: answer.status, statusText: answer.statusText, headers });
};

self.addEventListener('install', (event) => {
  event.waitUntil(
    caches
      .open(NAME)
      .then((cache) => cache.addAll(FILES))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener('activate', (event) => {
  const older = (name) => name.startsWith('understudy-page-') && name !== NAME;
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter(older).map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const { href, pathname, searchParams } = new URL(request.url);
  // A token is for the server, and so are the pictures that it gives.
  const served = searchParams.has('token') || pathname.includes('/given/');
  if (request.method !== 'GET' || served || !href.startsWith(self.registration.scope)) return;
  event.respondWith(
    caches
      .open(NAME)
      .then((cache) => cache.match(request, { ignoreSearch: true }))
      .then((kept) => kept ?? fetch(request))
      .then(isolated),
  );
});
