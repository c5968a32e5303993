/**
 * The look of all pages: of web/, where the build puts it before web/ui/base.css, and of report.html and a study's page. One type scale, one
 * spacing scale, few colours with a meaning each. Text colours have a contrast of at least 4.5 to 1 on every surface of their theme.
 */
export const TOKENS = `:root {
  color-scheme: light dark;
  --font: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "Liberation Mono", monospace;

  --text-xs: 0.75rem;
  --text-s: 0.8125rem;
  --text-m: 0.875rem;
  --text-l: 1rem;
  --text-xl: 1.25rem;
  --text-xxl: 1.625rem;

  --space-1: 0.25rem;
  --space-2: 0.5rem;
  --space-3: 0.75rem;
  --space-4: 1rem;
  --space-5: 1.5rem;
  --space-6: 2rem;
  --space-7: 3rem;

  --radius-s: 4px;
  --radius: 8px;

  --fast: 80ms;
  --slow: 1.6s;

  --bg: light-dark(#f7f8fa, #0f1216);
  --surface: light-dark(#ffffff, #161a20);
  --raised: light-dark(#ffffff, #1d222a);
  --sunken: light-dark(#f0f2f5, #12161b);
  --line: light-dark(#e1e4ea, #2a303a);
  --line-strong: light-dark(#858d9b, #6d7684);
  --text: light-dark(#171b22, #e8ebf0);
  --text-soft: light-dark(#565e6c, #a2abb9);
  --accent: light-dark(#1f5fd0, #4d8df0);
  --accent-text: light-dark(#1a56bf, #84b3ff);
  --accent-soft: light-dark(#e7effc, #182841);
  --on-accent: light-dark(#ffffff, #07101f);
  --good: light-dark(#17703f, #5fcb8f);
  --good-soft: light-dark(#e3f4ea, #12291d);
  --warn: light-dark(#8a5300, #e8b04a);
  --warn-soft: light-dark(#fdf1dc, #2d220e);
  --bad: light-dark(#b3261e, #ff8f86);
  --bad-soft: light-dark(#fdeceb, #341816);
  --shadow: 0 1px 2px light-dark(rgb(20 28 45 / 6%), rgb(0 0 0 / 0%));
  --shadow-high: 0 8px 30px light-dark(rgb(20 28 45 / 16%), rgb(0 0 0 / 55%));

  /* Okabe and Ito's colours, which the colour-blind can tell apart, set for each theme's ground. */
  --series-1: light-dark(#0072b2, #56b4e9);
  --series-2: light-dark(#d55e00, #ff8a3d);
  --series-3: light-dark(#00855f, #2fc79a);
  --series-4: light-dark(#b2528a, #e59ac4);
  --series-5: light-dark(#9a6a00, #f0b429);
  --series-6: light-dark(#2b8cc4, #8fb8ff);
  --series-7: light-dark(#74740a, #c9c94f);
  --series-8: light-dark(#6b6b6b, #a8a8a8);
}

:root[data-theme="light"] {
  color-scheme: light;
}

:root[data-theme="dark"] {
  color-scheme: dark;
}

@media (prefers-reduced-motion: reduce) {
  :root {
    --fast: 0s;
    --slow: 0s;
  }
}
`;

/** Height of the upright names above a matrix, within reason: its CSS variable `--head`. */
export const headHeight = (names: readonly string[]): string =>
  `${Math.min(6.5, 1.2 + 0.46 * names.reduce((most, { length }) => Math.max(most, length), 1)).toFixed(1)}rem`;

/** Parts that the pages of web/ and the files that load nothing both show. */
export const PARTS = `/* Figures: a name and its value */
.figures {
  display: flex;
  flex-wrap: wrap;
  gap: 1px;
  margin: 0;
  border: 1px solid var(--line);
  border-radius: var(--radius);
  background: var(--line);
  overflow: hidden;
  box-shadow: var(--shadow);
}
.figures > div {
  flex: 1 1 auto;
  min-width: 8.5rem;
  padding: var(--space-3) var(--space-4);
  background: var(--surface);
}
.figures dt {
  color: var(--text-soft);
  font-size: var(--text-s);
}
.figures dd {
  margin: 0;
  font-size: var(--text-xl);
  font-weight: 550;
  letter-spacing: -0.015em;
  overflow-wrap: anywhere;
}
.figures dd small {
  display: block;
  color: var(--text-soft);
  font-size: var(--text-s);
  font-weight: 400;
  letter-spacing: 0;
}

/* Which is taken for which: cells with a colour that is a share */
.matrix {
  overflow-x: auto;
}
.matrix table {
  border-spacing: 2px;
  font-size: var(--text-xs);
}
.matrix th {
  max-width: 9rem;
  padding: 0 var(--space-2) 0 0;
  color: var(--text-soft);
  font-weight: 500;
  text-align: right;
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
}
.matrix thead th {
  height: var(--head, 6.5rem);
  padding: 0;
  vertical-align: bottom;
  overflow: visible;
}
.matrix thead th > span:not(.hidden) {
  display: block;
  width: 2.4rem;
  max-height: var(--head, 6.5rem);
  padding: 4px 0;
  text-align: left;
  text-overflow: ellipsis;
  writing-mode: vertical-rl;
  transform: rotate(180deg);
  overflow: hidden;
}
.matrix td {
  width: 2.4rem;
  height: 2.1rem;
  padding: 0;
  border-radius: 4px;
  background: var(--sunken);
}
.matrix td.right {
  background: color-mix(in srgb, var(--series-1) calc(var(--share) * 0.45), var(--surface));
}
.matrix td.wrong {
  background: color-mix(in srgb, var(--series-2) calc(var(--share) * 0.45), var(--surface));
}
.matrix td a {
  display: grid;
  place-items: center;
  width: 100%;
  height: 100%;
  border-radius: 4px;
  color: var(--text);
  text-decoration: none;
}
.matrix td a:hover,
.matrix td a[aria-current] {
  outline: 2px solid var(--accent);
}
@media print {
  .matrix td {
    print-color-adjust: exact;
  }
}
`;
