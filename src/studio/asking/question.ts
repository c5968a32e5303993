/** What a process of its own is asked; src/studio/asking/askMain.ts answers. */
export type Question = 'list' | 'augmented' | 'inspect' | 'learned' | 'attention' | 'snippets';

/** A line of its error output: how far it is, or why it ended. */
export interface Said {
  readonly images?: number;
  readonly error?: string;
}

/** A line of JSON and bytes. */
export interface Reply {
  readonly head: unknown;
  readonly body?: readonly Uint8Array[];
}
