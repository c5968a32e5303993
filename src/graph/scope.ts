let current = '';

/** The label that nodes built now carry. */
export function scopeLabel(): string {
  return current;
}

/** A message with the label in front: `blocks.3.attn: ...`. */
export function located(message: string): string {
  return current === '' ? message : `${current}: ${message}`;
}

/**
 * Builds under a label, `blocks.3.attn`. Building is synchronous and the label is put back on every way out, so this one
 * module variable is never seen half-changed; it only names nodes, no result depends on it.
 */
export function withLabel<T>(label: string, build: () => T): T {
  const outer = current;
  current = label;
  try {
    return build();
  } finally {
    current = outer;
  }
}
