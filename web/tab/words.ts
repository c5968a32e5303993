/** Numbers as people say them. */

export const count = (n: number, one: string, several = `${one}s`): string =>
  `${n.toLocaleString('en')} ${n === 1 ? one : several}`;

export const percent = (share: number): string => `${Math.round(100 * share)} %`;

/** `9 of 10`: few pictures are told as what they are. */
export const rightOf = (share: number, kept: number | undefined): string =>
  kept === undefined ? '' : `${Math.round(share * kept)} of ${kept}`;

/** What is left of a training. */
export const left = (seconds: number): string =>
  Number.isFinite(seconds) ? `${about(seconds)} left` : 'Working out how long it takes';

/** A time, roughly: nobody wants its seconds after the first minute. */
export function about(seconds: number): string {
  if (seconds < 5) return 'a few seconds';
  if (seconds < 55) return `${Math.ceil(seconds / 5) * 5} seconds`;
  if (seconds < 90) return 'a minute';
  if (seconds < 3600) return `${Math.round(seconds / 60)} minutes`;
  const hours = Math.floor(seconds / 3600);
  return `${count(hours, 'hour')} ${Math.round((seconds % 3600) / 60)} min`;
}

export const milliseconds = (value: number): string =>
  value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;

export const bytes = (value: number): string =>
  value < 1e6 ? `${Math.max(1, Math.round(value / 1e3))} kB` : `${(value / 1e6).toFixed(1)} MB`;
