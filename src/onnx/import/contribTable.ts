/** Four inputs or five: a tensor, its scale and zero point, then the result's. */
const ONE = ['4-5', 'T float T? float T?', '1-1', 'T'] as const;
/** Two such tensors. */
const TWO = ['7-8', 'T float T? T float T? float T?', '1-1', 'T'] as const;
const BYTES = 'T=uint8,int8';
const FLOATS = 'T=float16,float,double,bfloat16';
const POOL = 'auto_pad:s ceil_mode:i channels_last:i count_include_pad:i kernel_shape:I! pads:I strides:I';

/**
 * ONNX Runtime's own operators that have a rule, in the form of generated/operatorTable.ts; `*`: inputs of any types. Source: ONNX
 * Runtime, docs/ContribOperators.md. tests/parity/contribTable.test.ts holds numbers and attributes to what ONNX Runtime itself says.
 */
export const CONTRIB_TABLE: Readonly<
  Record<string, readonly (readonly [number, string, string, string, string, string, string])[]>
> = {
  'com.microsoft::BiasGelu': [[1, '2-2', 'T T', '1-1', 'T', '', FLOATS]],
  'com.microsoft::DequantizeLinear': [
    [1, '2-3', 'T1 T2 T1?', '1-1', 'T2', 'axis:i', 'T1=int8,uint8,int16,uint16,int32 T2=float16,float'],
  ],
  'com.microsoft::FastGelu': [[1, '1-2', 'T T?', '1-1', 'T', '', 'T=float16,float,bfloat16']],
  'com.microsoft::FusedMatMul': [
    [1, '2-2', 'T T', '1-1', 'T', 'alpha:f transA:i transB:i transBatchA:i transBatchB:i', FLOATS],
  ],
  'com.microsoft::Gelu': [[1, '1-1', 'T', '1-1', 'T', '', FLOATS]],
  'com.microsoft::QGemm': [
    [
      1,
      '6-9',
      'TA T TA TB T TB TC? T? TYZ?',
      '1-1',
      'TY',
      'alpha:f transA:i transB:i',
      'T=float TA=uint8,int8 TB=uint8,int8 TC=int32 TYZ=uint8,int8 TY=float,uint8,int8',
    ],
  ],
  'com.microsoft::QLinearAdd': [[1, ...TWO, '', BYTES]],
  'com.microsoft::QLinearAveragePool': [[1, ...ONE, POOL, BYTES]],
  'com.microsoft::QLinearConcat': [[1, '3-', 'TF T8 *', '1-1', 'T8', 'axis:i!', 'TF=float T8=uint8,int8']],
  'com.microsoft::QLinearGlobalAveragePool': [[1, '5-5', 'T float T float T', '1-1', 'T', 'channels_last:i', BYTES]],
  'com.microsoft::QLinearLeakyRelu': [[1, ...ONE, 'alpha:f', BYTES]],
  'com.microsoft::QLinearMul': [[1, ...TWO, '', BYTES]],
  'com.microsoft::QLinearSigmoid': [[1, ...ONE, '', BYTES]],
  'com.microsoft::QLinearSoftmax': [[1, '5-5', 'T float T? float T', '1-1', 'T', 'axis:i opset:i!', BYTES]],
  'com.microsoft::QuantizeLinear': [
    [1, '2-3', 'T1 T1 T2?', '1-1', 'T2', 'axis:i', 'T1=float16,float T2=int8,uint8,int16,uint16'],
  ],
  'com.microsoft::QuickGelu': [[1, '1-1', 'T', '1-1', 'T', 'alpha:f', FLOATS]],
  'com.microsoft::SkipLayerNormalization': [
    [1, '3-5', 'T T T T? T?', '1-4', 'T U U T', 'epsilon:f', 'T=float,float16,bfloat16 U=float'],
  ],
};
