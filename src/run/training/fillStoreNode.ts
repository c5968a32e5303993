import { basename, join } from 'node:path';
import { parseConfig } from '../../config/parse.ts';
import { runSchema } from '../../config/schema.ts';
import { select } from '../../data/dataset.ts';
import type { OnListing } from '../../data/folders/listingNode.ts';
import { type Claim, Claims } from '../../formats/disk/claimsNode.ts';
import { ofFolder } from '../../formats/disk/folderLockNode.ts';
import type { LockTimes } from '../../formats/disk/lockNode.ts';
import { ofShard, type ShardPart, writeMark } from '../../formats/disk/shardMarkNode.ts';
import { shareUnits } from '../../formats/disk/shareUnitsNode.ts';
import { internal, UserError } from '../../graph/errors.ts';
import type { Platform } from '../../host/host.ts';
import { memoryDisk, memoryFiles } from '../../host/memory/filesMemory.ts';
import { nodePlatform } from '../../host/node/hostNode.ts';
import type { Outputs } from '../../store/outputs.ts';
import { FILLING, partFile } from '../../store/mergeStoresNode.ts';
import { addressOf } from '../../store/outputStoreNode.ts';
import type { UnstampedEvent } from '../../train/events.ts';
import { trainBatches } from '../datasets/loaders.ts';
import type { OnModel } from '../models/reference.ts';
import type { PlannedStage } from '../plan/stages.ts';
import { ownView } from '../teacher/features.ts';
import { beyondViews, keptViews, storeWanted } from '../teacher/store.ts';
import { assemble, type AssembledRun } from './prepare/assemble.ts';
import { checkNames, checkStages } from './prepare/checks.ts';
import { withFittedHeads } from './prepare/fitHeads.ts';
import { openInputs } from './prepare/openInputsNode.ts';
import type { RunSettings } from './runSettings.ts';
import { openStageTeacher, type StageTeacher } from './stage/teacher.ts';

export type FillEvent =
  | { readonly type: 'note'; readonly message: string }
  | { readonly type: 'warning'; readonly message: string }
  | { readonly type: 'start'; readonly stage: string; readonly units: number; readonly left: number }
  | {
      readonly type: 'unit';
      readonly stage: string;
      readonly units: number;
      readonly left: number;
      /** Images and views that went through the teacher here, a second. */
      readonly imagesPerSec: number;
      readonly etaSeconds: number;
    };

export interface FillOptions {
  readonly onEvent?: (event: FillEvent) => void;
  readonly onModel?: OnModel;
  readonly onListing?: OnListing;
  /** Ends the work when aborted; what is stored stays. */
  readonly signal?: AbortSignal;
  /** Fills this part of the units alone, in a store of its own. */
  readonly shard?: ShardPart;
  /** When the units of other processes are given up. */
  readonly claimTimes?: LockTimes;
  /** Images of a unit of work. Default: 512. */
  readonly unitImages?: number;
}

export interface FillResult {
  readonly dir: string;
  readonly reason: 'done' | 'interrupted';
  readonly images: number;
  readonly views: number;
  /** Of the records that the run will read, over its stages. */
  readonly stored: number;
  readonly seconds: number;
}

/** Our choice: large beside the start of a loader, small beside a data set. */
const UNIT_IMAGES = 512;

/**
 * Computes what a run's teacher says of each view of each training image and keeps it, so that the run with these settings finds
 * it. Any number of processes with the folder in common share the images.
 * @throws UserError for settings with which nothing would be kept, or for which the store has no room
 */
export async function fillStore(input: RunSettings, options: FillOptions = {}): Promise<FillResult> {
  const began = performance.now();
  const config = parseConfig(runSchema, input, 'config');
  checkNames(config);
  if (config.teacher === null)
    throw new UserError('store --fill: wanted a teacher, got none; give one with --teacher REF');
  if (!storeWanted(config))
    throw new UserError(
      `store --fill: wanted fixed views of each image, or a teacher that sees the originals, got ${config.data.views === null && config.teacher.sees === 'augmented' ? 'data.views=null' : 'teacher.store.use=false'}: the run would keep nothing. Set data.views (data.views=4) or teacher.sees=original for this and for the run`,
    );
  const { onModel, onListing } = options;
  const platform = nodePlatform({ device: 'cpu', threads: config.train.threads });
  const inputs = await openInputs(config, { onModel, onListing });
  // Heads are fitted as the run fits them, and not kept: it fits them again.
  const host = { ...platform, files: memoryFiles('the store', memoryDisk()) };
  const parts = assemble(config, (await withFittedHeads(host, config, inputs, undefined)).inputs);
  checkStages(parts);
  const more = beyondViews(config, parts.settings);
  if (more)
    throw new UserError(
      `store --fill: wanted images that look the same whenever a view is shown, got ${more}, drawn anew in each epoch: the run would keep nothing. Set ${more.replaceAll(/=[^,]+/g, '=0')} for this and for the run`,
    );
  const images = parts.data.train.paths.length;
  const stored: number[] = [];
  for (const stage of parts.stages) {
    const share = await fillStage(parts, stage, platform, options);
    if (share !== undefined) stored.push(share);
  }
  const dir = platform.outputs!.where(config.teacher.store.dir);
  const mean = stored.reduce((sum, one) => sum + one, 0) / Math.max(1, stored.length);
  const reason = options.signal?.aborted ? 'interrupted' : 'done';
  const seconds = (performance.now() - began) / 1000;
  return { dir, reason, images, views: keptViews(config), stored: mean, seconds };
}

/** What of a stage's outputs is stored then; undefined where the stage reads none. */
async function fillStage(
  parts: AssembledRun,
  stage: PlannedStage,
  platform: Platform,
  options: FillOptions,
): Promise<number | undefined> {
  if (options.signal?.aborted) return undefined;
  const emit = (event: UnstampedEvent) => {
    if (event.type === 'note' || event.type === 'warning') options.onEvent?.(event);
  };
  const teacher = await openStageTeacher(parts, stage, platform, undefined, emit);
  if (!teacher) return undefined;
  if (!teacher.store) throw internal('a run that keeps outputs opened no store');
  try {
    checkRoom(teacher.store, parts);
    await new StageFilling(parts, stage, platform, teacher, teacher.store, options).fill();
    return teacher.store.forecast(parts.data.train.paths.keys(), keptViews(parts.config)).stored;
  } finally {
    await teacher.source.close();
  }
}

/** A store that is too small would lose at its end what was computed at its beginning. */
function checkRoom(store: Outputs, { config, data }: AssembledRun): void {
  const { bytes } = store.forecast(data.train.paths.keys(), keptViews(config));
  const { maxGB } = config.teacher!.store;
  if (bytes > maxGB * 1e9)
    throw new UserError(
      `store --fill: wanted room for ${(bytes / 1e9).toPrecision(3)} GB of teacher outputs, got teacher.store.maxGB ${maxGB}. Raise it for this and for the run, or lower data.views`,
    );
}

/** A run of images, by their places in the training list. */
type Unit = { readonly index: number; readonly images: readonly number[] };

/** The images of a stage, filled unit by unit. */
class StageFilling {
  readonly #parts: AssembledRun;
  readonly #stage: PlannedStage;
  readonly #platform: Platform;
  readonly #teacher: StageTeacher;
  readonly #store: Outputs;
  readonly #options: FillOptions;
  readonly #views: number;
  /** Units that this process has gone through: what is still missing of them cannot be read. */
  readonly #tried = new Set<Unit>();
  #seconds = 0;

  constructor(
    parts: AssembledRun,
    stage: PlannedStage,
    platform: Platform,
    teacher: StageTeacher,
    store: Outputs,
    options: FillOptions,
  ) {
    this.#parts = parts;
    this.#stage = stage;
    this.#platform = platform;
    this.#teacher = teacher;
    this.#store = store;
    this.#options = options;
    this.#views = keptViews(parts.config);
  }

  async fill(): Promise<void> {
    const { claimTimes, signal, onEvent, shard } = this.#options;
    const claims = new Claims(claimTimes);
    const all = unitsOf(this.#parts.data.train.paths.length, this.#options.unitImages ?? UNIT_IMAGES);
    const [units, folder] = [ofShard(all, shard), this.#claimFolder(all)];
    const note = (message: string) => onEvent?.({ type: 'note', message });
    const whole = await shareUnits({
      units,
      settled: async (unit) => this.#isStored(unit),
      claim: ({ index }) => claims.take(join(folder, `${index}.lock`), ofFolder(folder)),
      make: (unit, claim, open) => this.#make(unit, claim, units.length, open.size),
      onStart: ({ size }) => onEvent?.({ type: 'start', stage: this.#stage.name, units: units.length, left: size }),
      onLost: ({ index }, { message }) => note(`unit ${index + 1}: ${message}`),
      onWait: ({ size }) => note(`waiting for ${size} units that other processes have`),
      signal,
    });
    if (!whole || !shard) return;
    const mark = { kind: 'teacher outputs', units: all.length, what: basename(folder), ...shard } as const;
    await writeMark(join(folder, partFile(shard)), mark);
  }

  #isStored(unit: Unit): boolean {
    if (this.#tried.has(unit)) return true;
    this.#store.refresh();
    return this.#store.forecast(unit.images, this.#views).stored === 1;
  }

  async #make(unit: Unit, claim: Claim, units: number, open: number): Promise<boolean> {
    const began = performance.now();
    if (!(await this.#compute(unit, claim))) return false;
    this.#store.flush();
    this.#tried.add(unit);
    const seconds = (performance.now() - began) / 1000;
    this.#seconds += seconds;
    this.#options.onEvent?.({
      type: 'unit',
      stage: this.#stage.name,
      units,
      left: open - 1,
      imagesPerSec: (unit.images.length * this.#views) / seconds,
      etaSeconds: (this.#seconds / this.#tried.size) * (open - 1),
    });
    return true;
  }

  /** Shows the teacher each view of each image of a unit; false where it was to stop. */
  async #compute({ images }: Unit, claim: Claim): Promise<boolean> {
    const { data, config, settings, teacher, preprocessing } = this.#parts;
    // Training batches are whole: images come a second time until they are.
    const { batch } = settings.train;
    const whole = Math.ceil(images.length / batch) * batch;
    const shown = Array.from({ length: whole }, (_, i) => images[i % images.length]!).sort((a, b) => a - b);
    const warn = (message: string) => this.#options.onEvent?.({ type: 'warning', message });
    const options = trainBatches(data, config, settings, ownView(teacher!, preprocessing, config.teacher!.sees), warn);
    const loader = this.#platform.loader({ ...options, list: select(data.train, shown), repeats: 1 });
    try {
      // In as many epochs as there are views an image shows each of them once.
      for await (const loaded of loader.batches()) {
        if (loaded.epoch === this.#views || this.#options.signal?.aborted || claim.lost.aborted) break;
        const indices = loaded.indices.map((i) => shown[i]!);
        await this.#teacher.source.feeds({ ...loaded, indices });
        loaded.release();
      }
    } finally {
      await loader.close();
    }
    await claim.check();
    return !this.#options.signal?.aborted;
  }

  /** Of the same images and outputs: those of other runs have units of their own. */
  #claimFolder(units: readonly Unit[]): string {
    const { config, data } = this.#parts;
    const dir = this.#platform.outputs!.where(config.teacher!.store.dir);
    const of = [this.#store.address, String(units.length), data.train.root, ...data.train.paths];
    return join(dir, FILLING, addressOf(...of));
  }
}

function unitsOf(images: number, each: number): Unit[] {
  return Array.from({ length: Math.ceil(images / each) }, (_, index) => {
    const from = index * each;
    return { index, images: Array.from({ length: Math.min(each, images - from) }, (_, i) => from + i) };
  });
}
