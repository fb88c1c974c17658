/**
 * Tables as plain text: columns as wide as their widest cell, two spaces apart. No colours and no borders, so
 * that they can be read, diffed and cut by other tools alike.
 */

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/** Lines of a table, its header first and a rule under it; no line ends in blanks. */
export function textTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): readonly string[] {
  const widths = columns.map((column, i) =>
    Math.max(displayWidth(column.title), ...rows.map((row) => displayWidth(row[i] ?? ''))),
  );
  const line = (cells: readonly string[]) =>
    columns
      .map((column, i) => pad(cells[i] ?? '', widths[i]!, column.align ?? 'left'))
      .join('  ')
      .trimEnd();
  return [
    line(columns.map((column) => column.title)),
    line(widths.map((width) => '─'.repeat(width))),
    ...rows.map(line),
  ];
}

/**
 * Lines of a Markdown table, every column but the last as wide as its widest cell; columns in `right` are aligned to the
 * right.
 */
export function markdownTable(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  right: ReadonlySet<number> = new Set(),
): readonly string[] {
  const escaped = [heads, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const last = heads.length - 1;
  const widths = heads.map((_, i) =>
    i === last ? 0 : Math.max(...escaped.map((row) => displayWidth(row[i]!))),
  );
  const align = (i: number) => (right.has(i) ? 'right' : 'left');
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => pad(cell, widths[i]!, align(i))).join(' | ')} |`;
  const rule = widths.map((width, i) => {
    const dashes = '-'.repeat(Math.max(3, width + 2));
    return right.has(i) ? `${dashes.slice(1)}:` : dashes;
  });
  return [line(escaped[0]!), `|${rule.join('|')}|`, ...escaped.slice(1).map(line)];
}

/** 1234567 as `1,234,567`. */
export function formatCount(value: number): string {
  return value.toLocaleString('en-US');
}

/** Bytes with a binary unit and three significant digits: `1.53 MiB`. */
export function formatBytes(sizeBytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = sizeBytes;
  let unit = 0;
  while (value >= 1024 && unit + 1 < units.length) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

function pad(text: string, width: number, align: 'left' | 'right'): string {
  const blanks = ' '.repeat(Math.max(0, width - displayWidth(text)));
  return align === 'right' ? blanks + text : text + blanks;
}

/** Columns that a terminal gives a text: East Asian wide characters and emoji take two, marks none. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text.normalize('NFC')) {
    if (/\p{M}|\p{Cf}/u.test(character)) continue;
    width +=
      /\p{Extended_Pictographic}|[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/u.test(
        character,
      )
        ? 2
        : 1;
  }
  return width;
}
