import { open } from 'node:fs/promises';

/** Up to so many bytes from the end of a file that may grow, as text; its first line may be cut. */
export async function lastBytes(path: string, bytes: number): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const length = Math.min(size, bytes);
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.toString('utf8');
  } finally {
    await file.close();
  }
}
