import type { ModelConfig } from '../models/index.ts';
import type { Weight } from './modelFolderNode.ts';

type Weights = ReadonlyMap<string, Weight>;

/**
 * Our parameter names (timm's) and those of transformers' ViTForImageClassification and
 * DeiTForImageClassificationWithTeacher; `#` is a block's number. Besides these, qkv is three parameters there.
 */
const NAMES: readonly (readonly [string, string])[] = [
  ['cls_token', 'embeddings.cls_token'],
  ['dist_token', 'embeddings.distillation_token'],
  ['pos_embed', 'embeddings.position_embeddings'],
  ['patch_embed.proj', 'embeddings.patch_embeddings.projection'],
  ['blocks.#.norm1', 'encoder.layer.#.layernorm_before'],
  ['blocks.#.attn.proj', 'encoder.layer.#.attention.output.dense'],
  ['blocks.#.norm2', 'encoder.layer.#.layernorm_after'],
  ['blocks.#.mlp.fc1', 'encoder.layer.#.intermediate.dense'],
  ['blocks.#.mlp.fc2', 'encoder.layer.#.output.dense'],
  ['norm', 'layernorm'],
];

const QKV = /^blocks\.(\d+)\.attn\.qkv\.(weight|bias)$/;
const PARTS = ['query', 'key', 'value'];

/** Is it a ViT or DeiT as transformers defines them? MHCA, LayerScale, positions on patches alone and a mean of tokens are not. */
export function isPlain(model: ModelConfig): boolean {
  if (model.family !== 'vit') return false;
  const { classToken, distToken, distHead, pool, qkvBias, layerScale, posEmbedOnPatchesOnly, mhca } = model;
  const heads = classToken && pool === 'token' && (!distToken || distHead);
  return heads && qkvBias && !mhca?.layers && layerScale === null && !posEmbedOnPatchesOnly;
}

/** Weights of a plain ViT or DeiT under transformers' names. */
export function toTransformers(model: ModelConfig, weights: Weights): Map<string, Weight> {
  const rename = renaming(model);
  const out = new Map<string, Weight>();
  for (const [name, weight] of weights) {
    const [, block, kind] = QKV.exec(name) ?? [];
    if (block === undefined) out.set(rename(name), weight);
    else for (const [i, part] of thirds(weight).entries()) out.set(partName(model, block, PARTS[i]!, kind!), part);
  }
  return out;
}

/** The reverse, for weights that have transformers' names; others are given back as they are. */
export function fromTransformers(model: ModelConfig, weights: Weights): Weights {
  if (!isPlain(model) || !weights.has(`${prefixOf(model)}.embeddings.cls_token`)) return weights;
  const { depth } = model as { depth: number };
  const out = new Map<string, Weight>();
  const taken = new Set<string>();
  const back = new Map(ownNames(model).map((name) => [renaming(model)(name), name]));
  for (let block = 0; block < depth; block++)
    for (const kind of ['weight', 'bias']) {
      const names = PARTS.map((part) => partName(model, String(block), part, kind));
      const parts = names.map((name) => weights.get(name));
      if (!parts.every((part) => part !== undefined)) continue;
      out.set(`blocks.${block}.attn.qkv.${kind}`, joined(parts));
      for (const name of names) taken.add(name);
    }
  for (const [name, weight] of weights) if (!taken.has(name)) out.set(back.get(name) ?? name, weight);
  return out;
}

const isDeit = (model: ModelConfig): boolean => model.family === 'vit' && model.distToken;
const prefixOf = (model: ModelConfig): string => (isDeit(model) ? 'deit' : 'vit');
const partName = (model: ModelConfig, block: string, part: string, kind: string): string =>
  `${prefixOf(model)}.encoder.layer.${block}.attention.attention.${part}.${kind}`;

function renaming(model: ModelConfig): (name: string) => string {
  const inner = new Map(NAMES.map(([ours, theirs]) => [ours, `${prefixOf(model)}.${theirs}`]));
  inner.set('head', isDeit(model) ? 'cls_classifier' : 'classifier');
  inner.set('head_dist', 'distillation_classifier');
  return (name) => {
    const [, stem, kind] = /^(.*?)(\.weight|\.bias)?$/.exec(name)!;
    const block = /^blocks\.(\d+)\./.exec(name)?.[1];
    const found = inner.get(stem!.replace(/^blocks\.\d+\./, 'blocks.#.'));
    return found === undefined ? name : found.replace('#', block ?? '') + (kind ?? '');
  };
}

/** All names that `renaming` knows for a model. */
function ownNames(model: ModelConfig): string[] {
  const { depth } = model as { depth: number };
  const stems = [...NAMES.map(([ours]) => ours), 'head', 'head_dist'].flatMap((stem) =>
    stem.includes('#') ? Array.from({ length: depth }, (_, i) => stem.replace('#', String(i))) : [stem],
  );
  return stems.flatMap((stem) => (/(_token|_embed)$/.test(stem) ? [stem] : [`${stem}.weight`, `${stem}.bias`]));
}

/** Row blocks of a weight [3D,...]. */
function thirds({ shape: [rows, ...rest], data }: Weight): Weight[] {
  const size = data.length / 3;
  return [0, 1, 2].map((i) => ({ shape: [rows! / 3, ...rest], data: data.subarray(i * size, (i + 1) * size) }));
}

function joined(parts: readonly Weight[]): Weight {
  const data = new Float32Array(parts.reduce((sum, part) => sum + part.data.length, 0));
  let at = 0;
  for (const part of parts) {
    data.set(part.data, at);
    at += part.data.length;
  }
  const rows = parts.reduce((sum, { shape }) => sum + shape[0]!, 0);
  return { shape: [rows, ...parts[0]!.shape.slice(1)], data };
}
