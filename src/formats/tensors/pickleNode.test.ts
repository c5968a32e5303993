import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { isPickle, pickleError } from './pickleNode.ts';
import { toFloat32 } from './safetensors.ts';
import { readSafetensors } from './safetensorsNode.ts';

const dir = mkdtempSync(join(tmpdir(), 'understudy-pickle-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** Debian's python3-torch, or whatever stands first. */
const python = ['/usr/bin/python3', 'python3'].find((command) => {
  try {
    execFileSync(command, ['-c', 'import torch'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
});

const SAVE = `
import argparse, collections, enum, os, sys, torch
class Mode(enum.Enum):
    A = 1
class Evil:
    def __reduce__(self): return (os.system, ('touch ' + sys.argv[2] + '/ran',))
w = torch.arange(6, dtype=torch.float32).reshape(2, 3)
sd = collections.OrderedDict([('a.weight', w), ('a.bias', torch.nn.Parameter(w[0])), ('n', torch.tensor(3)), ('t', w.t())])
scaled = {k: 2 * v for k, v in sd.items()}
adam = {'state': {0: {'exp_avg': w, 'exp_avg_sq': w}}, 'param_groups': [{'lr': 0.1}]}
files = {
    'namespace': {'model': sd, 'args': argparse.Namespace(lr=0.1), 'optimizer': adam, 'mode': Mode.A, 'x': Evil()},
    'teacher': {'student': sd, 'teacher': scaled, 'optimizer': adam, 'args': argparse.Namespace()},
    'half': {'state': {'net': {'state_dict': {'h': w.half(), 'b': w.bfloat16(), 'd': w.double()}}}},
    'none': {'args': argparse.Namespace(), 'loss': 0.5},
}
for name, value in files.items():
    torch.save(value, f'{sys.argv[1]}/{name}.pth')
torch.save(files['namespace'], f'{sys.argv[1]}/old.pth', _use_new_zipfile_serialization=False)
`;

const W = [0, 1, 2, 3, 4, 5];
const SAVED = { 'a.weight': W, 'a.bias': [0, 1, 2], n: [3], t: [0, 3, 1, 4, 2, 5] };

describe.skipIf(!python)('the line that is printed for a pickle (skipped without torch)', () => {
  const convert = async (name: string) => {
    const path = join(dir, `${name}.pth`);
    const line = pickleError(path).message.split('\n')[1]!.trim().replace('python3', python!);
    const said = execFileSync('bash', ['-c', line], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    const { tensors } = await readSafetensors(join(dir, `${name}.safetensors`));
    return {
      said,
      values: Object.fromEntries([...tensors].map(([key, tensor]) => [key, Array.from(toFloat32(tensor))])),
    };
  };

  it('converts state dicts and training checkpoints of every form, and runs nothing of them', {
    timeout: 300_000,
  }, async () => {
    execFileSync(python!, ['-c', SAVE, dir, dir], { stdio: 'ignore' });
    expect(await isPickle(join(dir, 'half.pth'))).toBe(true);
    expect(await isPickle(join(dir, 'old.pth'))).toBe(true);
    for (const name of ['namespace', 'old']) expect((await convert(name)).values).toEqual(SAVED);
    const { values, said } = await convert('teacher');
    expect(values['a.weight']).toEqual(W.map((x) => 2 * x));
    expect(said).toBe('4 tensors of teacher\n');
    expect((await convert('half')).values).toEqual({ h: W, b: W, d: W });
    await expect(convert('none')).rejects.toThrow(/no weights in it: save model\.state_dict\(\)/);
    expect(() => execFileSync('ls', [join(dir, 'ran')], { stdio: 'ignore' })).toThrow();
  });
});
