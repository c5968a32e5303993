import { parseJsonObject } from '../../formats/disk/jsonValue.ts';
import { decodeSafetensors } from '../../formats/tensors/safetensors.ts';
import { INDEX, openShards, shardNames, SINGLE, type WeightFiles } from '../../formats/tensors/weightFiles.ts';
import { UserError } from '../../graph/errors.ts';
import { listNames } from '../../graph/names.ts';
import { externalReader, refuseLocation } from '../../onnx/import/externalData.ts';
import { OnnxFile } from '../../onnx/import/onnxFile.ts';
import { onnxInFolder, type OnnxPlace } from './onnxReference.ts';

/** The files of a model as a caller has them, by their names or by their paths below a folder. */
export type FilesByName = Readonly<Record<string, Blob | Uint8Array>>;

/** What a set of files is. */
export type GivenKind = 'own' | 'weights' | 'onnx';

/**
 * The files of one model, whichever way they were given: by their names, or by paths that all begin with the folder's own name, as
 * a picked folder has them.
 */
export class GivenFiles {
  /** What messages call them. */
  readonly name: string;
  readonly #files: ReadonlyMap<string, Blob | Uint8Array>;

  constructor(name: string, files: FilesByName) {
    this.name = name;
    this.#files = new Map(withoutFolder(Object.entries(files)));
  }

  readonly where = (file: string): string => `${this.name}/${file}`;

  async read(file: string): Promise<Uint8Array | undefined> {
    const found = this.#files.get(file);
    return found instanceof Blob ? new Uint8Array(await found.arrayBuffer()) : found;
  }

  async json(file: string): Promise<Record<string, unknown> | undefined> {
    const bytes = await this.read(file);
    return bytes && parseJsonObject(new TextDecoder().decode(bytes), this.where(file));
  }

  /** @throws UserError where they are none that is read. */
  async kind(): Promise<GivenKind> {
    if (this.#onnx() !== undefined) return 'onnx';
    if ((await this.json('config.json'))?.understudy !== undefined) return 'own';
    this.#weightFile();
    return 'weights';
  }

  /** Its weights, from one file or from shards. */
  async weights(): Promise<WeightFiles> {
    const index = await this.json(INDEX);
    const names = index && !this.#files.has(SINGLE) ? shardNames(index, this.where(INDEX)) : [this.#weightFile()];
    const shards = names.map((name) => {
      const decoded = async () => decodeSafetensors(await this.#there(name), this.where(name));
      const header = async () => ({
        entries: [...(await decoded()).tensors].map(([tensor, { dtype, shape }]) => ({
          ...{ name: tensor, dtype, shape, begin: 0, end: 0 },
        })),
        metadata: {},
      });
      return { where: this.where(name), header, tensors: decoded };
    });
    return openShards(shards);
  }

  /** Its ONNX file with all that lies beside it, in memory. */
  async onnx(): Promise<OnnxPlace> {
    const name = this.#onnx()!;
    const folder = name.slice(0, name.lastIndexOf('/') + 1);
    const beside = new Map<string, Uint8Array>();
    for (const file of this.#files.keys())
      if (file.startsWith(folder) && !file.endsWith('.onnx'))
        beside.set(file.slice(folder.length), (await this.read(file))!);
    const [bytes, path] = [await this.#there(name), this.where(name)];
    const sidecars = new Map<string, { path: string; value: Record<string, unknown> }>();
    for (const file of ['config.json', 'preprocessor_config.json'])
      for (const place of [file, `${folder}${file}`]) {
        const value = await this.json(place);
        if (value) sidecars.set(file, { path: this.where(place), value });
      }
    return {
      path,
      open: () => new OnnxFile(bytes, path, externalReader(path, inMemory(beside))),
      sidecar: (file) => sidecars.get(file),
    };
  }

  #onnx(): string | undefined {
    const found = onnxInFolder((name) => this.#files.has(name) || this.#hasFolder(name));
    if (found !== undefined) return found;
    const all = [...this.#files.keys()];
    const networks = all.filter((name) => /\.onnx$/i.test(name));
    if (networks.length === 0 || all.some((name) => name === INDEX || name.endsWith('.safetensors'))) return undefined;
    if (networks.length > 1)
      throw new UserError(`${this.name}: wanted one ONNX file, got ${networks.length} (${listNames(networks, 4)})`);
    return networks[0];
  }

  #hasFolder(name: string): boolean {
    return [...this.#files.keys()].some((file) => file.startsWith(`${name}/`));
  }

  #weightFile(): string {
    const all = [...this.#files.keys()];
    if (all.includes(SINGLE) || all.includes(INDEX)) return SINGLE;
    const found = all.filter((name) => name.endsWith('.safetensors'));
    if (found.length === 1) return found[0]!;
    const pickle = all.find((name) => /\.(bin|pth?|ckpt|pkl)$/i.test(name));
    const remedy = pickle
      ? `. ${pickle} is a PyTorch pickle, which can hold programs and is not read: convert it to safetensors`
      : '';
    throw new UserError(
      `${this.name}: wanted ${SINGLE} (with config.json), its shards with ${INDEX}, or one .onnx file, got ${listNames(all, 6) || 'no files'}${remedy}`,
    );
  }

  async #there(name: string): Promise<Uint8Array> {
    const bytes = await this.read(name);
    if (bytes) return bytes;
    throw new UserError(`${this.where(name)}: the file is missing; give it too`);
  }
}

function withoutFolder<T>(files: [string, T][]): [string, T][] {
  const [first] = files[0]?.[0].split('/') ?? [];
  const inside = files.length > 0 && files.every(([name]) => name.startsWith(`${first}/`));
  // transformers.js's own folder is a part of the layout.
  if (!inside || first === 'onnx') return files;
  return files.map(([name, file]) => [name.slice(first!.length + 1), file]);
}

const inMemory = (files: ReadonlyMap<string, Uint8Array>): Parameters<typeof externalReader>[1] => ({
  locate: (location, named) => {
    const clean = location.replace(/^(\.\/)+/, '');
    if (clean === '' || /^\/|^[A-Za-z]:|\\/.test(clean) || clean.split('/').includes('..'))
      throw refuseLocation(location, named);
    if (files.has(clean)) return clean;
    throw new UserError(`${named}: its weights are in ${clean}, which was not given; give it under that name too`);
  },
  open: (file) => {
    const bytes = files.get(file)!;
    return {
      size: bytes.length,
      read: (offset, length) => bytes.slice(offset, offset + length),
      close: () => undefined,
    };
  },
});
