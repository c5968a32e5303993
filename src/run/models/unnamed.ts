/** LABEL_0, LABEL_1, ... are transformers' placeholders, and ours, and no names. */
export const unnamed = (classes: readonly string[]): boolean =>
  classes.length > 0 && classes.every((name, i) => name === `LABEL_${i}`);
