/** In a run's folder: where it began, which relative paths of its settings are seen from. Only a platform with such folders writes it. */
export const ORIGIN_FILE = 'origin.json';

export const originText = (folder: string): string => `${JSON.stringify({ folder }, null, 2)}\n`;

/** Undefined where the text is none, as of runs of older releases. */
export function originIn(text: string): string | undefined {
  try {
    const { folder } = JSON.parse(text) as { folder?: unknown };
    return typeof folder === 'string' && folder !== '' ? folder : undefined;
  } catch {
    return undefined;
  }
}
