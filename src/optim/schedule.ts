/** A learning rate for each step, on the host. Step 0 is the first. */
export type Schedule = (step: number) => number;

export interface CosineOptions {
  readonly lr: number;
  readonly minLr: number;
  readonly warmupLr: number;
  readonly warmupSteps: number;
  readonly totalSteps: number;
  /**
   * Steps that the cosine is laid over. `rest` (default): those after the warm-up, so that it begins at `lr`. `all`: the
   * warm-up takes the place of its beginning (timm's CosineLRScheduler as DeiT and DeiT III call it, mmcv's CosineAnnealing).
   */
  readonly over?: 'rest' | 'all';
}

/**
 * Linear warm-up from `warmupLr`, then half a cosine from `lr` to `minLr` (SGDR, arXiv 1608.03983, without restarts). Our
 * choice: it moves every step, where DeiT's moves after each epoch, and begins with the first one: DeiT's own loop asks for the
 * rate of epoch n only when that is over, so that its first two epochs run at `warmupLr`.
 */
export function warmupCosine(options: CosineOptions): Schedule {
  const { lr, minLr, warmupLr, warmupSteps, totalSteps, over = 'rest' } = options;
  const from = over === 'all' ? 0 : warmupSteps;
  return (step) => {
    if (step < warmupSteps) return warmupLr + ((lr - warmupLr) * step) / warmupSteps;
    const progress = Math.min(1, (step - from) / Math.max(1, totalSteps - from));
    return minLr + 0.5 * (lr - minLr) * (1 + Math.cos(Math.PI * progress));
  };
}

/** Linear warm-up, then constant. */
export function warmupConstant({
  lr,
  warmupLr,
  warmupSteps,
}: Pick<CosineOptions, 'lr' | 'warmupLr' | 'warmupSteps'>): Schedule {
  return (step) => (step < warmupSteps ? warmupLr + ((lr - warmupLr) * step) / warmupSteps : lr);
}

export type StepOptions = Pick<CosineOptions, 'lr' | 'warmupLr' | 'warmupSteps'> & {
  /** Every so many steps, counted from the first one, the rate is multiplied by `gamma`. */
  readonly every: number;
  readonly gamma: number;
};

/** Linear warm-up, then a staircase: torch's StepLR, which counts the warm-up too. */
export function warmupStep({ lr, warmupLr, warmupSteps, every, gamma }: StepOptions): Schedule {
  return (step) =>
    step < warmupSteps ? warmupLr + ((lr - warmupLr) * step) / warmupSteps : lr * gamma ** Math.floor(step / every);
}
