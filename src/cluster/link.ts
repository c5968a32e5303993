import { UserError } from '../graph/errors.ts';
import type { Link } from './forecast.ts';

/** Our choice: a message of a local network through the kernel's TCP. */
const LATENCY = 50e-6;

/** Bits; a `B` means bytes. */
const PREFIXES: Readonly<Record<string, number>> = { k: 1e3, M: 1e6, G: 1e9 };

/**
 * A link as it is typed: 1Gb/s, 2.5Gbit/s, 110MB/s, each with the seconds of a message besides where they are known (10Gb/s,20us).
 * @throws UserError
 */
export function linkOf(text: string): Link {
  const found = /^(\d+(?:\.\d+)?)([kMG])(b|bit|B)\/s(?:,(\d+(?:\.\d+)?)(us|ms))?$/.exec(text);
  const [, amount = '', prefix = '', unit = '', latency, scale] = found ?? [];
  const bytesPerSecond = (Number(amount) * PREFIXES[prefix]!) / (unit === 'B' ? 1 : 8);
  if (!found || !(bytesPerSecond > 0))
    throw new UserError(
      `--link: wanted a speed such as 1Gb/s, 110MB/s or 10Gb/s,20us, or ssh:HOST to measure it, got "${text}"`,
    );
  return {
    bytesPerSecond,
    latency: latency === undefined ? LATENCY : Number(latency) * (scale === 'us' ? 1e-6 : 1e-3),
  };
}

/** Two digits: more would be pretence. */
export function linkText({ bytesPerSecond }: Link): string {
  const bits = 8 * bytesPerSecond;
  return bits >= 1e9 ? `${Number((bits / 1e9).toPrecision(2))} Gb/s` : `${Number((bits / 1e6).toPrecision(2))} Mb/s`;
}
