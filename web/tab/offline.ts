/** The page is kept by a service worker, so that it opens without a network too. Without one it works while it is open. */
export function keepOffline(): void {
  if (!('serviceWorker' in navigator)) return;
  navigator.serviceWorker.register(new URL('./offline.js', document.baseURI)).catch(() => undefined);
}
