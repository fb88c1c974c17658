import { describe, expect, it } from 'vitest';
import { type Chart, chartSvg } from '../../src/draw/chart.ts';
import { readElements } from './svg-reading.ts';

const chart: Chart = {
  title: 'Accuracy <by> width & depth',
  subtitle: 'two networks',
  x: { label: 'parameters', logarithmic: true },
  y: { label: 'accuracy' },
  series: [
    {
      name: 'low',
      points: [
        { x: 1000, y: 10, deviation: 2, label: 'D=8' },
        { x: 100_000, y: 20 },
      ],
    },
    {
      name: 'high "one"',
      dashed: true,
      points: [
        { x: 1000, y: 30 },
        { x: 100_000, y: 40 },
      ],
    },
    {
      name: 'curve',
      marks: 'line',
      points: [
        { x: 1000, y: 5 },
        { x: 10_000, y: 15 },
      ],
    },
    { name: 'alone', marks: 'dots', points: [{ x: 20_000, y: 25 }] },
    { name: 'nothing', points: [] },
  ],
};

const texts = (svg: string) =>
  readElements(svg).flatMap(({ name, text }) => (name === 'text' ? [text] : []));

/** The centres of the dots, by the series and point that their titles tell. */
function dots(svg: string): ReadonlyMap<string, { readonly x: number; readonly y: number }> {
  const found = [...svg.matchAll(/<circle ([^>]*)><title>([^<]*)<\/title>/g)].map(
    ([, attributes, title]) => {
      const number = (name: string) =>
        Number(new RegExp(`${name}="([^"]*)"`).exec(attributes!)![1]);
      return [title!, { x: number('cx'), y: number('cy') }] as const;
    },
  );
  return new Map(found);
}

describe('a chart', () => {
  const svg = chartSvg(chart);

  it('names every series beside the plot, the highest last value first', () => {
    const names = texts(svg).filter((text) =>
      chart.series.some(({ name }) => text.replaceAll('&quot;', '"') === name),
    );
    expect(names.map((name) => name.replaceAll('&quot;', '"'))).toEqual([
      'high "one"',
      'alone',
      'low',
      'curve',
      'nothing',
    ]);
  });

  it('puts points where they belong: equal factors are equal distances on a logarithmic axis', () => {
    const at = dots(svg);
    const point = (title: string) => at.get(title)!;
    const [a, b] = [point('low: 10 at 1000'), point('low: 20 at 100000')];
    const middle = point('alone: 25 at 20000');
    expect((middle.x - a.x) / (b.x - a.x)).toBeCloseTo(Math.log(20) / Math.log(100), 3);
    expect(point('high "one": 30 at 1000').x).toBe(a.x);
    expect((a.y - b.y) / (b.y - point('high "one": 30 at 1000').y)).toBeCloseTo(1, 6);
    expect(at.size).toBe(5); // none of the line
  });

  it('draws bars of twice the deviation', () => {
    const at = dots(svg);
    const unit = (at.get('low: 10 at 1000')!.y - at.get('low: 20 at 100000')!.y) / 10;
    const [, y2, y1] = /aria-label="rule"><line y2="([\d.]+)" y1="([\d.]+)"/.exec(svg)!;
    expect(Math.abs(Number(y1) - Number(y2))).toBeCloseTo(4 * unit, 3);
    expect(texts(svg)).toContain('D=8');
  });

  it('escapes what it says, and says it to those who cannot see', () => {
    expect(svg).toContain('Accuracy &lt;by&gt; width &amp; depth');
    expect(svg).not.toContain('<by>');
    expect(svg).toMatch(/<desc>accuracy over parameters; the last points: low: 20 at 100000; /);
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('is the same for the same data', () => {
    expect(chartSvg(chart)).toBe(svg);
  });

  it('keeps to a range, cutting lines that leave it', () => {
    const line = {
      ...chart.series[2]!,
      points: [
        { x: 1000, y: -50 },
        { x: 10_000, y: 15 },
      ],
    };
    const cut = chartSvg({ ...chart, series: [line], range: [0, 20] });
    expect(cut).toMatch(/clip-path="url\(#clip-[\w-]+\)"/);
    expect(texts(cut)).toContain('20');
    expect(texts(cut)).not.toContain('−50');
  });
});
