import { Chart } from '../../ui/chart.tsx';
import type { Point } from '../protocol.ts';
import { loss, rate, right } from '../state.ts';

/** The curves of a training over its passes, once there is something to draw. */
export function TrainingCurves() {
  const now = rate.value;
  if (loss.value.length < 2) return null;
  const passes = now ? now.epochs / now.totalSteps : 1;
  const line = (name: string, colour: number, points: readonly Point[], times = 1) => ({
    ...{ name, colour },
    x: points.map(({ step }) => step * passes),
    y: points.map(({ value }) => times * value),
  });
  const xName = now ? 'pass' : 'step';
  return (
    <>
      <Chart
        title="Right on kept-aside pictures"
        unit="%"
        xName={xName}
        height={130}
        lines={[line('right, %', 2, right.value, 100)]}
      />
      <Chart title="Loss: how wrong it still is" xName={xName} height={130} lines={[line('loss', 0, loss.value)]} />
    </>
  );
}
