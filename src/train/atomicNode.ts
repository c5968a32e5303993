/** The implementation is in formats/, because files of formats/ are written through it and may not import from train/. */
export * from '../formats/atomicNode.ts';
export { fileError } from '../formats/fileErrorNode.ts';
