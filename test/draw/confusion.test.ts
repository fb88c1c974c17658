import { describe, expect, it } from 'vitest';
import { confusionCsv, confusionSvg } from '../../src/draw/confusion.ts';
import { escapeXml } from '../../src/draw/svg.ts';
import { formatBytes, textTable } from '../../src/draw/text-table.ts';

const words = { title: 'a title', subtitle: 'a subtitle' };

/** A matrix of n classes, 10 images each, one of them wrong. */
function matrix(n: number) {
  const classes = Array.from({ length: n }, (_, i) => `class ${i}`);
  const counts = classes.map((_, i) =>
    classes.map((_, j) => (i === j ? 9 : j === (i + 1) % n ? 1 : 0)),
  );
  return { classes, counts };
}

describe('confusionSvg', () => {
  it.each([2, 10, 18, 100, 400])('draws every cell of %d classes that is not empty', (n) => {
    const svg = confusionSvg({ ...words, ...matrix(n) });
    expect(svg.match(/<title>/g)).toHaveLength(2 * n);
    expect(svg).toContain(`class ${n - 1} taken for class 0: 1 of 10 (10.0%)`);
  });

  it('numbers the cells of few classes, and names every row of a hundred at most once', () => {
    expect(confusionSvg({ ...words, ...matrix(10) })).toMatch(/>9<\/text>/);
    const many = confusionSvg({ ...words, ...matrix(100) });
    expect(many).not.toMatch(/>9<\/text>/);
    expect(many.match(/>class 0<\/text>/g)).toHaveLength(2); // a row and a column
  });

  it('stays within the width of a screen for many classes', () => {
    for (const n of [2, 30, 100, 300]) {
      const width = Number(/ width="([\d.]+)"/.exec(confusionSvg({ ...words, ...matrix(n) }))![1]);
      expect(width).toBeLessThan(1400);
    }
  });

  it('escapes names and shortens long ones', () => {
    const classes = ['<b>&"', `${'x'.repeat(40)}yellow`];
    const svg = confusionSvg({
      ...words,
      classes,
      counts: [
        [1, 0],
        [0, 1],
      ],
    });
    expect(svg).toContain('&lt;b&gt;&amp;&quot;');
    expect(svg).toContain(`>${'x'.repeat(14)}…xyellow</text>`);
  });

  it('leaves a class without images blank', () => {
    expect(
      confusionSvg({
        ...words,
        classes: ['a', 'b'],
        counts: [
          [2, 0],
          [0, 0],
        ],
      }),
    ).not.toMatch(/NaN/);
  });
});

describe('confusionCsv', () => {
  it('quotes what needs it', () => {
    expect(
      confusionCsv({
        classes: ['a,b', 'c"d'],
        counts: [
          [1, 2],
          [3, 4],
        ],
      }),
    ).toBe('true \\ said,"a,b","c""d"\n"a,b",1,2\n"c""d",3,4\n');
  });
});

describe('escapeXml', () => {
  it('replaces what XML cannot hold', () => {
    expect(escapeXml('a\u0000b\ud800c')).toBe('a\ufffdb\ufffdc');
  });
});

describe('textTable', () => {
  it('aligns columns, wide characters included', () => {
    const columns = [{ title: 'name' }, { title: 'n', align: 'right' as const }];
    expect(
      textTable(columns, [
        ['猫猫猫', '1'],
        ['é', '23'],
      ]),
    ).toEqual(['name     n', '──────  ──', '猫猫猫   1', 'é       23']);
  });

  it('says bytes with three digits', () => {
    expect([0, 1023, 1024, 1536, 10 * 2 ** 20, 200 * 2 ** 30].map(formatBytes)).toEqual([
      '0 bytes',
      '1023 bytes',
      '1.00 KiB',
      '1.50 KiB',
      '10.0 MiB',
      '200 GiB',
    ]);
  });
});
