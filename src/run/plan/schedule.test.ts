import { expect, it } from 'vitest';
import { parseConfig } from '../../config/parse.ts';
import { runSchema } from '../../config/schema.ts';
import { chooseSettings } from './defaults.ts';
import { planStages } from './stages.ts';
import { describeStage, stageSchedule, stageSettings } from './schedule.ts';

const PER_EPOCH = 10;

/** Ten epochs of ten steps: five of kd, three of supervised and two of kd again. */
function planned(optim: object, second: object, third: object | undefined) {
  const config = parseConfig(
    runSchema,
    {
      data: { dir: 'd' },
      student: { name: 'vit_pico_patch4', imageSize: 28 },
      optim: { lr: 0.01, warmupLr: 0, warmupEpochs: 1, ...optim },
      train: { epochs: 10, batch: 8 },
      stages: [
        { method: 'kd', share: 0.5 },
        { method: 'supervised', share: 0.3, optim: second },
        { method: 'kd', share: 0.2, ...(third ? { optim: third } : {}) },
      ],
    },
    'config',
  );
  const settings = chooseSettings(
    config,
    { images: 80, classes: 3, shorterSide: 28 },
    { width: 64, integerLabels: false },
  );
  const stages = planStages(config, 10, PER_EPOCH);
  const rate = (index: number, step: number) =>
    stageSchedule(settings, config, stages[index]!, PER_EPOCH, 10 * PER_EPOCH)(step);
  return { config, settings, stages, rate };
}

/** The run's own cosine after ten steps of warm-up, by hand. */
const whole = (step: number, minLr = 0.0001) =>
  minLr + 0.5 * (0.01 - minLr) * (1 + Math.cos((Math.PI * (step - 10)) / 90));

it('a stage of its own has its whole schedule in its own steps; the others go on with the run', () => {
  const { rate } = planned({}, { lr: 0.004 }, undefined);
  expect(rate(0, 5)).toBeCloseTo(0.005, 12);
  expect(rate(0, 49)).toBeCloseTo(whole(49), 12);
  // No warm-up, and down to a hundredth over the thirty steps from 50.
  expect(rate(1, 50)).toBeCloseTo(0.004, 12);
  expect(rate(1, 65)).toBeCloseTo((0.004 + 0.00004) / 2, 12);
  expect(rate(1, 80)).toBeCloseTo(0.00004, 12);
  expect(rate(2, 80)).toBeCloseTo(whole(80), 12);
});

it('what a stage says counts, what it leaves out is that of the run', () => {
  const { rate, settings, config, stages } = planned(
    { minLr: 0.001, weightDecay: 0.2 },
    { lr: 0.02, warmupEpochs: 1, minLr: 'auto' },
    { schedule: 'constant', weightDecay: 0 },
  );
  expect(rate(1, 55)).toBeCloseTo(0.01, 12);
  expect(rate(1, 80)).toBeCloseTo(0.001, 12);
  expect([80, 99].map((step) => rate(2, step))).toEqual([0.01, 0.01]);
  const decays = stages.map((stage) => stageSettings(settings, config, stage).optim.weightDecay);
  expect(decays).toEqual([0.2, 0.2, 0]);
  expect(stages.map((stage) => describeStage(settings, config, stage, PER_EPOCH))).toEqual([
    'stage 1: kd, epochs 1 to 5, learning rate of the run',
    'stage 2: supervised, epochs 6 to 8, learning rate of its own: cosine 0.02 to 0.001, warm-up 1 epochs, weight decay 0.2',
    'stage 3: kd, epochs 9 to 10, learning rate of its own: constant 0.01, warm-up 0 epochs, weight decay 0',
  ]);
});

it('a stage that would rise instead of fall is refused', () => {
  const { rate } = planned({ minLr: 0.001 }, { lr: 0.0005 }, undefined);
  expect(() => rate(1, 50)).toThrow(
    'stages.1.optim: wanted minLr not above lr, got minLr 0.001 and lr 0.0005; give the stage both',
  );
});
