import { describe, expect, it } from 'vitest';
import { CONVENTIONS, type Convention } from '../../src/formats/names/conventions.ts';
import { renameFromOurs, renameToOurs } from '../../src/formats/names/rename.ts';
import { buildModel, modelConfigSchema } from '../../src/models/index.ts';
import { modelParams } from '../../src/program/evalProgram.ts';

describe('naming tables', () => {
  const TINY = {
    vit: { imageSize: 8, patchSize: 4, width: 4, depth: 12, heads: 2, classes: 3, distToken: true },
    resnet: { imageSize: 32, stem: 'imagenet', block: 'bottleneck', depths: [1, 12, 2], widths: [2, 2, 2], classes: 3 },
    regnet: { imageSize: 32, stemWidth: 8, depths: [1, 12, 2], widths: [4, 4, 4], groupWidth: 2, classes: 3 },
    encoder: {
      ...{ imageSize: 8, patchSize: 4, width: 8, depth: 12, heads: 2, hidden: 8, classes: 0, normEpsilon: 1e-6 },
    },
  };
  const OF_KIND: Readonly<Record<string, object>> = {
    dinov2: { registers: 2, layerScale: 1, classes: 3, headReads: 'tokenAndMean' },
    dinov3_vit: { registers: 2, layerScale: 1, gated: true, positions: 'rope' },
    clip_vision_model: { preNorm: true, finalNorm: 'classToken', projection: 4, patchBias: false },
    siglip_vision_model: { classToken: false, pool: 'attention' },
  };

  it.each(Object.entries(CONVENTIONS))('%s: ours -> theirs -> ours, each name once', (_, convention: Convention) => {
    const plain = convention.base === 'deit.' || convention.name.startsWith('timm') ? {} : { distToken: false };
    const config = modelConfigSchema.parse({
      family: convention.family,
      ...TINY[convention.family],
      ...(convention.family === 'vit' ? plain : {}),
      ...(convention.name === 'transformers DeiT' ? { distHead: false } : {}),
      ...(convention.kind === undefined ? {} : { kind: convention.kind, ...OF_KIND[convention.kind] }),
    });
    const ours = modelParams(buildModel(config)).map(({ name }) => name);
    const theirs = ours.flatMap((name) => renameFromOurs(convention, name));
    expect(new Set(theirs).size).toBe(theirs.length);
    const { convention: found, places } = renameToOurs(theirs, 'test');
    expect(found.name).toBe(convention.name);
    expect([...new Set([...places.values()].map(({ ours }) => ours))]).toEqual(ours);
    expect([...places.keys()]).toEqual(theirs);
  });
});
