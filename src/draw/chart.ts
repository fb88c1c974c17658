/**
 * Charts as SVG: series of points, with lines, markers and error bars, on linear or logarithmic axes; what each series is
 * called stands beside the plot, the highest last value first. The axes and marks are Observable Plot's, without a browser.
 */
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { faint, ink, partitionColour, textWidth } from './palette.ts';
import { svgDocument, svgElement, svgText } from './svg.ts';

/** A point, and how far the bar around it reaches up and down. */
export interface ChartPoint {
  readonly x: number;
  readonly y: number;
  readonly deviation?: number | undefined;
  /** Written beside it. */
  readonly label?: string | undefined;
}

/** Points that belong together. */
export interface ChartSeries {
  readonly name: string;
  readonly points: readonly ChartPoint[];
  /** Default both. */
  readonly marks?: 'line' | 'dots' | 'both' | undefined;
  /** What is not ours, or not new. */
  readonly dashed?: boolean | undefined;
  /** Which colour, from 0; default the series' place. */
  readonly colour?: number | undefined;
}

export interface ChartAxis {
  readonly label: string;
  readonly logarithmic?: boolean | undefined;
  /** Ticks at whole numbers alone. */
  readonly integers?: boolean | undefined;
}

export interface Chart {
  readonly title: string;
  readonly subtitle: string;
  readonly x: ChartAxis;
  readonly y: ChartAxis;
  readonly series: readonly ChartSeries[];
  /** Lowest and highest y; default what the points take. */
  readonly range?: readonly [number, number] | undefined;
}

const plotWidth = 620;
const plotHeight = 400;
const top = 66;
const rowHeight = 18;

/** The chart as one self-contained SVG file, on white. */
export function chartSvg(chart: Chart): string {
  const { title, subtitle } = chart;
  const names = legend(chart);
  const legendWidth = Math.max(0, ...names.map(({ text }) => textWidth(text, 12))) + 44;
  const width = Math.max(
    16 + plotWidth + legendWidth,
    32 + textWidth(title, 17, true),
    32 + textWidth(subtitle, 12),
  );
  const height = Math.max(top + plotHeight + 12, top + 20 + names.length * rowHeight);
  const parts = [
    svgText(title, { x: 16, y: 28, 'font-size': 17, 'font-weight': 600 }),
    svgText(subtitle, { x: 16, y: 48, 'font-size': 12, fill: faint }),
    svgElement('g', { transform: `translate(8 ${top})`, color: ink }, plotMarkup(chart)),
    ...names.flatMap(({ text, colour, dashed }, i) => {
      const y = top + 30 + i * rowHeight;
      const x = 16 + plotWidth;
      const stroke = { stroke: colour, 'stroke-width': 2.5 };
      const line = { x1: x, x2: x + 20, y1: y - 4, y2: y - 4, ...stroke };
      return [
        svgElement('line', dashed ? { ...line, 'stroke-dasharray': '4 3' } : line),
        svgText(text, { x: x + 27, y, 'font-size': 12 }),
      ];
    }),
  ];
  return svgDocument({ width, height, title, description: describe(chart) }, parts);
}

/** The chart for those who cannot see it. */
function describe({ series, x, y }: Chart): string {
  const said = series.map(({ name, points }) => {
    const last = points.at(-1);
    return last === undefined ? `${name}: none` : `${name}: ${round(last.y)} at ${round(last.x)}`;
  });
  return `${y.label} over ${x.label}; the last points: ${said.join('; ')}`;
}

function legend({ series }: Chart) {
  return series
    .map(({ name, points, dashed = false, colour }, i) => ({
      text: name,
      colour: partitionColour(colour ?? i),
      dashed,
      last: points.at(-1)?.y ?? Number.NEGATIVE_INFINITY,
    }))
    .sort((a, b) => b.last - a.last);
}

function plotMarkup({ title, x, y, series, range }: Chart): string {
  const { document } = parseHTML('<html><body></body></html>');
  const marks = series.flatMap((one, i) => seriesMarks(one, partitionColour(one.colour ?? i)));
  const plot = Plot.plot({
    document,
    width: plotWidth,
    height: plotHeight,
    marginLeft: 56,
    marginRight: 24,
    marginBottom: 44,
    style: { fontSize: '12px' },
    x: axis(
      x,
      valuesOf(series, (point) => point.x),
    ),
    y: { ...axis(y, []), grid: true, ...(range && { domain: [...range] }) },
    marks: [Plot.frame({ stroke: '#c8d0d8' }), ...marks],
  });
  // Plot numbers its clips through the process; ours are the same for the same chart.
  return plot.outerHTML.replaceAll(/plot-clip-\d+/g, `clip-${title.replaceAll(/\W+/g, '-')}`);
}

function axis(
  { label, logarithmic = false, integers = false }: ChartAxis,
  values: readonly number[],
): Plot.ScaleOptions {
  const common = { label, labelAnchor: 'center', labelArrow: 'none' } as const;
  if (integers) {
    const tickFormat = (value: number) => (Number.isInteger(value) ? `${value}` : '');
    return { ...common, nice: true, tickFormat };
  }
  if (!logarithmic) return { ...common, nice: true };
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = (high / low) ** 0.08 * 1.02; // not up to powers of ten, which may lie far off
  const tickFormat = low >= 1000 ? '~s' : '~r';
  return { ...common, type: 'log', domain: [low / room, high * room], tickFormat, ticks: 5 };
}

function valuesOf(
  series: readonly ChartSeries[],
  of: (point: ChartPoint) => number,
): readonly number[] {
  return series.flatMap(({ points }) => points.map(of));
}

function seriesMarks(
  { points, marks = 'both', dashed = false, name }: ChartSeries,
  colour: string,
): readonly Plot.Markish[] {
  const at = { x: 'x', y: 'y' } as const;
  const barred = points.filter(({ deviation }) => deviation !== undefined);
  const labelled = points.filter(({ label }) => label !== undefined);
  const dash = dashed ? { strokeDasharray: '4 3' } : {};
  const bar = { x: 'x', stroke: colour, strokeWidth: 1.25, ...dash } as const;
  const low = ({ y, deviation = 0 }: ChartPoint) => y - deviation;
  const high = ({ y, deviation = 0 }: ChartPoint) => y + deviation;
  const title = (point: ChartPoint) => `${name}: ${round(point.y)} at ${round(point.x)}`;
  return [
    Plot.ruleX([...barred], { ...bar, y1: low, y2: high }),
    ...(marks === 'dots'
      ? []
      : [Plot.lineY([...points], { ...at, stroke: colour, clip: true, ...dash })]),
    ...(marks === 'line'
      ? []
      : [
          Plot.dot([...points], {
            ...at,
            title,
            r: 4,
            fill: dashed ? '#ffffff' : colour,
            stroke: colour,
          }),
        ]),
    Plot.text([...labelled], {
      ...at,
      text: 'label',
      dx: 8,
      textAnchor: 'start',
      fill: colour,
      stroke: '#ffffff',
      strokeWidth: 3,
    }),
  ];
}

function round(value: number): string {
  return `${Number(value.toPrecision(5))}`;
}
