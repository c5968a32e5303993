/**
 * Understudy in a browser. `preprocess` is what an exported model needs, and stands alone; the rest trains there, in a dedicated
 * worker, and is loaded when it is first called. No file behind this entry imports Node (tests/browser/ checks that).
 */
export type { ImageBytes, PreprocessorConfig } from './data/preprocess.ts';
export { preprocess } from './data/preprocess.ts';
