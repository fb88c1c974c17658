/** A report as one HTML page that needs nothing else: its pictures are in it, and it has no scripts. */
import { escapeXml } from '../draw/svg.ts';
import type { Report } from './report.ts';
import type { ReportPart, ReportSection } from './report-sections.ts';
import type { ReportTable } from './report-tables.ts';

const style = `
  :root { color-scheme: light; }
  body { margin: 0 auto; padding: 2rem 1.5rem 4rem; max-width: 76rem; color: #1f2933; background: #fff;
    font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; }
  h1 { font-size: 1.7rem; margin: 0 0 .25rem; }
  h2 { font-size: 1.25rem; margin: 2.5rem 0 .75rem; border-bottom: 1px solid #d5dce3; padding-bottom: .25rem; }
  p { max-width: 60rem; }
  .made { color: #5a6672; margin-top: 0; }
  .table { overflow-x: auto; margin: 1rem 0; }
  table { border-collapse: collapse; font-size: .9rem; }
  th { text-align: left; font-weight: 600; border-bottom: 2px solid #9aa5b1; vertical-align: bottom; }
  th, td { padding: .3rem .7rem; }
  td { border-bottom: 1px solid #e3e8ed; font-variant-numeric: tabular-nums; }
  .right { text-align: right; }
  tbody tr.ours td { background: #eef5fb; }
  tbody tr:not(.ours) td { color: #5a6672; }
  table.plain tbody tr td { color: inherit; }
  .figures { display: flex; flex-wrap: wrap; gap: 1rem; }
  figure { margin: 0; border: 1px solid #e3e8ed; flex: 1 1 34rem; max-width: 54rem; }
  figure svg { display: block; max-width: 100%; height: auto; margin: 0 auto; }
  li { margin: .2rem 0; }
  @media print { body { max-width: none; padding: 0; } figure { break-inside: avoid; } }
`;

export function reportHtml(
  { title, at }: Pick<Report, 'title' | 'at'>,
  sections: readonly ReportSection[],
): string {
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escapeXml(title)}</title>`,
    `<style>${style}</style>`,
    '</head>',
    '<body>',
    `<h1>${escapeXml(title)}</h1>`,
    `<p class="made">Made by igcnet on ${at.slice(0, 10)}.</p>`,
    ...sections.flatMap(sectionLines),
    '</body>',
    '</html>',
    '',
  ].join('\n');
}

function sectionLines({ title, parts }: ReportSection): readonly string[] {
  const heading = title === '' ? [] : [`<h2>${escapeXml(title)}</h2>`];
  const figures = parts.flatMap((part) => (part.kind === 'figure' ? [part.figure] : []));
  const rest = parts.filter((part) => part.kind !== 'figure');
  const shown = figures.map(({ svg }) => `<figure>${svg.trim()}</figure>`);
  return [
    '<section>',
    ...heading,
    ...rest.map(partText),
    ...(shown.length > 0 ? ['<div class="figures">', ...shown, '</div>'] : []),
    '</section>',
  ];
}

function partText(part: Exclude<ReportPart, { kind: 'figure' }>): string {
  switch (part.kind) {
    case 'text':
      return `<p>${escapeXml(part.text)}</p>`;
    case 'list':
      return `<ul>\n${part.items.map((item) => `<li>${escapeXml(item)}</li>`).join('\n')}\n</ul>`;
    case 'table':
      return tableText(part.table);
  }
}

function tableText({ heads, rows, right = [], strong }: ReportTable): string {
  const cell = (name: 'th' | 'td') => (text: string, i: number) =>
    `<${name}${right.includes(i) ? ' class="right"' : ''}>${escapeXml(text)}</${name}>`;
  const body = rows.map((row, i) => {
    const mark = strong?.has(i) ? ' class="ours"' : '';
    return `<tr${mark}>${row.map(cell('td')).join('')}</tr>`;
  });
  const plain = strong === undefined ? ' class="plain"' : '';
  const head = `<thead><tr>${heads.map(cell('th')).join('')}</tr></thead>`;
  return `<div class="table"><table${plain}>${head}\n<tbody>\n${body.join('\n')}\n</tbody></table></div>`;
}
