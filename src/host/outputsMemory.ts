import { MemoryStore } from '../store/memoryOutputs.ts';
import type { OutputKeeper } from './host.ts';

/** Our choice: small beside what a tab may have, and the answers of 100,000 images for a thousand classes. */
const MOST_BYTES = 2 ** 28;

/** Teacher outputs in memory, for as long as this lives. */
export function memoryKeeper(): OutputKeeper {
  const store = new MemoryStore(MOST_BYTES);
  return { where: () => 'memory', open: async ({ columns, list }) => store.open(columns, list) };
}
