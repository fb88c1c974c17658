/** The pictures of a report: learning curves, accuracy against cost, figure 3, confusion matrices. */

import { type ChartPoint, type ChartSeries, chartSvg } from '../draw/chart.ts';
import { confusionSvg } from '../draw/confusion.ts';
import type { MetricsRow } from '../train/events.ts';
import type { PaperRow, PaperSection, Report } from './report.ts';
import { dataName } from './report-tables.ts';
import { lastEvaluation } from './run-record.ts';
import { choicesText, epochsText, type Setting } from './settings.ts';

/** A picture, and where it belongs: the name of an experiment, `others`, or `confusion`. */
export interface ReportFigure {
  readonly place: string;
  /** Of its file, without `.svg`. */
  readonly name: string;
  readonly caption: string;
  readonly svg: string;
}

/** What a picture can hold and still be read at a glance. */
const mostSeries = 12;

export function reportFigures({ paper, others }: Report): readonly ReportFigure[] {
  return [
    ...paper.flatMap((section) => [
      ...(section.experiment.name === 'fig3' ? figure3(section) : costFigures(section)),
      ...curveFigures(section.experiment.name, settingsOf(section), netsOf(section.rows)),
      ...confusionFigures(settingsOf(section)),
    ]),
    ...curveFigures('others', others),
    ...confusionFigures(others),
  ];
}

function netsOf(rows: readonly PaperRow[]): readonly string[] {
  return [...new Set(rows.map(({ cell }) => cell.net))];
}

function settingsOf({ rows }: PaperSection): readonly Setting[] {
  return rows.flatMap(({ setting }) => setting ?? []);
}

/** Accuracy over parameters and over MACs, a line a network through its depths; the paper's dashed. */
function costFigures({ experiment, rows }: PaperSection): readonly ReportFigure[] {
  const measures = [
    { key: 'params', label: 'parameters' },
    { key: 'macs', label: 'multiply-adds an image' },
  ] as const;
  return groupBy(rows, ({ cell }) => cell.data).flatMap(([data, ofData]) => {
    if (!ofData.some(({ setting }) => setting?.last)) return [];
    return measures.map(({ key, label }): ReportFigure => {
      const title = `${dataName(data)}: accuracy against ${label}`;
      const svg = chartSvg({
        title,
        subtitle: 'last epochs, mean and deviation over seeds; dashed and hollow: the paper’s',
        x: { label, logarithmic: true },
        y: { label: 'test accuracy, percent' },
        series: costSeries(ofData, key),
      });
      const name = `${experiment.name}-${data}-${key}`;
      return { place: experiment.name, name, caption: title, svg };
    });
  });
}

function costSeries(rows: readonly PaperRow[], key: 'params' | 'macs'): readonly ChartSeries[] {
  const nets = netsOf(rows);
  const trained = rows.flatMap(({ cell, setting, deviations }) =>
    setting?.last && setting.cost
      ? [
          {
            cell,
            setting,
            last: setting.last,
            cost: setting.cost,
            way: wayText(setting, deviations),
          },
        ]
      : [],
  );
  const ours = groupBy(trained, ({ setting, way }) => `${setting.net}, ${way}`).map(
    ([name, some]): ChartSeries => ({
      name,
      colour: nets.indexOf(some[0]!.setting.net),
      points: byX(
        some.map(({ setting, last, cost }) => ({
          x: cost[key],
          y: last.mean,
          deviation: last.deviation ?? undefined,
          label: `D=${setting.depth}`,
        })),
      ),
    }),
  );
  const theirs = groupBy(trained, ({ setting }) => setting.net).map(([net, some]): ChartSeries => {
    const points = some.flatMap(({ cell, cost }): ChartPoint[] => {
      if (cell.printed === null) return [];
      const { accuracy, deviation } = cell.printed;
      return [{ x: cost[key], y: accuracy, deviation }];
    });
    return { name: `${net}, paper`, dashed: true, colour: nets.indexOf(net), points: byX(points) };
  });
  return [...ours, ...theirs.filter(({ points }) => points.length > 0)];
}

/** How a cell was trained, where that may differ: `40 epochs, otherwise: ema is …`. */
function wayText({ epochs }: Setting, deviations: readonly string[]): string {
  const otherwise = deviations.length > 0 ? `, ${deviations.join(', ')}` : '';
  return `${epochs} epochs${otherwise}`;
}

/** @source paper figure 3: accuracy over L, (a) for case i and (b) for case ii */
function figure3({ experiment, rows }: PaperSection): readonly ReportFigure[] {
  const trained = rows.flatMap(({ cell, setting, deviations }) =>
    setting?.last ? [{ cell, setting, last: setting.last, way: wayText(setting, deviations) }] : [],
  );
  if (trained.length === 0) return [];
  const place = experiment.name;
  return groupBy(trained, ({ cell }) => cell.group ?? '').map(([group, some]) => {
    const pointsOf = (of: typeof some): readonly ChartPoint[] =>
      byX(
        of.map(({ cell, last }) => {
          const [, L, M] = /L(\d+)M(\d+)/.exec(cell.net)!;
          return {
            x: Number(L),
            y: last.mean,
            deviation: last.deviation ?? undefined,
            label: `M=${M}`,
          };
        }),
      );
    const ours = groupBy(some, ({ way }) => way).map(
      ([name, of]): ChartSeries => ({ name, points: pointsOf(of), colour: 0 }),
    );
    const quoted = rows.flatMap(({ cell }): ChartPoint[] => {
      if (cell.group !== group || cell.printed === null) return [];
      return [{ x: Number(/L(\d+)/.exec(cell.net)![1]), y: cell.printed.accuracy }];
    });
    const theirs: ChartSeries = {
      name: 'quoted in the paper, 400 epochs',
      points: byX(quoted.filter(({ x }, i) => quoted.findIndex((other) => other.x === x) === i)),
      marks: 'dots',
      dashed: true,
      colour: 3,
    };
    const budget = group === 'i' ? '4,672' : '17,536';
    const title = `Figure 3 (${group === 'i' ? 'a' : 'b'}): accuracy over L, blocks of about ${budget} parameters`;
    const svg = chartSvg({
      title,
      subtitle: 'CIFAR-100, eight layers; last epochs, mean and deviation over seeds',
      x: { label: 'L, number of primary partitions', logarithmic: true },
      y: { label: 'test accuracy, percent' },
      series: [...ours, ...(quoted.length > 0 ? [theirs] : [])],
    });
    return { place, name: `fig3-${group}`, caption: title, svg };
  });
}

/**
 * Test and training accuracy over the epochs, means over seeds; a picture for each data set, depth and length.
 * `nets` are those of the whole experiment, which keep their colours from picture to picture.
 */
function curveFigures(
  place: string,
  settings: readonly Setting[],
  nets: readonly string[] = [],
): readonly ReportFigure[] {
  const measures = [
    { key: 'testAccuracy', label: 'test accuracy', of: 'of the network after each epoch' },
    { key: 'trainAccuracy', label: 'training accuracy', of: 'of batches as they were trained on' },
  ] as const;
  const shown = settings.filter(({ records }) => records.some(({ rows }) => rows.length > 1));
  const groups = groupBy(shown, ({ data, depth, epochs }) => `${data}-D${depth}-${epochs}epochs`);
  return groups.flatMap(([group, all]) =>
    measures.map(({ key, label, of }): ReportFigure => {
      const some = all.slice(0, mostSeries);
      const [{ data, depth, epochs }] = some as [Setting];
      const title = `${dataName(data)}, D = ${depth}: ${label} over ${epochs} epochs`;
      const series = some.map((setting, i) => {
        const isOne = some.filter(({ net }) => net === setting.net).length === 1;
        const colour = isOne && nets.length > 0 ? nets.indexOf(setting.net) : i;
        return curve(setting, key, nameAmong(setting, some), colour);
      });
      const left = all.length - some.length;
      const more = left > 0 ? `; ${left} settings are left out` : '';
      const svg = chartSvg({
        title,
        subtitle: `${of}, means over finished runs${more}`,
        x: { label: 'epoch', integers: true },
        y: { label: `${label}, percent` },
        range: visibleRange(series),
        series,
      });
      return { place, name: `${place}-${group}-${key}`, caption: title, svg };
    }),
  );
}

type Measure = 'testAccuracy' | 'trainAccuracy';

function curve({ records }: Setting, key: Measure, name: string, colour: number): ChartSeries {
  // A mean over other seeds from epoch to epoch would jump: of the finished runs, or of the one that came furthest.
  const finished = records.filter(({ status }) => status === 'finished');
  const [furthest] = [...records].sort((a, b) => b.rows.length - a.rows.length);
  const rows = (finished.length > 0 ? finished : [furthest!]).flatMap((record) => record.rows);
  const points = groupBy(rows, ({ epoch }: MetricsRow) => `${epoch}`).flatMap(([epoch, some]) => {
    const values = some.flatMap((row) => row[key] ?? []);
    if (values.length === 0) return [];
    return [{ x: Number(epoch), y: values.reduce((sum, value) => sum + value, 0) / values.length }];
  });
  return { name, points: byX(points), marks: 'line', colour };
}

/** The network, and what tells the setting from others of it. */
function nameAmong(setting: Setting, all: readonly Setting[]): string {
  const choices = choicesText(setting, all);
  return choices === '' ? setting.net : `${setting.net}, ${choices}`;
}

/** Without the first epochs' low values, which would press the rest together. */
function visibleRange(series: readonly ChartSeries[]): readonly [number, number] {
  const values = series.flatMap(({ points }) => points.map(({ y }) => y)).sort((a, b) => a - b);
  const low = values[Math.floor(values.length * 0.06)] ?? 0;
  return [Math.floor(low), Math.min(100, Math.ceil(values.at(-1) ?? 100))];
}

/** The sums over a setting's finished runs. */
function confusionFigures(settings: readonly Setting[]): readonly ReportFigure[] {
  const names = new Map<string, number>();
  return settings.flatMap((setting): ReportFigure[] => {
    const { depth, data, net, records } = setting;
    const kept = records.flatMap((record) => lastEvaluation(record, 'test') ?? []);
    const [first] = kept;
    if (first === undefined) return [];
    const { classes } = first;
    const counts = classes.map((_, i) =>
      classes.map((__, j) => kept.reduce((sum, { confusion }) => sum + confusion[i]![j]!, 0)),
    );
    const title = `${nameAmong(setting, settings)}, D=${depth} on ${dataName(data)}`;
    const runs = kept.length === 1 ? 'one run' : `${kept.length} runs`;
    const epochs = `${epochsText(setting)} epochs`;
    const subtitle = `test images of ${runs} after ${epochs}`;
    const base = `confusion-${net}-D${depth}-${data}-${setting.epochs}epochs`;
    const known = (names.get(base) ?? 0) + 1;
    names.set(base, known);
    const name = `${base}${known > 1 ? `-${known}` : ''}`.replaceAll(/[^\w.+-]/g, '_');
    const svg = confusionSvg({ classes, counts, title, subtitle });
    return [{ place: 'confusion', name, caption: `${title}, ${epochs}`, svg }];
  });
}

function byX(points: readonly ChartPoint[]): readonly ChartPoint[] {
  return [...points].sort((a, b) => a.x - b.x);
}

function groupBy<T>(items: readonly T[], key: (item: T) => string): readonly [string, T[]][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group) group.push(item);
    else groups.set(key(item), [item]);
  }
  return [...groups];
}
