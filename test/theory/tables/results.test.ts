import { describe, expect, it } from 'vitest';
import { paperTable } from '../../../src/theory/tables/paper-table.ts';
import { type RecordedResult, results } from '../../../src/theory/tables/results.ts';

const all: readonly RecordedResult[] = results;

describe('recorded results', () => {
  it('are what the records say (node scripts/collect-results.mjs)', async () => {
    const { collectResults } = await import('../../../scripts/collect-results.mjs');
    expect(all).toEqual(collectResults());
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
