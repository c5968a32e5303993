import type { OnnxFile } from './onnxFile.ts';

/** Numbers in weights; running statistics do not count. */
export function countParameters({ graph }: OnnxFile): number {
  // Mean and variance of a BatchNorm are measured, not trained.
  const trained = new Set(
    graph.node.flatMap(({ opType, input }) => (opType === 'BatchNormalization' ? input.slice(0, 3) : input)),
  );
  const measured = new Set(
    graph.node
      .flatMap(({ opType, input }) => (opType === 'BatchNormalization' ? input.slice(3, 5) : []))
      .filter((name) => !trained.has(name)),
  );
  const float = graph.initializer.filter(
    ({ dataType, name }) => [1, 10, 11, 16, 2, 3].includes(dataType ?? 0) && !measured.has(name ?? ''),
  );
  return float.reduce((sum, { dims }) => sum + dims.reduce((product, n) => product * Number(n), 1), 0);
}

/** Who wrote a file. */
export function producerOf({ model }: OnnxFile): { readonly producer?: string } {
  const producer = `${model.producerName ?? ''} ${model.producerVersion ?? ''}`.trim();
  return producer === '' ? {} : { producer };
}
