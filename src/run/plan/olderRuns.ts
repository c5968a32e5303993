import { isSection, overlay, type Settings } from '../../config/settings.ts';
import { UserError } from '../../graph/errors.ts';

/**
 * The settings of a run's config.yaml as the release that wrote them meant them, so that a resume goes on with the same numbers.
 * A run's file has every key of `optim` that its release knows: without `cosineOver` it is from before that, and from before all
 * that changed with it.
 * @throws UserError where this release cannot compute what that one did.
 */
export function ofItsRelease(raw: Settings, file: string): Settings {
  // Before there were linear probes, a run had none.
  const probed = overlay({ train: { linearProbe: 0 } }, raw);
  const optim = sectionAt(raw, 'optim');
  if ('cosineOver' in optim) return probed;
  refuseChanged(raw, file);
  return overlay(whatWasMeant(raw), probed);
}

/** Defaults and forms that were others; what the file says itself wins. */
function whatWasMeant(raw: Settings): Settings {
  const student = sectionAt(raw, 'student');
  const given = sectionAt(student, 'settings');
  const settings = {
    ...('dropPath' in given ? { dropPathForm: 'linear' } : {}),
    // Halves of groups were rounded up, as in torchvision.
    ...(student.name === 'regnety_008' && student.init == null ? { widths: [64, 144, 320, 784] } : {}),
  };
  return {
    ...(Object.keys(settings).length === 0 ? {} : { student: { settings } }),
    ...(usesDkd(raw) ? { methods: { dkd: { warmupEpochs: 0 } } } : {}),
  };
}

function usesDkd({ method, stages }: Settings): boolean {
  const listed = Array.isArray(stages) ? stages.filter(isSection).map((stage) => stage.method) : [];
  return [method, ...listed].some((name) => String(name).split('+').includes('dkd'));
}

function refuseChanged(raw: Settings, file: string): void {
  const optim = sectionAt(raw, 'optim');
  const stages = Array.isArray(raw.stages)
    ? raw.stages.filter(isSection).map((stage) => sectionAt(stage, 'optim'))
    : [];
  const remedy =
    'Start a new run with another --out; --set student.init=RUN/checkpoints/last takes the weights of this one over';
  if (optim.layerDecay != null)
    throw new UserError(
      `${file}: optim.layerDecay ${JSON.stringify(optim.layerDecay)}: this run was begun by an older release, which counted the layers otherwise (the final norm, ResNets and RegNets), so it cannot go on with the same rates. ${remedy}`,
    );
  if (optim.name === 'lamb' && [optim, ...stages].some(({ weightDecay }) => weightDecay === 0))
    throw new UserError(
      `${file}: optim.name lamb with weightDecay 0: this run was begun by an older release, whose LAMB scaled such updates, so it cannot go on with the same ones. ${remedy}`,
    );
}

const sectionAt = (settings: Settings, key: string): Settings => {
  const held = settings[key];
  return isSection(held) ? held : {};
};
