import { describe, expect, it } from 'vitest';
import { ofItsRelease } from './olderRuns.ts';

const OLD = {
  data: { dir: 'd' },
  student: { name: 'deit3_small_patch16_224', settings: {} },
  optim: { name: 'adamw' },
};
const student = (given: object) => ({ ...OLD, student: { name: 'deit_tiny_patch16_224', settings: {}, ...given } });
const settingsOf = (raw: object) => (ofItsRelease({ ...raw }, 'file').student as { settings: object }).settings;

describe('the settings of an older run', () => {
  it('mean what they meant: no linear probe, a drop path that rises, regnety_008 of torchvision', () => {
    expect(ofItsRelease(OLD, 'file')).toMatchObject({ ...OLD, train: { linearProbe: 0 } });
    expect(settingsOf(OLD)).toEqual({});
    expect(settingsOf(student({ settings: { dropPath: 0.1 } }))).toEqual({ dropPath: 0.1, dropPathForm: 'linear' });
    expect(settingsOf(student({ name: 'regnety_008' }))).toEqual({ widths: [64, 144, 320, 784] });
    expect(settingsOf(student({ name: 'regnety_008', init: 'a file' }))).toEqual({});
  });

  it('mean DKD at full weight from the start', () => {
    const dkd = { methods: { dkd: { warmupEpochs: 0 } } };
    expect(ofItsRelease({ ...OLD, method: 'dkd' }, 'file')).toMatchObject(dkd);
    expect(ofItsRelease({ ...OLD, stages: [{ method: 'vitkd+dkd' }] }, 'file')).toMatchObject(dkd);
    const said = { method: 'dkd', methods: { dkd: { beta: 2, warmupEpochs: 3 } } };
    expect(ofItsRelease({ ...OLD, ...said }, 'file')).toMatchObject(said);
    expect(ofItsRelease({ ...OLD, method: 'kd' }, 'file')).not.toHaveProperty('methods');
  });

  it('stay as they are where the release is new', () => {
    const raw = student({ name: 'regnety_008', settings: { dropPath: 0.1 } });
    const now = { ...raw, optim: { name: 'lamb', weightDecay: 0, layerDecay: 0.5, cosineOver: 'rest' } };
    expect(ofItsRelease(now, 'file')).toEqual({ ...now, train: { linearProbe: 0 } });
  });

  it('are refused where their steps are computed otherwise', () => {
    const optim = (given: object) => () => ofItsRelease({ ...OLD, optim: given }, 'runs/a/config.yaml');
    expect(optim({ layerDecay: 0.75 })).toThrow(/^runs\/a\/config.yaml: optim.layerDecay 0.75: .*counted the layers/);
    expect(optim({ name: 'lamb', weightDecay: 0 })).toThrow(/lamb with weightDecay 0.*Start a new run/);
    const stages = [{ method: 'kd', optim: { weightDecay: 0 } }];
    expect(() => ofItsRelease({ ...OLD, optim: { name: 'lamb' }, stages }, 'file')).toThrow(/lamb with weightDecay 0/);
    expect(optim({ name: 'lamb', weightDecay: 0.05, layerDecay: null })).not.toThrow();
  });
});
