/** What the files of a model that others have trained may not say. */
export const describedFlags = {
  classes: {
    type: 'string',
    valueHint: 'FILE',
    description:
      'Of an .onnx or .safetensors file: class names, one a line or as JSON; or "index": the classes of the data, by code point ("10" before "2"), or "natural": as people count',
  },
  mean: {
    type: 'string',
    valueHint: 'R,G,B',
    description: 'Of such a file: mean of the pixels (0 to 1) it was trained with',
  },
  std: { type: 'string', valueHint: 'R,G,B', description: 'Of such a file: standard deviation of these pixels' },
  'image-size': {
    type: 'string',
    valueHint: 'N',
    description: 'Of such a file: side of the input, where an .onnx file leaves it open, or another one for weights',
  },
} as const;

export const describedNotes =
  'What others have trained is described by the config.json (id2label) and preprocessor_config.json beside it (of an .onnx file\nalso one folder up); flags win over them.';
