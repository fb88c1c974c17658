/** A report as Markdown, its pictures as files beside it. */
import { markdownTable } from '../draw/text-table.ts';
import type { Report } from './report.ts';
import type { ReportPart, ReportSection } from './report-sections.ts';

/** `figures` is the folder of the pictures, from where the file will lie. */
export function reportMarkdown(
  { title, at }: Pick<Report, 'title' | 'at'>,
  sections: readonly ReportSection[],
  figures: string,
): string {
  const lines = sections.flatMap((section) => [
    ...(section.title === '' ? [] : [`## ${section.title}`, '']),
    ...section.parts.flatMap((part) => [...partLines(part, figures), '']),
  ]);
  return [`# ${title}`, '', `Made by igcnet on ${at.slice(0, 10)}.`, '', ...lines].join('\n');
}

function partLines(part: ReportPart, figures: string): readonly string[] {
  switch (part.kind) {
    case 'text':
      return [part.text];
    case 'list':
      return part.items.map((item) => `- ${item}`);
    case 'table': {
      const { heads, rows, right = [] } = part.table;
      return markdownTable(heads, rows, new Set(right));
    }
    case 'figure':
      return [`![${part.figure.caption}](${figures}/${encodeURI(part.figure.name)}.svg)`];
  }
}
