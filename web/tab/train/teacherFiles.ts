/** Of a model folder, what is read; an exported folder has more. */
const WANTED = ['config.json', 'preprocessor_config.json', 'model.safetensors'];

/**
 * The files of a picked model folder by their names.
 * @throws Error that says what is missing.
 */
export function modelFiles(files: readonly File[]): { readonly name: string; readonly files: Record<string, Blob> } {
  const configs = files.filter(({ name }) => name === 'config.json').sort((a, b) => depth(a) - depth(b));
  const [config] = configs;
  const folder = files[0]?.webkitRelativePath.split('/')[0] ?? 'this folder';
  if (!config)
    throw new Error(
      `“${folder}” has no config.json. Choose a folder that a training was exported to: it holds ${WANTED.join(', ')}.`,
    );
  const path = config.webkitRelativePath.slice(0, -'config.json'.length);
  const own = new Map(
    files.filter((file) => file.webkitRelativePath === path + file.name).map((file) => [file.name, file]),
  );
  const lacking = WANTED.filter((name) => !own.has(name));
  if (lacking.length > 0)
    throw new Error(
      `“${folder}” lacks ${lacking.join(' and ')}. Choose the whole folder that a training was exported to.`,
    );
  return {
    name: path.split('/').filter(Boolean).at(-1) ?? folder,
    files: Object.fromEntries(WANTED.map((name) => [name, own.get(name)!])),
  };
}

const depth = ({ webkitRelativePath }: File): number => webkitRelativePath.split('/').length;
