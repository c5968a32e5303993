export interface PickedModel {
  readonly kind: 'folder' | 'onnx';
  readonly name: string;
  /** Flat, by the names that the library looks for. */
  readonly files: Record<string, Blob>;
}

/** Of an exported folder, what is read; it has more. */
const EXPORTED = ['config.json', 'preprocessor_config.json', 'model.safetensors'];
/** Of other folders: configs, weights and their shards, an ONNX file and its data. */
const READ = /\.(json|safetensors|onnx)$|\.onnx[._]data|\.data$/i;

/**
 * The files of a picked model folder: one that a training was exported to, safetensors of timm or transformers, or an ONNX file.
 * @throws Error that says what is missing.
 */
export function modelFolder(files: readonly File[]): PickedModel {
  const folder = files[0]?.webkitRelativePath.split('/')[0] ?? 'this folder';
  const marks = files.filter(({ name }) => name === 'config.json' || /\.onnx$/i.test(name));
  const [mark] = marks.sort((a, b) => depth(a) - depth(b));
  if (!mark)
    throw new Error(
      `“${folder}” has no config.json and no ONNX file. Choose a folder that a training was exported to (${EXPORTED.join(', ')}), or one of timm or transformers.`,
    );
  const path = mark.webkitRelativePath.slice(0, -mark.name.length);
  const own = inside(files, path);
  const name = path.split('/').filter(Boolean).at(-1) ?? folder;
  if (EXPORTED.every((file) => own[file])) return { kind: 'folder', name, files: taken(own, EXPORTED) };
  const weights = Object.keys(own).some((file) => file.endsWith('.safetensors'));
  const onnx = weights ? {} : { ...inside(files, `${path}onnx/`), ...own };
  const kept = weights ? own : onnx;
  if (!weights && !Object.keys(onnx).some(isOnnx))
    throw new Error(`“${folder}” has no weights: no safetensors and no ONNX file. Choose the whole folder of a model.`);
  return { kind: weights ? 'folder' : 'onnx', name, files: onlyOnnx(kept) };
}

/** An ONNX file, with what was picked beside it: its data, config.json, preprocessor_config.json. @throws Error. */
export function onnxFiles(files: readonly File[]): PickedModel {
  const named = Object.fromEntries(files.map((file) => [file.name, file]));
  const networks = Object.keys(named).filter(isOnnx);
  if (networks.length !== 1)
    throw new Error(`Choose one ONNX file, with its data and configs where it has them; these are ${networks.length}.`);
  const lacking = EXPORTED.slice(0, 2).filter((name) => !named[name]);
  if (lacking.length > 0)
    throw new Error(
      `Choose ${lacking.join(' and ')} together with ${networks[0]}: they say what its classes are called and how its pictures are prepared, and lie beside it where it was exported.`,
    );
  return { kind: 'onnx', name: networks[0]!, files: named };
}

const isOnnx = (name: string): boolean => /\.onnx$/i.test(name);
const depth = ({ webkitRelativePath }: File): number => webkitRelativePath.split('/').length;

const inside = (files: readonly File[], path: string): Record<string, File> =>
  Object.fromEntries(
    files
      .filter((file) => file.webkitRelativePath === path + file.name && READ.test(file.name))
      .map((file) => [file.name, file]),
  );

const taken = (files: Record<string, File>, names: readonly string[]): Record<string, File> =>
  Object.fromEntries(names.map((name) => [name, files[name]!]));

/** Of several forms of one network (fp16, q8) the plain one. */
function onlyOnnx(files: Record<string, File>): Record<string, File> {
  const networks = Object.keys(files).filter(isOnnx);
  const [first] = networks.includes('model.onnx') ? ['model.onnx'] : networks;
  return Object.fromEntries(Object.entries(files).filter(([name]) => !isOnnx(name) || name === first));
}
