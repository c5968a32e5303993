/** What an .onnx file and the files beside it may not say. */
export const onnxFlags = {
  classes: {
    type: 'string',
    valueHint: 'FILE',
    description:
      'For an .onnx file: class names, one a line or as JSON; or "index": the classes of the data, in its order',
  },
  mean: {
    type: 'string',
    valueHint: 'R,G,B',
    description: 'For an .onnx file: mean of the pixels (0 to 1) it was trained with',
  },
  std: { type: 'string', valueHint: 'R,G,B', description: 'For an .onnx file: standard deviation of these pixels' },
  'image-size': {
    type: 'string',
    valueHint: 'N',
    description: 'For an .onnx file that leaves it open: side of the input',
  },
} as const;

export const onnxNotes =
  'An .onnx file is described by the config.json (id2label) and preprocessor_config.json beside it or one folder up; flags win over them.';
