import type { SynthesisOptions, SynthesisResult } from '../run/synthesis/synthesize.ts';
import { synthesize } from '../run/synthesis/synthesize.ts';
import { type ShardPart, shardText } from '../formats/disk/shardMarkNode.ts';
import { STATUS, whileRunning } from './outcome.ts';
import { watchInterrupts } from './runTraining.ts';
import { synthesisProgress } from './synthesisProgress.ts';
import { percent, print, printJson, remark, shellWord, table } from './text.ts';

/** Makes a set of images with its progress on stderr and its result on stdout; gives the exit status. */
export async function runSynthesis(options: SynthesisOptions, json: boolean): Promise<number> {
  const interrupts = watchInterrupts(() => remark('stopping; finished batches stay. Press again to stop at once'));
  const tell = synthesisProgress();
  try {
    const result = await whileRunning((start) =>
      synthesize({
        ...options,
        signal: interrupts.signal,
        onEvent: (event) => {
          if (event.type === 'start') start();
          tell(event);
        },
      }),
    );
    if (json) printJson(result);
    else if (result.reason === 'done')
      print(options.shard ? partText(result, options.shard) : summary(result, options));
    if (result.reason === 'done') return STATUS.done;
    remark(`Interrupted with ${result.images} images in ${result.out}. The same command goes on.`);
    return interrupts.status();
  } finally {
    interrupts.stop();
  }
}

const partText = ({ out, images }: SynthesisResult, shard: ShardPart): string =>
  `${images} images in ${out}, part ${shardText(shard)} of the set. With all parts: understudy merge PART... --out DIR, then this\ncommand without --shard and with --out DIR`;

function summary(
  { out, images, quality, contactSheets = [], seconds }: SynthesisResult,
  { teacher, described = {} }: SynthesisOptions,
): string {
  const q = quality!;
  const number = (value: number) => (Number.isFinite(value) ? value.toFixed(3) : 'none');
  const gap = (part: 'mean' | 'variance') => q.normGaps.reduce((sum, norm) => sum + norm[part], 0);
  const rows = [
    ['images', String(images)],
    ['seconds', seconds.toFixed(1)],
    ["teacher's top-1", percent(q.teacherTop1)],
    ["teacher's confidence", percent(q.teacherConfidence)],
    ...(q.verifierTop1 === undefined ? [] : [["verifier's top-1", percent(q.verifierTop1)]]),
    [
      'BatchNorm gap',
      `${number(gap('mean'))} of the means, ${number(gap('variance'))} of the variances, ${q.normGaps.length} layers`,
    ],
    ['distance in a class', number(q.intraClassDistance)],
    ['distance to others', number(q.boundaryDistance)],
    ['near repeats', Number.isFinite(q.nearRepeats) ? percent(q.nearRepeats) : 'none'],
    ['set', `${out}/train`],
    ['look at', contactSheets.map((name) => `${out}/${name}`).join(', ')],
  ];
  const said = Object.entries(described)
    .filter(([, value]) => typeof value !== 'object' || Array.isArray(value))
    .map(
      ([key, value]) =>
        ` --set ${shellWord(`teacher.${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)}`,
    );
  return `${table(rows)}\n\nNext:\n  understudy distill --data ${shellWord(out)} --teacher ${shellWord(teacher)} --student vit_tiny_patch4 --method dearkd${said.join('')}`;
}
