import type { Model } from './features.ts';

/** Whether a parameter is a classifier's: `head` and `head_dist` of a Vision Transformer, `fc` of a ResNet, `head.fc` of a RegNet. */
export const isHead = (name: string): boolean => /^(head|head_dist|fc)\./.test(name);

/** The axis of the classes of a parameter of the classifier; undefined for one below it. */
export function classAxis({ heads }: Pick<Model, 'heads'>, name: string): number | undefined {
  if (heads) return heads.get(name);
  return isHead(name) ? 0 : undefined;
}
