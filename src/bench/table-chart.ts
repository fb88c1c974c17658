/** The table of `npm run bench` as a picture: how many times as fast we are as each row's fastest peer. */
import { faint, paper, rule } from '../draw/palette.ts';
import { svgDocument, svgElement, svgText } from '../draw/svg.ts';
import { bestOf, type RowResult, type TableReport } from './table.ts';
import { peerText, significant } from './words.ts';

const reachedColour = '#0072b2';
const missedColour = '#d55e00';

const labelWidth = 390;
const plotWidth = 380;
const noteWidth = 330;
const rowHeight = 26;
const top = 96;

/** One bar. */
interface Bar {
  readonly label: string;
  readonly ratio: number;
  readonly peer: string;
  /** Ratios that the peer's goals ask for. */
  readonly goals: readonly number[];
  readonly reached: boolean;
}

/** A bar for every row with a peer, on a logarithmic scale; the figures are those of the Markdown table. */
export function tableChart(report: TableReport): string {
  const bars = report.rows.flatMap(barOf);
  const largest = Math.max(2, ...bars.flatMap(({ ratio, goals }) => [ratio, ...goals]));
  const smallest = Math.min(1, ...bars.map(({ ratio }) => ratio));
  const low = Math.log10(smallest) - 0.15;
  const high = Math.log10(largest) + 0.1;
  const x = (ratio: number) => labelWidth + (plotWidth * (Math.log10(ratio) - low)) / (high - low);
  const height = top + bars.length * rowHeight + 40;
  const width = labelWidth + plotWidth + noteWidth;
  const { machine, threads, rounds, date } = report;
  const title = 'igcnet beside the fastest other engine: times as fast';
  const subtitle = `${machine}, ${threads} threads, medians of ${rounds} interleaved rounds, ${date.slice(0, 10)}; logarithmic scale`;
  const parts = [
    svgText(title, { x: 16, y: 30, 'font-size': 18, 'font-weight': 600 }),
    svgText(subtitle, { x: 16, y: 52, 'font-size': 12, fill: faint }),
    legend(),
    ...chooseTicks(low, high, x).flatMap((tick) => tickParts(tick, x(tick), height)),
    ...bars.flatMap((bar, i) => barParts(bar, top + i * rowHeight, x)),
  ];
  const description = bars
    .map(({ label, ratio, peer }) => `${label}: ${significant(ratio)} times ${peer}`)
    .join('; ');
  return svgDocument({ width, height, title, description }, parts);
}

function barOf(row: RowResult): readonly Bar[] {
  if (row.kind !== 'step') return [];
  const comparison = row.report[row.work]!;
  const best = bestOf(comparison);
  if (!best) return [];
  const [peer] = best.who.split('/');
  const goals = row.goals.flatMap(({ goal }) =>
    goal.figure === 'ratio' && goal.peer === peer ? [goal.atLeast] : [],
  );
  const reached = row.goals.every((goal) => goal.reached !== false);
  const ratio = comparison.ours / best.rate;
  return [{ label: row.title, ratio, peer: peerText(best.who), goals, reached }];
}

function legend(): string {
  const y = 74;
  const square = (at: number, fill: string) =>
    svgElement('rect', { x: at, y: y - 10, width: 12, height: 12, fill });
  const word = (at: number, text: string) => svgText(text, { x: at, y, 'font-size': 12 });
  return [
    square(16, reachedColour),
    word(34, 'all goals of the row reached'),
    square(220, missedColour),
    word(238, 'not all'),
    svgElement('rect', { x: 306, y: y - 12, width: 3, height: 16, fill: 'currentColor' }),
    word(316, 'goal against that peer'),
  ].join('');
}

/** Powers of ten first, then what finds room between them. */
function chooseTicks(low: number, high: number, x: (ratio: number) => number): readonly number[] {
  const room = 36;
  const candidates = [1, 10, 0.1, 100, 1000, 0.01, 2, 5, 0.5, 0.2, 20, 50, 200, 500];
  const chosen: number[] = [];
  for (const tick of candidates) {
    if (Math.log10(tick) < low || Math.log10(tick) > high) continue;
    if (chosen.every((other) => Math.abs(x(other) - x(tick)) >= room)) chosen.push(tick);
  }
  return chosen;
}

function tickParts(tick: number, x: number, height: number): readonly string[] {
  const line = {
    x1: x,
    x2: x,
    y1: top - 6,
    y2: height - 32,
    stroke: rule,
    'stroke-width': tick === 1 ? 1.5 : 0.5,
  };
  const place = { x, y: height - 14, 'font-size': 12, 'text-anchor': 'middle', fill: faint };
  return [svgElement('line', line), svgText(`${tick}×`, place)];
}

function barParts(bar: Bar, y: number, x: (ratio: number) => number): readonly string[] {
  const middle = y + rowHeight / 2 + 4;
  const [from, to] = [Math.min(x(1), x(bar.ratio)), Math.max(x(1), x(bar.ratio))];
  const fill = bar.reached ? reachedColour : missedColour;
  const mark = bar.reached ? '✓' : '✗';
  return [
    svgText(bar.label, { x: labelWidth - 14, y: middle, 'font-size': 12, 'text-anchor': 'end' }),
    svgElement('rect', { x: from, y: y + 5, width: Math.max(1, to - from), height: 16, fill }),
    ...bar.goals.map((goal) =>
      svgElement('rect', {
        x: x(goal) - 1.5,
        y: y + 2,
        width: 3,
        height: 22,
        fill: 'currentColor',
        stroke: paper,
      }),
    ),
    svgText(`${significant(bar.ratio)}× ${mark}  ${bar.peer}`, {
      x: labelWidth + plotWidth + 10,
      y: middle,
      'font-size': 12,
    }),
  ];
}
