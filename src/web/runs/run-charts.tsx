/** Curves of the compared runs over their epochs. */
import { createMemo } from 'solid-js';
import type { PageRow, PageRun } from '../../ui/page-data.ts';
import { type Curve, LineChart } from '../shared/line-chart.tsx';

export interface ComparedRun {
  readonly run: PageRun;
  readonly rows: readonly PageRow[];
}

export function RunCharts(props: { readonly compared: readonly ComparedRun[] }) {
  const x = createMemo(() => {
    const last = Math.max(1, ...props.compared.map(({ rows }) => rows.at(-1)?.epoch ?? 0));
    return Array.from({ length: last }, (_, i) => i + 1);
  });
  const curves = (
    label: string,
    value: (row: PageRow) => number | null,
    dashed = false,
  ): readonly Curve[] =>
    props.compared.map(({ run, rows }, colour) => {
      const byEpoch = new Map(rows.map((row) => [row.epoch, value(row)]));
      const name = props.compared.length === 1 ? label : `${run.id}, ${label}`;
      return {
        label: name,
        colour,
        dashed,
        values: x().map((epoch) => byEpoch.get(epoch) ?? null),
      };
    });
  return (
    <section class="card stack" aria-label="Curves">
      <LineChart
        title="Accuracy in percent: test, and training dashed"
        xLabel="epoch"
        x={x()}
        curves={[
          ...curves('test', (row) => row.testAccuracy),
          ...curves('training', (row) => row.trainAccuracy, true),
        ]}
      />
      <LineChart
        title="Loss: test, and training dashed"
        xLabel="epoch"
        x={x()}
        digits={4}
        curves={[
          ...curves('test', (row) => row.testLoss),
          ...curves('training', (row) => row.trainLoss, true),
        ]}
      />
      <div class="pair">
        <LineChart
          title="Learning rate"
          xLabel="epoch"
          x={x()}
          digits={5}
          log
          curves={curves('rate', (row) => row.learningRate || null)}
        />
        <LineChart
          title="Training images per second"
          xLabel="epoch"
          x={x()}
          digits={0}
          curves={curves('images/s', (row) => row.imagesPerSecond)}
        />
      </div>
    </section>
  );
}
