import { AUGMENT_PRESETS, type PresetKey, type PresetName } from '../../config/augmentPresets.ts';
import type { RunConfig } from '../../config/schema.ts';
import { parseRandAugment } from '../../data/augment/randAugmentConfig.ts';
import type { Preprocessing } from '../../formats/savedModel.ts';
import { UserError } from '../../graph/errors.ts';
import { type DataFacts, DEFAULTS, type DefaultKey, defaultOf, type Situation } from './defaultsTable.ts';
import type { Probe } from './stages.ts';

export type { DataFacts } from './defaultsTable.ts';

/** A setting that was "auto", what it became and why. */
export interface Choice {
  readonly key: string;
  readonly value: number | string;
  readonly reason: string;
}

type Auto<T> = T extends 'auto' ? never : T;
type Resolved<T> = { readonly [K in keyof T]: Auto<T[K]> };

/** The settings of a run without "auto". */
export interface Settings {
  readonly imageSize: number;
  readonly augment: Resolved<RunConfig['augment']>;
  readonly optim: Resolved<RunConfig['optim']>;
  readonly train: Omit<Resolved<RunConfig['train']>, 'threads'>;
  /** How a linear probe before the rest goes. */
  readonly probe: Probe;
  readonly choices: readonly Choice[];
  /** What else was "auto" and is as it always is, or as the preset has it: it stands in config.yaml, and no run tells it. */
  readonly usual: readonly Choice[];
}

/** What the data does not tell. */
export interface StudentFacts {
  /** Of a Vision Transformer; undefined for a CNN. */
  readonly width: number | undefined;
  readonly integerLabels: boolean;
  /** A new head on the weights of another model, which labels alone teach. */
  readonly newHead?: boolean;
  /** Whether it starts from a model. */
  readonly started?: boolean;
  /** What that model was trained on. */
  readonly pixels?: Pixels | undefined;
}

/** How pixels of 0 to 1 are normalised, by channel. */
type Pixels = Pick<Preprocessing, 'mean' | 'std'>;

const IMAGENET: Pixels = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/** Takes "auto" settings from the table, each after those that its rules look at. */
class Chooser {
  readonly choices: Choice[] = [];
  readonly usual: Choice[] = [];
  situation: Situation;

  constructor(situation: Situation) {
    this.situation = situation;
  }

  pick<T>(key: DefaultKey, given: T): Auto<T> {
    if (given !== 'auto') return given as Auto<T>;
    const { value, reason } = defaultOf(key, this.situation);
    this.choices.push({ key, value, reason });
    return value as unknown as Auto<T>;
  }

  know(facts: Partial<Situation>): void {
    this.situation = { ...this.situation, ...facts };
  }
}

/** Chooses every "auto" by the table of defaults; each choice comes with its reason. */
export function chooseSettings(config: RunConfig, facts: DataFacts, student: StudentFacts): Settings {
  const { optim, train } = config;
  const chooser = new Chooser({
    ...facts,
    newHead: false,
    started: false,
    ...student,
    student: config.student.name,
    optimiser: 'adamw',
    method: config.method,
    ...{ imageSize: 0, batch: 0, epochs: 0, lr: 0 },
  });
  const imageSize = chooser.pick('student.imageSize', config.student.imageSize);
  chooser.know({ imageSize });
  const batch = chooser.pick('train.batch', train.batch);
  chooser.know({ batch: batch * train.accumulate });
  const epochs = chooser.pick('train.epochs', train.epochs);
  chooser.know({ epochs });
  const name = chooser.pick('optim.name', optim.name);
  chooser.know({ optimiser: name });
  const linearProbe = chooseProbe(train.linearProbe, chooser);
  const scratchLr = defaultOf('optim.lr', chooser.situation).value as number;
  const lr = chooser.pick('optim.lr', optim.lr);
  chooser.know({ lr });
  const augment = chooseAugment(config.augment, chooser, student.pixels);
  const minLr = chooser.pick('optim.minLr', optim.minLr);
  const warmupEpochs = chooser.pick('optim.warmupEpochs', optim.warmupEpochs);
  return {
    imageSize,
    augment,
    optim: {
      ...optim,
      name,
      lr,
      minLr,
      warmupEpochs,
      weightDecay: chooser.pick('optim.weightDecay', optim.weightDecay),
    },
    probe: { share: linearProbe, lr: scratchLr, warmupEpochs },
    train: { ...train, batch, epochs, linearProbe, evalBatch: chooser.pick('train.evalBatch', train.evalBatch) },
    choices: chooser.choices,
    usual: chooser.usual,
  };
}

/** Told only where there may be one: most runs have no new head on other weights. */
function chooseProbe(given: RunConfig['train']['linearProbe'], chooser: Chooser): number {
  if (given !== 'auto' || chooser.situation.newHead) return chooser.pick('train.linearProbe', given);
  chooser.usual.push({ key: 'train.linearProbe', value: 0, reason: 'no new head on the weights of another model' });
  return 0;
}

/** A network that is trained further sees the numbers that it knows. Told only where these are not the usual ones. */
function choosePixels(given: RunConfig['augment'], chooser: Chooser, own: Pixels = IMAGENET): Pixels {
  const chosen = (key: 'mean' | 'std') => {
    const value = given[key];
    if (value !== 'auto') return value;
    const [choice, other] = [
      { key: `augment.${key}`, value: own[key].join(' ') },
      own[key].some((one, c) => one !== IMAGENET[key][c]),
    ];
    if (other) chooser.choices.push({ ...choice, reason: 'as the model that the student starts from' });
    else chooser.usual.push({ ...choice, reason: "ImageNet's" });
    return own[key];
  };
  return { mean: chosen('mean'), std: chosen('std') };
}

/** The preset's settings under those that are given; what the preset leaves to the size of the images comes from the table. */
function chooseAugment(given: RunConfig['augment'], chooser: Chooser, pixels: Pixels | undefined): Settings['augment'] {
  const preset = chooser.pick('augment.preset', given.preset) as PresetName;
  const held = AUGMENT_PRESETS[preset].settings;
  const resolved = Object.fromEntries(
    (Object.keys(held) as PresetKey[]).map((key) => {
      const value = given[key] === 'auto' ? held[key] : given[key];
      const inTable = value === 'auto' && Object.hasOwn(DEFAULTS, `augment.${key}`);
      return [key, inTable ? chooser.pick(`augment.${key}` as DefaultKey, value) : value];
    }),
  );
  const augment = { ...given, ...resolved, preset, ...choosePixels(given, chooser, pixels) } as Settings['augment'];
  if (given.flip === 'auto' && augment.flip > 0)
    chooser.choices.push({
      key: 'augment.flip',
      value: augment.flip,
      reason: 'left and right mean the same in most photos; set 0 for text and digits',
    });
  const told = new Set(chooser.choices.map(({ key }) => key));
  for (const [key, value] of Object.entries(resolved))
    if (given[key as PresetKey] === 'auto' && !told.has(`augment.${key}`))
      chooser.usual.push({ key: `augment.${key}`, value: String(value), reason: `the preset ${preset}` });
  if (augment.randAugment !== null) parseRandAugment(augment.randAugment);
  if (augment.randAugment !== null && augment.threeAugment)
    throw new UserError(
      'augment: wanted randAugment or threeAugment, got both; set augment.randAugment=null or augment.threeAugment=false',
    );
  return augment;
}
