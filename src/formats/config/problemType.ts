/** transformers' problem_type of a classifier whose images may have several classes: a sigmoid each, no softmax. */
export const MULTILABEL = 'multi_label_classification';

/** Whether a config.json is that of such a model. */
export const saysMultilabel = (config: Readonly<Record<string, unknown>> | undefined): boolean =>
  config?.problem_type === MULTILABEL;
