import * as ort from 'onnxruntime-web';
import { engineContract } from './contractSuite.ts';
import { ortWeb } from './ortWeb.ts';

// The same kernels as in a page: onnxruntime-web's WebAssembly runs in Node too.
engineContract(ortWeb(ort, { threads: 1 }));
