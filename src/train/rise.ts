import type { TrainProgram } from '../program/trainProgram.ts';

/** The part of a weight that rises over so many epochs, at an update of the run, counted from 0. */
export function risen(rise: number, step: number, updatesPerEpoch: number): number {
  const epoch = Math.floor(step / updatesPerEpoch) + 1;
  return Math.min(1, epoch / rise);
}

/** The weights of a program's terms at an update. */
export function weightsAt(
  { weights, rises }: Pick<TrainProgram, 'weights' | 'rises'>,
  step: number,
  updatesPerEpoch: number,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(weights).map(([name, weight]) => {
      const rise = rises[name];
      return [name, rise === undefined ? weight : weight * risen(rise, step, updatesPerEpoch)];
    }),
  );
}

/** What is told of weights that rise; undefined where none does. */
export function describeRises({ rises }: Pick<TrainProgram, 'rises'>, epochs: number): string | undefined {
  const names = Object.keys(rises);
  if (names.length === 0) return undefined;
  const longest = names.reduce((most, name) => Math.max(most, rises[name]!), 0);
  const end =
    epochs < longest
      ? `; this run has ${epochs}, so that they end at ${Math.round((100 * epochs) / longest)} %: give the method a lower warmupEpochs`
      : '';
  return `weights of ${names.join(', ')} rise over the first ${longest} epochs${end}`;
}
