/** A picture and three bars: what an answer looks like. */
export const AnswerSketch = () => (
  <svg class="sketch" viewBox="0 0 160 72" width="160" height="72" aria-hidden="true">
    <rect
      x="10"
      y="12"
      width="48"
      height="48"
      rx="6"
      fill="var(--surface)"
      stroke="var(--line-strong)"
      stroke-width="1.5"
    />
    <circle cx="34" cy="36" r="11" fill="var(--series-1)" />
    <rect x="74" y="17" width="72" height="8" rx="4" fill="var(--series-1)" />
    <rect x="74" y="32" width="26" height="8" rx="4" fill="var(--series-2)" />
    <rect x="74" y="47" width="12" height="8" rx="4" fill="var(--series-3)" />
  </svg>
);
