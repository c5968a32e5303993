import { parseConfig } from '../../config/parse.ts';
import { optimSchema } from '../../config/schema.ts';
import type { Settings } from './defaults.ts';

type Optim = Settings['optim'];

/** Settings that some optimisers or schedules read, and others leave alone. */
const READ: readonly {
  readonly keys: readonly (keyof Optim)[];
  readonly by: 'name' | 'schedule';
  readonly readers: readonly string[];
}[] = [
  { keys: ['momentum', 'nesterov'], by: 'name', readers: ['sgd'] },
  { keys: ['betas', 'epsilon'], by: 'name', readers: ['adamw', 'lamb', 'muon'] },
  { keys: ['stepEpochs', 'stepGamma'], by: 'schedule', readers: ['step'] },
  { keys: ['cosineOver'], by: 'schedule', readers: ['cosine'] },
];

/** Settings of the optimiser that are not the usual ones, and that no stage's optimiser and schedule read, as a run tells them. */
export function unusedSettings(stages: readonly Optim[]): string[] {
  const usual = parseConfig(optimSchema, {}, 'optim');
  return READ.filter(({ by, readers }) => !stages.some((optim) => readers.includes(optim[by]))).flatMap(
    ({ keys, by, readers }) =>
      keys.flatMap((key) => {
        const given = stages
          .map((optim) => JSON.stringify(optim[key]))
          .find((one) => one !== JSON.stringify(usual[key]));
        const chosen = [...new Set(stages.map((optim) => optim[by]))].join(' and ');
        return given === undefined
          ? []
          : [`optim.${key}=${given} changes nothing: optim.${by} is ${chosen}, and it is for ${readers.join(', ')}`];
      }),
  );
}
