import { describe, expect, it } from 'vitest';
import { openDigits } from '../../src/data/readers/digits.ts';
import { parseDigits } from '../../src/data/readers/digits-csv.ts';
import { errorOf, put, temporaryFolder } from './fixtures.ts';

const row = (pixel: string, label: string) => `${`${pixel},`.repeat(64)}${label}\n`;

describe('digits', () => {
  it('holds 1,797 images of 1×8×8, of which a fifth of every class are the test split', async () => {
    const { train, test, classes } = await openDigits();
    expect(classes).toHaveLength(10);
    expect(train).toMatchObject({ channels: 1, height: 8, width: 8, maxValue: 16 });
    expect(train.count + test.count).toBe(1797);
    for (const digit of classes.keys()) {
      const inTest = test.labels.filter((label) => label === digit).length;
      const inTrain = train.labels.filter((label) => label === digit).length;
      expect(inTest).toBe(Math.round((inTest + inTrain) / 5));
    }
  });

  it('has pixels from 0 to 16 and begins with the zero that the file begins with', async () => {
    const { train, test } = await openDigits();
    expect(Math.max(...train.pixels, ...test.pixels)).toBe(16);
    const zero = [0, 0, 5, 13, 9, 1, 0, 0];
    const first = [train, test].find((set) => zero.every((value, x) => set.pixels[x] === value));
    expect(first?.labels[0]).toBe(0);
  });

  it('says when the installed file is missing or damaged', async () => {
    const file = `${await temporaryFolder()}/digits.csv.gz`;
    expect(await errorOf(() => openDigits(file))).toMatchObject({
      kind: 'data',
      message: `digits: ${file} must be readable, got ENOENT`,
    });
    await put(file, 'no gzip');
    expect((await errorOf(() => openDigits(file))).message).toBe(
      'digits: the file of digits must be gzip, got "incorrect header check"; install the package again',
    );
  });

  it.each([
    ['1,2,3\n', 'digits: row 1 must have 64 pixels and a label, got 3 values'],
    [row('1', '10'), 'digits: row 1 must end in a label from 0 to 9, got 10'],
    [row('1', '3') + row('17', '3'), 'digits: row 2 must have whole pixels from 0 to 16, got 17'],
    [row('x', '3'), 'digits: row 1 must have whole pixels from 0 to 16, got NaN'],
  ])('refuses a wrong row %#', async (csv, message) => {
    expect(await errorOf(() => parseDigits(csv))).toMatchObject({ kind: 'data', message });
  });
});
