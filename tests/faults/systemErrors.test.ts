import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type Finished,
  TINY_RESNET,
  TINY_VIT,
  temporaryFolder,
  understudy,
  writeDataset,
} from '../endToEnd/commandLine.ts';
import { expectSame } from '../endToEnd/resumed.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const dir = temporaryFolder();
const fast = (epochs: number, batch: number) => [
  ...['--epochs', String(epochs), '--batch', String(batch), '--set', 'data.workers=1'],
];
const FAST = fast(1, 8);

const DISTILL = [
  ...['distill', '--data', 'data', '--teacher', 'teacher', '--student', ...TINY_VIT, '--method', 'deit', ...FAST],
  ...['--set', 'train.ema=0.9', '--set', 'data.cache=disk', '--set', 'data.cacheDir=cache'],
  ...['--set', 'data.views=2', '--set', 'teacher.store.dir=store'],
];
const COMMANDS = {
  distill: DISTILL,
  export: ['export', 'teacher'],
  eval: ['eval', 'teacher', '--data', 'data'],
} as const;
type Command = keyof typeof COMMANDS;

/** All that is below a folder. */
const names = (folder: string) => readdirSync(join(dir, folder), { recursive: true, encoding: 'utf8' }).sort();
const clear = () => {
  for (const name of ['x', 'cache', 'store']) rmSync(join(dir, name), { recursive: true, force: true });
};

beforeAll(async () => {
  process.env.NODE_OPTIONS = `--require=${fileURLToPath(new URL('./failingCalls.cjs', import.meta.url))}`;
  await writeDataset(join(dir, 'data'));
  const commands = [
    ['train', '--data', 'data', '--model', ...TINY_RESNET, ...FAST, '--out', 'teacher'],
    [...COMMANDS.distill, '--out', 'whole-distill'],
    [...COMMANDS.export, '--out', 'whole-export'],
  ];
  for (const command of commands) {
    const { status, stderr } = await understudy(dir, command);
    expect(status, stderr).toBe(0);
  }
  clear();
});
afterEach(clear);
afterAll(() => {
  delete process.env.NODE_OPTIONS;
});

/** Runs a command while the calls `op` on `path` fail with `code`, from the `nth` on; failingCalls.cjs says what the words mean. */
async function disturbed(
  args: readonly string[],
  op: string,
  path: RegExp,
  code: string,
  nth: number,
): Promise<Finished> {
  process.env.FAULT = JSON.stringify({ below: realpathSync(dir), op, path: path.source, code, nth });
  try {
    return await understudy(dir, args);
  } finally {
    delete process.env.FAULT;
  }
}

/** As users do: what has begun is gone on with, all else begins anew. */
async function again(command: Command): Promise<void> {
  const begun = existsSync(join(dir, 'x/config.yaml'));
  const args = command === 'distill' && begun ? ['distill', '--resume'] : COMMANDS[command];
  const force = command === 'export' && existsSync(join(dir, 'x')) ? ['--force'] : [];
  const { status, stderr } = await understudy(dir, [...args, '--out', 'x', ...force]);
  expect(status, stderr).toBe(0);
}

function expectWhole(command: Command): void {
  if (command === 'distill') expectSame(join(dir, 'x'), join(dir, 'whole-distill'));
  else expect(names('x')).toEqual(names('whole-export'));
  const besides = readdirSync(dir).filter((name) => name.includes('x.') || name.includes('.tmp-'));
  expect(besides).toEqual([]);
}

function expectRefusal({ stdout, stderr }: Finished, ...parts: RegExp[]): void {
  for (const part of parts) expect(stderr).toMatch(part);
  expect(stderr).not.toMatch(/^\s+at |report it with|fault of Understudy/m);
  expect(stdout).toBe('');
}

describe('what the system refuses is told by file, reason and remedy, and the folder goes on to the same bits', () => {
  it.each<[Command, string, RegExp, string, number, RegExp]>([
    ['distill', 'mkdir', /^x$/, 'EDQUOT', 1, /x: wanted to make this folder, got EDQUOT: .* Your quota is used up/],
    ['distill', 'create', /^x\/run\.lock$/, 'EMFILE', 1, /run\.lock: wanted to lock it, got EMFILE: .*ulimit -n/],
    ['distill', 'open', /^data\/train\/.*png$/, 'EMFILE', 3, /\.png: wanted to read it, got EMFILE: .*ulimit -n/],
    ['distill', 'write', /^x\/metrics\.jsonl/, 'EIO', 2, /metrics\.jsonl: wanted to .*, got EIO: .* The disk failed/],
    [
      'distill',
      'fsync',
      /last\.tmp.*model\.s/,
      'EIO',
      3,
      /x\/checkpoints\/last[^-]*: wanted to .*, got EIO: .* disk failed/,
    ],
    [
      'distill',
      'rename',
      /^x\/checkpoints\/last\.tmp-[^/]*$/,
      'EXDEV',
      2,
      /checkpoints\/last: wanted to save it, got EXDEV/,
    ],
    [
      'distill',
      'write',
      /^x\/model\.tmp.*onnx/,
      'ENOSPC',
      1,
      /x\/model\/onnx\/model\.onnx: wanted to write it, got ENOSPC/,
    ],
    [
      'export',
      'write',
      /safetensors/,
      'ENOSPC',
      2,
      /x\/model\.safetensors: wanted to write it, got ENOSPC: .* Free space/,
    ],
    [
      'export',
      'create',
      /onnx\/model\.onnx/,
      'EDQUOT',
      1,
      /x\/onnx\/model\.onnx: wanted to write it, got EDQUOT: .* quota/,
    ],
    ['export', 'rename', /^x\.tmp-[^/]*$/, 'EXDEV', 1, /x: wanted to save it, got EXDEV: .* whole on one/],
    ['export', 'read', /^x\/onnx\/model\.onnx$/, 'EIO', 1, /x: wanted to read back what was written, got EIO/],
    [
      'eval',
      'read',
      /^teacher\/model\/model/,
      'EIO',
      2,
      /model\.safetensors: wanted to read it, got EIO: .* disk failed/,
    ],
    ['eval', 'open', /^data\/val\/.*png$/, 'EMFILE', 5, /\.png: wanted to read it, got EMFILE: .*ulimit -n/],
    [
      'eval',
      'readdir',
      /^data\/val\/blue$/,
      'EMFILE',
      1,
      /data\/val\/blue: wanted to read it, got EMFILE: .*ulimit -n/,
    ],
  ])('%s: %s of %s: %s from call %i on', async (command, op, path, code, nth, message) => {
    const out = command === 'eval' ? [] : ['--out', 'x'];
    const found = await disturbed([...COMMANDS[command], ...out], op, path, code, nth);
    expectRefusal(found, message);
    expect(found.stderr).not.toContain('.tmp-');
    expect(found.status).toBe(1);
    if (command === 'eval') return;
    await again(command);
    expectWhole(command);
  });

  it('an image that may not be read, or lies on a bad sector, is skipped by name', async () => {
    for (const [code, remedy] of [
      ['EACCES', 'Give yourself permission, or delete the file'],
      ['EIO', 'Replace or delete the file'],
    ] as const) {
      const { status, stderr } = await disturbed(COMMANDS.eval, 'open', /^data\/val\/red\/2\.png$/, code, 1);
      expect(stderr).toContain(`got ${code}. ${remedy}`);
      expect(stderr.match(/skipped/g)).toHaveLength(1);
      expect(status).toBe(0);
    }
  });

  it.each<[string, RegExp, string, RegExp]>([
    ['write', /^cache\/.*shard/, 'ENOSPC', /decoded images are no longer kept on the disk: cache: .* Free space/],
    ['write', /^store\/.*shard/, 'EDQUOT', /teacher outputs are no longer kept: store: .* got EDQUOT: .* quota/],
    ['unlink', /^x\/run\.lock$/, 'EACCES', /saved last/],
  ])('%s of %s: %s costs nothing but speed', async (op, path, code, note) => {
    const { status, stderr } = await disturbed([...COMMANDS.distill, '--out', 'x'], op, path, code, 1);
    expect(status, stderr).toBe(0);
    expect(stderr).toMatch(note);
    expectSame(join(dir, 'x'), join(dir, 'whole-distill'));
  });
});

/** What a command below another program, or within other limits, says. */
function below(program: string, args: readonly string[]): Finished {
  const { NODE_OPTIONS, ...env } = process.env;
  const { status, signal, stdout, stderr } = spawnSync(program, args, { cwd: dir, env, encoding: 'utf8' });
  return { status, signal, stdout, stderr };
}

const isRoot = process.getuid?.() === 0;
const canUnshare = isRoot && spawnSync('unshare', ['-m', '-p', '-f', '--mount-proc', 'true']).status === 0;
if (!canUnshare) console.log('skipped: a full disk, two pid namespaces (they need root and namespaces of its own)');

describe('without a preload', () => {
  it.skipIf(!canUnshare)('a disk that is full', async () => {
    mkdirSync(join(dir, 'full'));
    const train = [
      process.execPath,
      MAIN,
      'train',
      '--data',
      'data',
      '--model',
      ...TINY_RESNET,
      ...FAST,
      '--out',
      'full/x',
    ];
    // The mount is gone with the namespace.
    const script = 'mount -t tmpfs -o size=24k none full && exec "$@"';
    const found = below('unshare', ['-m', 'sh', '-c', script, 'sh', ...train]);
    expectRefusal(found, /full\/x[^:]*: wanted to [^:]*, got ENOSPC: no space left on device\. Free space there/);
    expect(found.status).toBe(1);
  });

  it.skipIf(process.platform !== 'linux')('memory that the system does not give', () => {
    const train = [MAIN, 'train', '--data', 'data', '--model', ...TINY_RESNET, ...fast(1, 3_000_000), '--out', 'large'];
    const found = below('sh', ['-c', 'ulimit -v 12000000 && exec "$@"', 'sh', process.execPath, ...train]);
    expectRefusal(found, /^error: the system refused: .*There is not enough memory/m);
    expect(found.status).toBe(1);
  });

  it.skipIf(!canUnshare)('of two pid namespaces the second may not train in the folder of the first', async () => {
    const train = ['train', '--data', 'data', '--model', ...TINY_RESNET, ...fast(10_000, 8), '--out', 'both'];
    const within = ['-p', '-f', '--mount-proc', '--kill-child', process.execPath, MAIN, ...train];
    const first = spawn('unshare', within, { cwd: dir, stdio: ['ignore', 'ignore', 'pipe'] });
    try {
      await new Promise<void>((resolve, reject) => {
        first.stderr.on('data', (text: Buffer) => String(text).includes('saved last') && resolve());
        first.on('exit', () => reject(new Error('the first one ended')));
      });
      const second = below('unshare', within);
      expectRefusal(second, /both: wanted a folder that no other process uses, got one in use by process \d+ on /);
      expect(second.status).toBe(2);
      expect(first.exitCode).toBeNull();
    } finally {
      first.kill('SIGKILL');
    }
  });
});
