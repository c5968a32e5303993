import { Gather } from '../../ops/gather.ts';
import { Slice } from '../../ops/movement.ts';
import { LayerNormalization } from '../../ops/norm.ts';
import { ReduceMean } from '../../ops/reduce.ts';
import { type Answer, behindMoves } from './answerOf.ts';

/**
 * Names that exporters give to an image's vector as a whole (Optimum's image_embeds and pooler_output); where a file has several
 * such outputs, the first of these is taken.
 */
export const EMBEDDING_NAMES = [
  'image_embeds',
  'image_embed',
  'image_features',
  'pooler_output',
  'pooled_output',
  'embedding',
  'embeddings',
  'features',
];

/** What makes a vector out of an image's places. A classifier ends in a product, or in what makes probabilities of one. */
const POOLS = new Set<object>([Gather, Slice, ReduceMean, LayerNormalization]);

/** Whether an output [B,D] is an embedding rather than the answer of a classifier, by its name and by what made it. */
export const isEmbedding = (output: string, { logits }: Answer): boolean =>
  EMBEDDING_NAMES.includes(output) || POOLS.has(behindMoves(logits).node.op);
