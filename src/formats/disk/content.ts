/** What a file holds, whole or in pieces. */
export type Content = string | Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** Files of a folder by their paths in it, `onnx/model.onnx`. */
export type Contents = ReadonlyMap<string, Content>;
