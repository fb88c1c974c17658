/** Curves over epochs or steps by uPlot, in the page's colours, as wide as there is room. */
import { createEffect, onCleanup, onMount } from 'solid-js';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { createWidth } from './width.ts';

/** One curve; points without a value are left out. */
export interface Curve {
  readonly label: string;
  readonly values: readonly (number | null)[];
  /** Dashed, for the second of a pair. */
  readonly dashed?: boolean;
  /** Which colour; curves of one run share theirs. */
  readonly colour: number;
}

/** Told apart by any colour vision, on light and dark. @source M. Okabe and K. Ito, "Color universal design" (2008) */
const colours = ['#2f8fd0', '#e69f00', '#00a57a', '#d55e00', '#cc79a7', '#7a8fa5'];
const height = 240;

export const colourOf = (index: number) => colours[index % colours.length]!;

export function LineChart(props: {
  readonly title: string;
  readonly xLabel: string;
  readonly x: readonly number[];
  readonly curves: readonly Curve[];
  readonly log?: boolean;
  readonly digits?: number;
}) {
  const { ref, width } = createWidth();
  let holder: HTMLDivElement | undefined;
  let plot: uPlot | undefined;
  const shapeOf = () =>
    JSON.stringify(props.curves.map(({ label, dashed, colour }) => [label, dashed, colour]));
  const data = () =>
    [[...props.x], ...props.curves.map(({ values }) => [...values])] as uPlot.AlignedData;
  const make = () => {
    plot?.destroy();
    plot = new uPlot(optionsOf(props, width()), data(), holder);
  };
  onMount(() => {
    let shape = '';
    createEffect(() => {
      if (shapeOf() !== shape) make();
      else plot?.setData(data());
      shape = shapeOf();
    });
    createEffect(() => plot?.setSize({ width: width(), height }));
  });
  onCleanup(() => plot?.destroy());
  const last = () =>
    props.curves
      .map(({ label, values }) => {
        const value = values.findLast((one) => one !== null);
        return value == null ? '' : `${label} ${value.toFixed(props.digits ?? 2)}`;
      })
      .filter((text) => text !== '')
      .join(', ');
  return (
    <figure class="chart" ref={ref} style={{ margin: 0 }}>
      <h3>{props.title}</h3>
      <div
        ref={holder}
        style={{ 'min-height': `${height + 30}px` }}
        role="img"
        aria-label={`${props.title}; now ${last() || 'nothing yet'}`}
      />
    </figure>
  );
}

/** Between the numbers of the axis of epochs. */
const wholeSteps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];
/** Of an axis in powers of ten, those. */
const powers = (_: uPlot, values: readonly (number | null)[]) =>
  values.map((value) => (value == null || value <= 0 || Math.log10(value) % 1 ? '' : `${value}`));

type ChartProps = Parameters<typeof LineChart>[0];

function optionsOf(
  { xLabel, curves, log = false, digits = 2 }: ChartProps,
  width: number,
): uPlot.Options {
  const faint = 'rgb(128 140 152)';
  const axis = {
    stroke: faint,
    grid: { stroke: 'rgb(128 140 152 / 25%)' },
    ticks: { show: false },
  };
  const text = (_: uPlot, value: number | null) => (value == null ? '–' : value.toFixed(digits));
  return {
    width,
    height,
    scales: { x: { time: false }, y: { distr: log ? 3 : 1 } },
    axes: [
      {
        ...axis,
        incrs: wholeSteps,
        label: xLabel,
        labelSize: 18,
        size: 36,
        labelFont: '12px system-ui',
      },
      { ...axis, size: 52, ...(log && { values: powers }) },
    ],
    cursor: { y: false, points: { size: 6 } },
    series: [
      { label: xLabel },
      ...curves.map(({ label, colour, dashed }) => ({
        label,
        stroke: colourOf(colour),
        width: 2,
        spanGaps: true,
        points: { show: false },
        value: text,
        ...(dashed && { dash: [6, 4] }),
      })),
    ],
  };
}
