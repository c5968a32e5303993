/**
 * What an exported model needs in a browser: `import { preprocess } from 'understudy/browser'`. No file behind it imports a
 * platform (tests/browser/ checks that).
 */
export type { ImageBytes, PreprocessorConfig } from './data/preprocess.ts';
export { preprocess } from './data/preprocess.ts';
