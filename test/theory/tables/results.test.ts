import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { makeReport } from '../../../src/experiment/report.ts';
import { writeReport } from '../../../src/experiment/write-report.ts';
import { paperTable } from '../../../src/theory/tables/paper-table.ts';
import { type RecordedResult, results } from '../../../src/theory/tables/results.ts';

const all: readonly RecordedResult[] = results;
const root = fileURLToPath(new URL('../../../', import.meta.url));

describe('recorded results', () => {
  it('are what the records say (node scripts/collect-results.mjs)', async () => {
    const { collectResults } = await import('../../../scripts/collect-results.mjs');
    expect(all).toEqual(collectResults());
  });

  it('are told in the report beside the records', async () => {
    const out = mkdtempSync(path.join(tmpdir(), 'igcnet-report-'));
    onTestFinished(() => rmSync(out, { recursive: true, force: true }));
    await writeReport(out, makeReport(path.join(root, 'records')));
    const read = (folder: string) =>
      readFileSync(path.join(folder, 'report.md'), 'utf8').replace(/^Made by .*$/m, '');
    expect(read(path.join(root, 'records', 'report'))).toBe(read(out));
  });

  it('stand in the cells of their tables, with their records, if of all the epochs; else in the notes', () => {
    for (const { experiment, data, net, depth, epochs, mean, records } of all) {
      if (experiment !== 'table4') continue;
      const row = `${data === 'cifar10' ? 'CIFAR-10' : 'CIFAR-100'} D=${depth}`;
      const cell = paperTable('4').cells.find((one) => one.row === row && one.column === net)!;
      const figure = mean.toFixed(2);
      expect(cell.note).toContain(`${figure}`);
      expect(cell.note).toContain(`after ${epochs} epochs (seed`);
      if (epochs !== 400) continue;
      expect(cell.match).toBe('trained');
      expect(cell.ours).toContain(figure);
      for (const record of records) expect(cell.note).toContain(`records/${record}`);
    }
    expect(all.length).toBeGreaterThan(0);
  });
});
