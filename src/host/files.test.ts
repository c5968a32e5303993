import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { filesContract } from './filesSuite.ts';
import { memoryDisk, memoryFiles } from './memory/filesMemory.ts';
import { nodeFiles } from './node/filesNode.ts';

const root = mkdtempSync(join(tmpdir(), 'files-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let count = 0;

filesContract('memory', async () => {
  const disk = memoryDisk();
  return { files: memoryFiles('run', disk), reopen: async () => memoryFiles('run', disk) };
});

filesContract("Node's", async () => {
  const dir = join(root, String(count++));
  return { files: nodeFiles(dir), reopen: async () => nodeFiles(dir) };
});
