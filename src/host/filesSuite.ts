import { describe, expect, it } from 'vitest';
import type { RunFiles } from './files.ts';

const text = async (files: RunFiles, path: string): Promise<string | undefined> => {
  const bytes = await files.read(path);
  return bytes && new TextDecoder().decode(bytes);
};

/** What the files of every host do: one suite over interchangeable implementations. `reopen` is the same folder in another process. */
export function filesContract(
  name: string,
  open: () => Promise<{ files: RunFiles; reopen: () => Promise<RunFiles> }>,
): void {
  describe(`files of a run: ${name}`, () => {
    it('has nothing before something is written', async () => {
      const { files } = await open();
      expect(await files.list('')).toEqual([]);
      expect(await files.read('a/b.txt')).toBe(undefined);
      expect(await files.hasFolder('a')).toBe(false);
    });

    it('replaces a file by text, bytes and pieces, whole', async () => {
      const { files, reopen } = await open();
      const release = await files.lock([]);
      await files.replace('state.json', 'a long first text');
      await files.replace('state.json', 'short');
      expect(await text(files, 'state.json')).toBe('short');
      await files.replace('state.json', new Uint8Array([104, 105]));
      expect(await text(files, 'state.json')).toBe('hi');
      await files.replace('state.json', [new Uint8Array([97]), new Uint8Array([98, 99])]);
      expect(await text(files, 'state.json')).toBe('abc');
      await release();
      expect(await text(await reopen(), 'state.json')).toBe('abc');
    });

    it('replaces a folder, files below it included, and forgets those of before', async () => {
      const { files, reopen } = await open();
      const release = await files.lock(['checkpoints/last']);
      await files.replace('config.yaml', 'x');
      const contents = (value: string, ...names: string[]) => new Map(names.map((one) => [one, value]));
      for (const [value, ...names] of [
        ['1', 'a', 'old', 'deep/b'],
        ['2', 'a', 'deep/c'],
        ['3', 'a'],
      ] as const)
        await files.replaceFolder('checkpoints/last', contents(value, ...names));
      await release();
      for (const one of [files, await reopen()]) {
        expect(await one.list('')).toEqual(['checkpoints', 'config.yaml']);
        expect(await one.list('checkpoints')).toEqual(['last']);
        expect(await one.list('checkpoints/last')).toEqual(['a']);
        expect(await text(one, 'checkpoints/last/a')).toBe('3');
        expect(await one.hasFolder('checkpoints/last')).toBe(true);
        expect(await one.read('checkpoints/last/old')).toBe(undefined);
      }
    });

    it('appends at once or later, and to what is there', async () => {
      const { files, reopen } = await open();
      const release = await files.lock([]);
      const log = files.append('metrics.jsonl', 'a');
      log.append('one\n');
      await log.sync();
      log.append(new TextEncoder().encode('two\n'));
      await log.close();
      const again = files.append('metrics.jsonl', 'a');
      again.append('three\n');
      await again.close();
      await release();
      expect(await text(await reopen(), 'metrics.jsonl')).toBe('one\ntwo\nthree\n');
    });

    it('keeps others out while it is locked', async () => {
      const { files, reopen } = await open();
      const other = await reopen();
      const release = await files.lock([]);
      await expect(other.throwIfLocked()).rejects.toThrow(/wanted a folder that nobody uses|in use/);
      await expect(other.lock([])).rejects.toThrow(/wanted a folder that nobody uses|in use/);
      await release();
      await other.throwIfLocked();
      await (await other.lock([]))();
    });
  });
}
