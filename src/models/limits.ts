/*
 * What a model's files may claim, asked before anything is allocated. Our choice, all of them: beyond every classifier that is known,
 * and small enough that a damaged or hostile file is refused at once.
 */

/** Side of the input in pixels, of settings as of files. */
export const MOST_IMAGE_SIZE = 2048;
/** Attention is quadratic in the patches. */
export const MOST_PATCHES = 65_536;
/** ImageNet-21k has 21,843. */
export const MOST_CLASSES = 1_000_000;
/** Real models have some hundreds; each name is compared with all naming tables. */
export const MOST_TENSORS = 5_000;
/** Of a tensor's shape: PyTorch's own limit. Messages show shapes whole. */
export const MOST_DIMENSIONS = 64;
/** Of a safetensors file's JSON: `MOST_TENSORS` with long names take a twentieth. The reference reader stops at 100 MB. */
export const MOST_HEADER_BYTES = 16_000_000;
/** Of a JSON file: ImageNet-21k's labels are 1 MB. */
export const MOST_JSON_BYTES = 32 * 2 ** 20;
/** Brackets within brackets. */
export const MOST_JSON_DEPTH = 100;
