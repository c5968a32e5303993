import './noTelemetryNode.ts';
import * as ort from 'onnxruntime-node';

/** ONNX Runtime, as it is loaded everywhere here: what must be said before it wakes up is said. */
export { ort };
