/** Is IGC better than regular convolutions? Networks trained alike, two by two, ours beside what the paper prints. */
import type { PaperCell, PrintedResult } from './paper-experiments.ts';
import { type Setting, settingKey } from './settings.ts';
import { type Sample, type WelchTest, welchTest } from './statistics.ts';

/** A network of the paper that was trained, and how. */
export interface PaperResult {
  readonly cell: PaperCell;
  readonly setting: Setting;
}

/** An IGC network beside a regular one, trained alike. */
export interface Comparison {
  readonly data: string;
  readonly depth: number;
  readonly epochs: number;
  readonly igc: string;
  readonly regular: string;
  readonly igcRuns: number;
  readonly regularRuns: number;
  /** Of the means, percent. */
  readonly difference: number;
  /** Undefined below two runs a side. */
  readonly test: WelchTest | undefined;
  /** The paper's means and deviations, by the same test with its five runs. */
  readonly printed: { readonly difference: number; readonly p: number | undefined } | undefined;
}

/** Every IGC network beside every regular one of the same data, depth and training. */
export function compareResults(results: readonly PaperResult[]): readonly Comparison[] {
  return results.flatMap((igc) =>
    isIgc(igc)
      ? results
          .filter((regular) => isRegular(regular) && isTrainedAlike(igc.setting, regular.setting))
          .flatMap((regular) => compareTwo(igc, regular))
      : [],
  );
}

/** Networks trained alike, ordered by our means, and whether the paper's means have the same order. */
export interface Order {
  readonly data: string;
  readonly depth: number;
  readonly epochs: number;
  /** Best first. */
  readonly ours: readonly { readonly net: string; readonly mean: number; readonly n: number }[];
  readonly papers: readonly string[];
  readonly same: boolean;
}

/** The order of networks, wherever at least two were trained alike and the paper prints them. */
export function orderResults(results: readonly PaperResult[]): readonly Order[] {
  const rest = results.filter(({ cell, setting }) => cell.printed !== null && setting.last);
  const orders: Order[] = [];
  const left = new Set(rest);
  for (const first of rest) {
    if (!left.has(first)) continue;
    const alike = rest.filter((other) => isTrainedAlike(first.setting, other.setting));
    for (const one of alike) left.delete(one);
    if (alike.length > 1) orders.push(orderOf(alike));
  }
  return orders;
}

function orderOf(alike: readonly PaperResult[]): Order {
  const { data, depth, epochs } = alike[0]!.setting;
  const ours = alike
    .map(({ setting }) => ({ net: setting.net, mean: setting.last!.mean, n: setting.last!.n }))
    .sort((a, b) => b.mean - a.mean);
  const papers = [...alike]
    .sort((a, b) => b.cell.printed!.accuracy - a.cell.printed!.accuracy)
    .map(({ setting }) => setting.net);
  const same = papers.every((net, i) => net === ours[i]!.net);
  return { data, depth, epochs, ours, papers, same };
}

function compareTwo(igc: PaperResult, regular: PaperResult): readonly Comparison[] {
  const [a, b] = [igc.setting.last, regular.setting.last];
  if (a === undefined || b === undefined) return [];
  const { data, depth, epochs } = igc.setting;
  return [
    {
      ...{ data, depth, epochs },
      igc: igc.setting.net,
      regular: regular.setting.net,
      igcRuns: a.n,
      regularRuns: b.n,
      difference: a.mean - b.mean,
      test: welchTest(a, b),
      printed: comparePrinted(igc.cell.printed, regular.cell.printed),
    },
  ];
}

function comparePrinted(a: PrintedResult | null, b: PrintedResult | null): Comparison['printed'] {
  if (a === null || b === null) return undefined;
  const test = welchTest(printedSample(a), printedSample(b));
  return { difference: a.accuracy - b.accuracy, p: test?.p };
}

/** @source paper §5.1: "five runs" */
function printedSample({ accuracy, deviation }: PrintedResult): Sample {
  return { n: 5, mean: accuracy, deviation: deviation ?? null };
}

function isTrainedAlike(a: Setting, b: Setting): boolean {
  return withoutNetwork(a) === withoutNetwork(b);
}

/** Batch norm's old weight follows from whether the network has identity connections, as its depth does from its kind. */
function withoutNetwork({ config, depth }: Setting): string {
  return `${depth} ${settingKey({ ...config, net: '', double: null })}`;
}

function isIgc({ setting }: PaperResult): boolean {
  return setting.net.startsWith('IGC-');
}

function isRegular({ setting }: PaperResult): boolean {
  return setting.net.startsWith('RegConv-');
}
