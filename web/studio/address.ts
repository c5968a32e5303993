import { signal } from '@preact/signals';

/** Where the page is: all that a view needs to be shown again stands in its address. */
export const address = signal(new URL(location.href));

addEventListener('popstate', () => {
  address.value = new URL(location.href);
});

// Links of the studio change the view, and not the page.
addEventListener('click', (event) => {
  const link = (event.target as Element | null)?.closest?.('a');
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  if (!link || !plain || link.target || link.hasAttribute('download') || event.defaultPrevented) return;
  const to = new URL(link.href);
  if (to.origin !== location.origin || /^\/(api|tab)\//.test(to.pathname)) return;
  event.preventDefault();
  go(`${to.pathname}${to.search}${to.hash}`);
});

export function go(to: string): void {
  const changes = new URL(to, location.href).pathname !== address.value.pathname;
  history.pushState(null, '', to);
  address.value = new URL(location.href);
  if (!changes) return;
  scrollTo(0, 0);
  // A reader of the screen begins with what is new.
  requestAnimationFrame(() => document.querySelector<HTMLElement>('main')?.focus());
}

export const param = (name: string): string | null => address.value.searchParams.get(name);

/** Changes parameters of the address in place; null takes one out. */
export function setParams(changes: Readonly<Record<string, string | null>>): void {
  const url = new URL(address.value);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  history.replaceState(null, '', url);
  address.value = url;
}
