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
    `${path}: wanted safetensors, got a PyTorch pickle (torch.save), which can hold programs and is not read. Convert it (pip install torch numpy; nothing of the pickle is run), then give ${out}:\n  ${conversion(path, out)}`,
  );
}

/*
 * Python, for any torch from 1.13 on. Training checkpoints hold more than weights (argparse.Namespace, an optimiser, a logger), so
 * `weights_only` would refuse them: classes other than those that tensors are made of become empty dictionaries, and nothing of theirs
 * is run. The dictionary with most tensors is taken, wherever it lies; the teacher's of {student, teacher}, as DINO evaluates it.
 */
const PROGRAM = [
  'import sys, json, struct, pickle, types, torch',
  "S = type('S', (dict,), dict(__init__=lambda s, *a, **k: None, __setstate__=lambda s, x: None, append=lambda s, x: None, extend=lambda s, x: None, __hash__=object.__hash__))",
  "G = 'collections.OrderedDict torch.Size torch.device torch._utils._rebuild_tensor torch._utils._rebuild_tensor_v2 torch._utils._rebuild_parameter torch._utils._rebuild_parameter_with_state torch.nn.parameter.Parameter torch.storage.UntypedStorage'.split()",
  "U = type('U', (pickle.Unpickler,), dict(find_class=lambda s, m, n: pickle.Unpickler.find_class(s, m, n) if m + '.' + n in G or (m == 'torch' and (n.endswith('Storage') or n in ('float32', 'float16', 'bfloat16', 'float64', 'int64'))) else S))",
  'M = types.SimpleNamespace(**dict(vars(pickle), Unpickler=U, load=lambda f, **k: U(f, **k).load()))',
  // torch 1.13 passes the argument over and takes its own; later ones take it.
  'torch.serialization.pickle = M',
  "d = torch.load(sys.argv[1], map_location='cpu', weights_only=False, pickle_module=M)",
  'W = lambda k, d: [(k, d)] + [w for i, v in d.items() if isinstance(v, dict) for w in W(i, v)]',
  "k, d = max(W('the file itself', d if isinstance(d, dict) else {}), key=lambda w: (sum(map(torch.is_tensor, w[1].values())), w[0] == 'teacher'))",
  "N = {torch.float32: 'F32', torch.float64: 'F64', torch.float16: 'F16', torch.int64: 'I64', torch.int32: 'I32', torch.uint8: 'U8', torch.bool: 'BOOL'}",
  'T = {str(i): (t if t.dtype in N else t.float()).detach().contiguous() for i, t in d.items() if torch.is_tensor(t) and t.numel()}',
  "T or sys.exit('no weights in it: save model.state_dict() where it was trained')",
  'B = [t.numpy().tobytes() for t in T.values()]',
  'h = {i: dict(dtype=N[t.dtype], shape=list(t.shape), data_offsets=[sum(map(len, B[:j])), sum(map(len, B[:j + 1]))]) for j, (i, t) in enumerate(T.items())}',
  'h = json.dumps(h).encode()',
  "h += b' ' * (-len(h) % 8)",
  "f = open(sys.argv[2], 'wb')",
  "f.write(struct.pack('<Q', len(h)) + h)",
  'f.writelines(B)',
  'f.close()',
  "print(len(T), 'tensors of', k)",
].join('; ');

const conversion = (from: string, to: string): string => `python3 -c "${PROGRAM}" ${quoted(from)} ${quoted(to)}`;

const quoted = (path: string): string => (/^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`);
