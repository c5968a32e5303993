/** Two small heaps of pictures, one of each kind. */
export const TrainingSketch = () => (
  <svg class="sketch" viewBox="0 0 160 72" width="160" height="72" aria-hidden="true">
    <g fill="var(--surface)" stroke="var(--line-strong)" stroke-width="1.5">
      <rect x="18" y="16" width="44" height="44" rx="6" transform="rotate(-8 40 38)" />
      <rect x="22" y="14" width="44" height="44" rx="6" transform="rotate(4 44 36)" />
      <rect x="96" y="14" width="44" height="44" rx="6" transform="rotate(-5 118 36)" />
      <rect x="98" y="16" width="44" height="44" rx="6" transform="rotate(7 120 38)" />
    </g>
    <circle cx="44" cy="36" r="11" fill="var(--series-1)" />
    <path d="M120 25l12 21h-24z" fill="var(--series-2)" />
  </svg>
);
