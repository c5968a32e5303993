import { parseArgs } from 'node:util';
import { ortNode } from '../engine/ortNode.ts';
import { buildModel, type Model, variantConfig } from '../models/index.ts';
import { readOnnx } from '../onnx/import/readOnnxNode.ts';
import { readStudent } from '../onnx/student/read.ts';
import { onnxStudent } from '../onnx/student/student.ts';
import { countMacs } from '../run/models/countMacs.ts';
import { StepOf, type StepPart } from './timedSteps.ts';

/**
 * Times one kind of step in a process of its own, so that its peak memory is its own. Arguments: model (or an ONNX file, as a
 * student), batch, steps, and what to run; and where ONNX Runtime writes a profile. Prints one JSON object.
 */
const { positionals, values } = parseArgs({ allowPositionals: true, options: { threads: { type: 'string' } } });
const [name = 'deit_tiny_patch16_224', batch = '16', steps = '5', part = 'full', profilePrefix] = positionals;
const model: Model = name.endsWith('.onnx')
  ? onnxStudent(readStudent(readOnnx(name)).config)
  : buildModel(variantConfig(name, { classes: 1000 }));
const started = performance.now();
const step = new StepOf(model, Number(batch), part as StepPart);
const describedSeconds = (performance.now() - started) / 1000;
const engine = ortNode(values.threads === undefined ? {} : { threads: Number(values.threads) });
const cpuSeconds = () => (process.cpuUsage().user + process.cpuUsage().system) / 1e6;
const profile = profilePrefix === undefined ? {} : { profilePrefix };
const timed = await step.time(engine, Number(steps), profile, cpuSeconds);
const { inputs, outputs } = step.program;
console.log(
  JSON.stringify({
    ...{ ...timed, buildSeconds: timed.buildSeconds + describedSeconds },
    ...{ peakRssMB: process.resourceUsage().maxRSS / 1024, nodes: outputs.size },
    macs: countMacs([...outputs.values()], inputs.get('batch.pixels')!),
  }),
);
