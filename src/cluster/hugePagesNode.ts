import type { Koffi } from './mpiCallsNode.ts';

/** MADV_HUGEPAGE of Linux, on every processor. */
const HUGE_PAGE = 14;
const PAGE = 4096;
/** Below it a page of 2 MB would mostly be empty. */
const LARGE = 4 * 2 ** 20;

type Advise = (address: number, length: number, advice: number) => number;

/**
 * Memory in pages of 2 MB, where Linux gives them to who asks: what copies megabytes between processes is then twice as fast
 * (numpy asks for them, too). Elsewhere ordinary memory.
 */
export function hugeMemory(koffi: Koffi): (bytes: number) => Uint8Array {
  const advise = adviseOf(koffi);
  return (bytes) => {
    const memory = new Uint8Array(bytes);
    if (!advise || bytes < LARGE) return memory;
    const address = Number(koffi.address(memory));
    const from = Math.ceil(address / PAGE) * PAGE;
    // A refusal leaves it as it is.
    advise(from, Math.floor((address + bytes - from) / PAGE) * PAGE, HUGE_PAGE);
    return memory;
  };
}

function adviseOf(koffi: Koffi): Advise | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    return koffi.load('libc.so.6').func('int madvise(intptr_t address, size_t length, int advice)') as Advise;
  } catch {
    // Another C library.
    return undefined;
  }
}
