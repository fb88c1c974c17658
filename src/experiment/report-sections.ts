/** A report as headings, sentences, tables and pictures: the same for Markdown and HTML. */
import type { PaperSection, Report } from './report.ts';
import type { ReportFigure } from './report-figures.ts';
import {
  comparisonTable,
  dataName,
  imagenetTable,
  paperTable,
  type ReportTable,
  runTable,
  settingsTable,
  two,
} from './report-tables.ts';
import type { RunRecord } from './run-record.ts';
import type { Setting } from './settings.ts';

export type ReportPart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'list'; readonly items: readonly string[] }
  | { readonly kind: 'table'; readonly table: ReportTable }
  | { readonly kind: 'figure'; readonly figure: ReportFigure };

export interface ReportSection {
  readonly title: string;
  readonly parts: readonly ReportPart[];
}

/** What the words of the tables mean; said once at the beginning. */
const legend =
  'The result of a run is its last epoch’s test accuracy, in percent; ± is the deviation over seeds (n − 1). The best epoch is shown ' +
  'apart and is no result: unless “validation” is said, it was chosen on test images. “Not run” means that nobody has trained it here, “no result” that its runs have not finished.';

/** All sections of a report. */
export function reportSections(
  report: Report,
  figures: readonly ReportFigure[],
): readonly ReportSection[] {
  const { paper, others, deviations, records, varied, unreadable } = report;
  const pictures = (place: string) =>
    figures
      .filter((figure) => figure.place === place)
      .map((figure): ReportPart => ({ kind: 'figure', figure }));
  return [
    {
      title: '',
      parts: [text(legend), text(countText(records))],
    },
    ...paper.map((section) => paperPart(section, pictures(section.experiment.name))),
    ...(others.length > 0 ? [settingsPart(others, varied, pictures('others'))] : []),
    ...(deviations.length > 0
      ? [{ title: 'Deviations from the protocol', parts: [list(deviations)] }]
      : []),
    ...(unreadable.length > 0
      ? [{ title: 'Left out, since they cannot be read', parts: [list(unreadable)] }]
      : []),
    { title: 'Confusion matrices', parts: pictures('confusion') },
    { title: 'Runs', parts: [table(runTable(records))] },
  ].filter(({ parts }) => parts.length > 0);
}

function paperPart(section: PaperSection, pictures: readonly ReportPart[]): ReportSection {
  const { experiment, comparisons, orders, rows } = section;
  const orderTexts = orders.map(({ data, depth, epochs, ours, papers, same }) => {
    const list = ours.map(({ net, mean, n }) => `${net} ${two(mean)} (n = ${n})`).join(' > ');
    const verdict = same
      ? 'The paper’s order'
      : `Not the paper’s order, which is ${papers.join(' > ')}`;
    return `${dataName(data)}, D = ${depth}, ${epochs} epochs: ${list}. ${verdict}.`;
  });
  return {
    title: experiment.title,
    parts: [
      table(experiment.name === 'table6' ? imagenetTable(rows) : paperTable(section)),
      ...(orderTexts.length > 0 ? [text('Order of the networks:'), list(orderTexts)] : []),
      ...(comparisons.length > 0
        ? [
            text(
              'Is IGC better than the regular convolution? One-sided Welch t-test of the means:',
            ),
            table(comparisonTable(comparisons)),
          ]
        : []),
      ...pictures,
    ],
  };
}

function settingsPart(
  settings: readonly Setting[],
  varied: readonly string[],
  pictures: readonly ReportPart[],
): ReportSection {
  const hasValidation = settings.some(({ validation }) => validation !== undefined);
  const advice = hasValidation
    ? 'Ordered by validation accuracy, on which a choice among them may rest; test accuracies are told, and choose nothing.'
    : 'No images were held out for validation, so nothing here may choose among the settings: --val-split 0.1 holds some out.';
  return {
    title: 'Settings',
    parts: [text(advice), table(settingsTable(settings, varied)), ...pictures],
  };
}

function countText(records: readonly RunRecord[]): string {
  const finished = records.filter(({ status }) => status === 'finished').length;
  return `${finished} of ${records.length} runs are finished.`;
}

function text(said: string): ReportPart {
  return { kind: 'text', text: said };
}

function list(items: readonly string[]): ReportPart {
  return { kind: 'list', items };
}

function table(content: ReportTable): ReportPart {
  return { kind: 'table', table: content };
}
