/** What canvases need as plain colours: a style sheet's own do not reach them. */
export interface Colours {
  readonly series: readonly string[];
  readonly text: string;
  readonly line: string;
  readonly surface: string;
}

export type Theme = 'system' | 'light' | 'dark';

/** A print has the light colours. */
const QUERIES = ['(prefers-color-scheme: dark)', 'print'];
const changes = new EventTarget();

/** The theme that was chosen; the system's where none was. */
export function chosenTheme(): Theme {
  const chosen = document.documentElement.dataset.theme;
  return chosen === 'light' || chosen === 'dark' ? chosen : 'system';
}

export function chooseTheme(theme: Theme): void {
  if (theme === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem('theme', theme);
  } catch {
    // A browser that keeps nothing: it lasts as long as the page.
  }
  changes.dispatchEvent(new Event('change'));
}

/** Calls `told` whenever the colours are others; gives what ends that. */
export function themeChanges(told: () => void): () => void {
  const sources = [changes, ...QUERIES.map((query) => matchMedia(query))];
  for (const source of sources) source.addEventListener('change', told);
  return () => {
    for (const source of sources) source.removeEventListener('change', told);
  };
}

export function resolvedColours(): Colours {
  const probe = document.body.appendChild(document.createElement('i'));
  const colour = (name: string): string => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  };
  const found = {
    series: Array.from({ length: 8 }, (_, i) => colour(`series-${i + 1}`)),
    text: colour('text-soft'),
    line: colour('line'),
    surface: colour('surface'),
  };
  probe.remove();
  return found;
}
