/** A learning rate for each step, on the host. Step 0 is the first. */
export type Schedule = (step: number) => number;

export interface CosineOptions {
  readonly lr: number;
  readonly minLr: number;
  readonly warmupLr: number;
  readonly warmupSteps: number;
  readonly totalSteps: number;
}

/**
 * Linear warm-up from `warmupLr`, then half a cosine from `lr` to `minLr` over the remaining steps (SGDR, arXiv 1608.03983,
 * without restarts; DeiT's values). Our choice: it moves every step, not every epoch.
 */
export function warmupCosine({ lr, minLr, warmupLr, warmupSteps, totalSteps }: CosineOptions): Schedule {
  return (step) => {
    if (step < warmupSteps) return warmupLr + ((lr - warmupLr) * step) / warmupSteps;
    const progress = Math.min(1, (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps));
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
