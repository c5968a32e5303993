import { useMemo } from 'preact/hooks';
import { Button, Empty, Notice } from '../ui/basics.tsx';
import type { Range } from '../ui/chart.tsx';
import { RangeField } from '../ui/fields.tsx';
import { param, setParams } from './address.ts';
import { type DrawnRun, Panels } from './panels.tsx';
import { useCurves } from './useCurves.ts';
import { Waiting } from './waiting.tsx';

interface RunChartsProps {
  readonly runs: readonly { readonly id: string; readonly name: string }[];
}

/**
 * Curves of one run or of several, with smoothing and one stretch of steps for all charts; both stand in the address. They are drawn
 * when they have changed, not whenever the page around them has.
 */
export const RunCharts = ({ runs }: RunChartsProps) =>
  useMemo(() => <Charts runs={runs} />, [JSON.stringify(runs.map(({ id, name }) => [id, name]))]);

function Charts({ runs }: RunChartsProps) {
  const range = rangeOf(param('steps'));
  const smooth = Math.min(0.99, Math.max(0, Number(param('smooth') ?? 0.6) || 0));
  const curves = useCurves(
    runs.map(({ id }) => id),
    range,
  );
  const drawn = runs.flatMap(({ id, name }, colour): DrawnRun[] => {
    const found = curves.runs.get(id);
    return found ? [{ name, colour, curves: found }] : [];
  });
  const onRange = (next: Range | null) => setParams({ steps: next?.join('-') ?? null });
  if (curves.error) return <Notice kind="bad">{curves.error.message}</Notice>;
  if (drawn.length === 0) return <Waiting what="Reading the curves…" />;
  if (drawn.every((run) => run.curves.size === 0))
    return (
      <Empty title="No step yet">
        <p>The run is reading its images or its teacher. The first curves appear here with its first steps.</p>
      </Empty>
    );
  return (
    <>
      <div class="row apart">
        <RangeField
          label="Smoothing"
          value={smooth}
          min={0}
          max={0.99}
          step={0.01}
          shown={smooth === 0 ? 'none' : smooth.toFixed(2)}
          onInput={(value) => setParams({ smooth: String(value) })}
        />
        {range ? (
          <Button onClick={() => onRange(null)}>
            Steps {range[0]} to {range[1]} × show all
          </Button>
        ) : (
          <span class="soft small">Drag across a chart to look closer; double-click shows all.</span>
        )}
      </div>
      <Panels runs={drawn} smooth={smooth} range={range} onRange={onRange} />
    </>
  );
}

function rangeOf(text: string | null): Range | undefined {
  const [, from, to] = /^(\d+)-(\d+)$/.exec(text ?? '') ?? [];
  return from !== undefined && Number(from) < Number(to) ? [Number(from), Number(to)] : undefined;
}
