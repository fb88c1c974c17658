/** Charts of training: the loss over rising learning rates. */
import { chartSvg } from './chart.ts';

/** What a learning-rate range test found. */
export interface RangeTestPicture {
  readonly points: readonly {
    readonly learningRate: number;
    readonly loss: number;
    readonly smoothed: number;
  }[];
  readonly suggestion: number | null;
}

/** The loss over the rate, and the suggested rate. */
export function rangeTestSvg(what: string, { points, suggestion }: RangeTestPicture): string {
  const finite = points.filter(({ smoothed }) => Number.isFinite(smoothed));
  const first = finite[0]!.smoothed;
  const lowest = Math.min(...finite.map(({ smoothed }) => smoothed));
  const highest = first + Math.max(0.5 * (first - lowest), 0.1 * Math.abs(first));
  const curve = (value: (point: (typeof points)[number]) => number) =>
    finite.map((point) => ({ x: point.learningRate, y: Math.min(highest, value(point)) }));
  const nearest = (rate: number) => {
    const distance = (point: (typeof points)[number]) =>
      Math.abs(Math.log(point.learningRate / rate));
    return finite.reduce((a, b) => (distance(b) < distance(a) ? b : a));
  };
  const suggested =
    suggestion === null
      ? []
      : [
          {
            name: `suggestion ${Number(suggestion.toPrecision(2))}`,
            points: [{ x: suggestion, y: nearest(suggestion).smoothed }],
            marks: 'dots' as const,
            colour: 3,
          },
        ];
  return chartSvg({
    title: 'Learning-rate range test',
    subtitle: what,
    x: { label: 'learning rate', logarithmic: true },
    y: { label: 'loss of the step’s batch' },
    range: [Math.min(lowest, ...finite.map(({ loss }) => loss)), highest],
    series: [
      { name: 'loss', points: curve(({ loss }) => loss), marks: 'line', colour: 4 },
      { name: 'smoothed', points: curve(({ smoothed }) => smoothed), marks: 'line', colour: 0 },
      ...suggested,
    ],
  });
}
