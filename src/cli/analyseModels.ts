import { largest, smallest } from '../graph/lists.ts';
import type { Analysis, ModelAnalysis } from '../run/looking/analyse.ts';
import { wholeNumber } from './arguments.ts';
import type { DescribedArgs } from './described.ts';

/** The flags of `understudy inspect --data`. */
interface AnalysisArgs extends DescribedArgs {
  readonly ref: string;
  readonly ref2?: string | undefined;
  readonly data: string;
  readonly images?: string | undefined;
  readonly out?: string | undefined;
  readonly image?: string | undefined;
}

/** Runs the analysis with its progress on stderr. */
export async function analyse({ ref, ref2, data, images, out, image, ...flags }: AnalysisArgs): Promise<Analysis> {
  const count = images === undefined ? {} : { images: wholeNumber('images', images, 4) };
  const { analyseModels } = await import('../run/looking/analyse.ts');
  const { describedBy } = await import('./described.ts');
  const { listingEvents } = await import('./listingEvents.ts');
  const { modelEvents } = await import('./modelEvents.ts');
  const { whileRunning } = await import('./outcome.ts');
  const { overwrite, remark } = await import('./text.ts');
  const found = await whileRunning((start) =>
    analyseModels(ref2 === undefined ? [ref] : [ref, ref2], {
      data,
      ...count,
      ...(out === undefined ? {} : { out }),
      ...(image === undefined ? {} : { image }),
      onModel: modelEvents(),
      described: describedBy(flags),
      onListing: listingEvents(),
      onStart: (part) => {
        start();
        remark(`running on ${part}`);
      },
      onProgress: (model, done) => overwrite(`${model}: ${done} images`),
    }),
  );
  if (process.stderr.isTTY) remark('');
  for (const { path, reason } of found.skipped) remark(`skipped ${path}: ${reason}`);
  return found;
}

/** An analysis as a short table. */
export async function describeAnalysis(found: Analysis): Promise<string> {
  const { table } = await import('./text.ts');
  const { models, files } = found;
  const parts = [
    await headOf(found),
    ...models.map((model) => distancesOf(model, table)),
    ...(models.length > 1 ? [nearestLayers(found, table)] : []),
    `written\n${files.map((path) => `  ${path}`).join('\n')}`,
  ];
  return parts.join('\n\n');
}

async function headOf({ images, models, agreement }: Analysis): Promise<string> {
  const { percent, table } = await import('./text.ts');
  const alike = agreement
    ? [
        ['agreement (same top-1)', percent(agreement.top1)],
        ['mean KL(second || first)', `${agreement.kl.toFixed(4)} nats`],
      ]
    : [['agreement', 'not defined: the models have different classes']];
  return table([
    ['images', String(images)],
    ...models.flatMap(({ model, top1 }) => (top1 === null ? [] : [[`top-1 of ${model}`, percent(top1)]])),
    ...(models.length > 1 ? alike : []),
  ]);
}

type Table = (rows: readonly (readonly string[])[]) => string;

function distancesOf({ model, attentionDistance: found }: ModelAnalysis, table: Table): string {
  if (!found) return `attention distance of ${model}: it has no attention`;
  const rows = found.mean.map((mean, block) => {
    const heads = found.heads[block]!;
    const range = `heads ${smallest(heads).toFixed(2)} to ${largest(heads).toFixed(2)}`;
    return [`  block ${block}`, mean.toFixed(2), range];
  });
  return `attention distance of ${model} in pixels, mean of the heads\n${table(rows)}`;
}

function nearestLayers({ models, cka }: Analysis, table: Table): string {
  const rows = cka.rows.map((layer, row) => {
    const values = cka.unbiased[row]!.map((value) => value ?? Number.NEGATIVE_INFINITY);
    const best = values.indexOf(largest(values));
    return [`  ${layer}`, cka.columns[best]!, cka.unbiased[row]![best]?.toFixed(3) ?? 'not defined'];
  });
  return `nearest layer of ${models.at(-1)!.model} by CKA\n${table(rows)}`;
}
