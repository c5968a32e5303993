import { open } from 'node:fs/promises';
import { UserError } from '../../graph/errors.ts';
import { checkModelFile } from '../disk/regularFileNode.ts';

/** True for what torch.save writes, whatever it is called: a zip archive (since 1.6), or a bare pickle. */
export async function isPickle(path: string): Promise<boolean> {
  checkModelFile(path, 'weights');
  const file = await open(path, 'r');
  try {
    const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
    const zip = buffer[0] === 0x50 && buffer[1] === 0x4b && buffer[2] === 0x03 && buffer[3] === 0x04;
    // PROTO opcode and a protocol from 2 to 5.
    return zip || (buffer[0] === 0x80 && buffer[1]! >= 2 && buffer[1]! <= 5);
  } finally {
    await file.close();
  }
}

/** What to do with a pickle: running it could run anything, so it is not read; one line of Python converts it. */
export function pickleError(path: string): UserError {
  const out = path.replace(/(\.(pth?(\.tar)?|bin|ckpt|pkl))?$/i, '.safetensors');
  return new UserError(
    `${path}: wanted safetensors, got a PyTorch pickle (torch.save), which can hold programs and is not read. Convert it (pip install torch safetensors), then give ${out}:\n  ${conversion(path, out)}`,
  );
}

const PROGRAM = [
  'import sys, torch, safetensors.torch as s',
  "d = torch.load(sys.argv[1], map_location='cpu', weights_only=True)",
  "d = d.get('state_dict', d.get('model', d))",
  's.save_file({k: v.detach().clone().contiguous() for k, v in d.items() if torch.is_tensor(v)}, sys.argv[2])',
].join('; ');

const conversion = (from: string, to: string): string => `python3 -c "${PROGRAM}" ${quoted(from)} ${quoted(to)}`;

const quoted = (path: string): string => (/^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`);
