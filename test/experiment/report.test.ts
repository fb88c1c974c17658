import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseHTML } from 'linkedom';
import { describe, expect, it } from 'vitest';
import { addToExperiment } from '../../src/experiment/experiment-folder.ts';
import { planPaper } from '../../src/experiment/plan-paper.ts';
import { makeReport, type Report } from '../../src/experiment/report.ts';
import { writeReport } from '../../src/experiment/write-report.ts';
import { temporaryFolder } from '../train/small-run.ts';
import { type MadeUpRun, writeMadeUpRun } from './made-up-runs.ts';

const at = new Date('2026-01-02T03:04:05Z');

/** Runs of Table 4 at depth 8 on CIFAR-10, in a tenth of the epochs: accuracies by network, one a seed. */
function tenth(accuracies: Readonly<Record<string, readonly number[]>>): readonly MadeUpRun[] {
  return Object.entries(accuracies).flatMap(([net, last]) =>
    last.map((accuracy, seed) => ({
      overrides: { net, depth: 8, data: { name: 'cifar10' as const }, seed, epochs: 40 },
      accuracies: Array.from(
        { length: 40 },
        (_, i) => accuracy - (39 - i) * 0.5 + (i === 38 ? 1 : 0),
      ),
    })),
  );
}

function reportOn(runs: readonly MadeUpRun[]): {
  readonly report: Report;
  readonly folder: string;
} {
  const folder = temporaryFolder();
  for (const run of runs) writeMadeUpRun(folder, run);
  return { report: makeReport(folder, at), folder };
}

async function written(runs: readonly MadeUpRun[]) {
  const { report, folder } = reportOn(runs);
  const files = await writeReport(path.join(folder, 'report'), report);
  const read = (name: string) => readFileSync(path.join(folder, 'report', name), 'utf8');
  return { files, read };
}

/** Cells of the first Markdown table whose rows begin with these. */
function rowsOf(markdown: string, ...begin: readonly string[]): readonly (readonly string[])[] {
  return markdown
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
    .filter((cells) => begin.every((text, i) => cells[i] === text));
}

const sample = tenth({
  'IGC-L24M2': [87.4, 87.6],
  'RegConv-W16': [86.2, 86.4],
  'RegConv-W18': [87.5],
  SumFusion: [80],
});

describe('a report on runs of the paper’s networks', () => {
  it('has the last epochs’ mean and deviation beside the paper’s, with n, seeds, epochs and difference', async () => {
    const markdown = (await written(sample)).read('report.md');
    expect(rowsOf(markdown, 'CIFAR-10', '8', 'IGC-L24M2')[0]).toEqual([
      ...['CIFAR-10', '8', 'IGC-L24M2', '90.31 ± 0.39', '87.50 ± 0.14', '−2.81', '2', '0, 1', '40'],
      ...['88.00 ± 0.14', ''],
    ]);
    expect(rowsOf(markdown, 'CIFAR-10', '8', 'RegConv-W18')[0]?.slice(3, 9)).toEqual([
      ...['90.30 ± 0.25', '87.50', '−2.80', '1', '0', '40'],
    ]);
    expect(rowsOf(markdown, 'CIFAR-10', '20', 'IGC-L24M2')[0]?.slice(3, 6)).toEqual([
      '92.84 ± 0.26',
      'not run',
      '',
    ]);
    // CIFAR-100 is not spoken of: nothing of it was asked for.
    expect(markdown).not.toContain('CIFAR-100');
  });

  it('tests whether IGC is better, or says that n is too small', async () => {
    const { comparisons } = reportOn(sample).report.paper[0]!;
    const [w16, w18] = comparisons;
    // scipy.stats.ttest_ind([87.4, 87.6], [86.2, 86.4], equal_var=False, alternative='greater')
    expect(w16).toMatchObject({
      igc: 'IGC-L24M2',
      regular: 'RegConv-W16',
      igcRuns: 2,
      regularRuns: 2,
    });
    expect(w16!.difference).toBeCloseTo(1.2, 9);
    expect(w16!.test!.t).toBeCloseTo(8.485281374238518, 6);
    expect(w16!.test!.p).toBeCloseTo(0.006803118275324596, 6);
    expect(w16!.printed!.p).toBeLessThan(0.01);
    expect(w18).toMatchObject({ regular: 'RegConv-W18', regularRuns: 1, test: undefined });
    const markdown = (await written(sample)).read('report.md');
    const row = (regular: string) =>
      rowsOf(markdown, 'CIFAR-10', '8', '40', 'IGC-L24M2', regular)[0];
    expect(row('RegConv-W18')).toContain('n too small');
    expect(row('RegConv-W16')).toContain('0.0068');
  });

  it('says whether the order of the networks is the paper’s', async () => {
    const { orders } = reportOn(sample).report.paper[0]!;
    expect(orders).toHaveLength(1);
    expect(orders[0]).toMatchObject({ depth: 8, epochs: 40, same: true });
    expect(orders[0]!.ours.map(({ net }) => net)).toEqual([
      'IGC-L24M2',
      'RegConv-W18',
      'RegConv-W16',
      'SumFusion',
    ]);
    const other = tenth({ 'IGC-L24M2': [86], 'RegConv-W16': [87] });
    expect(reportOn(other).report.paper[0]!.orders[0]!.same).toBe(false);
    expect((await written(other)).read('report.md')).toContain(
      'CIFAR-10, D = 8, 40 epochs: RegConv-W16 87.00 (n = 1) > IGC-L24M2 86.00 (n = 1). Not the paper’s order, which is IGC-L24M2 > RegConv-W16.',
    );
  });

  it('compares only what was trained alike', () => {
    const [igc] = tenth({ 'IGC-L24M2': [87] });
    const [regular] = tenth({ 'RegConv-W16': [86] });
    const alone = (overrides: object) =>
      reportOn([igc!, { ...regular!, overrides: { ...regular!.overrides, ...overrides } }]).report
        .paper[0]!;
    expect(alone({}).comparisons).toHaveLength(1);
    for (const other of [
      { smoothing: 0.1 },
      { epochs: 20 },
      { depth: 20 },
      { data: { name: 'cifar100' } },
    ]) {
      expect(alone(other).comparisons).toEqual([]);
      expect(alone(other).orders).toEqual([]);
    }
  });

  it('lists every deviation from the protocol, once, with the networks', () => {
    const folder = temporaryFolder();
    const overrides = { augment: { mirror: false }, ema: { decay: 0.9 } };
    const wanted = { data: ['cifar10'], depths: [8], only: ['L24M2'] };
    addToExperiment(folder, planPaper('table4', { ...wanted, overrides }));
    addToExperiment(folder, planPaper('table4', { ...wanted, only: ['*'], budget: 0.1 }));
    const root = path.join(folder, 'runs');
    for (const run of sample.filter(({ overrides: { seed } }) => seed === 0))
      writeMadeUpRun(root, run);
    const [igc] = sample;
    const changed = { ...igc!.overrides, ...overrides, epochs: 400 };
    writeMadeUpRun(root, { overrides: changed, accuracies: [90] });
    const { deviations, paper } = makeReport(folder);
    const shorter = deviations.filter((text) =>
      text.startsWith('40 epochs, 0.1 of the paper’s 400: '),
    );
    expect(shorter).toHaveLength(1);
    for (const net of ['SumFusion', 'RegConv-W16', 'RegConv-W18', 'IGC-L24M2']) {
      expect(shorter[0]).toContain(`${net} D=8 on cifar10`);
    }
    expect(deviations).toContain('augment.mirror is false, not true: IGC-L24M2 D=8 on cifar10.');
    expect(deviations).toContain('ema is {"decay":0.9}, not null: IGC-L24M2 D=8 on cifar10.');
    expect(deviations.some((text) => text.startsWith('One run, not 5: '))).toBe(true);
    expect(deviations.filter((text) => /seed|threads|output|data\.dir/.test(text))).toEqual([]);
    const own = paper[0]!.rows.filter(({ setting }) => setting?.net === 'IGC-L24M2');
    expect(own.map(({ setting, deviations: of }) => [setting!.epochs, of.length])).toEqual([
      [400, 2],
      [40, 0],
    ]);
  });

  it('takes loose runs that were trained otherwise for no result of the paper’s', () => {
    const [igc] = sample;
    const other = { ...igc!, overrides: { ...igc!.overrides, smoothing: 0.1 } };
    const { report } = reportOn([...sample, other]);
    expect(report.others.map(({ config }) => config.smoothing)).toEqual([0.1]);
    expect(
      report.paper[0]!.rows.filter(({ setting }) => setting?.net === 'IGC-L24M2'),
    ).toHaveLength(1);
  });

  it('tells of runs that have no result, and counts them in no mean', async () => {
    const [igc] = tenth({ 'IGC-L24M2': [87] });
    const message = 'train: the loss must be finite';
    const overrides = (seed: number) => ({ ...igc!.overrides, seed });
    const { read } = await written([
      igc!,
      { overrides: overrides(1), accuracies: [10], failure: { kind: 'diverged', message } },
      {
        overrides: overrides(2),
        accuracies: [10],
        failure: { kind: 'failure', message: 'the disk is full' },
      },
      { overrides: overrides(3), accuracies: [10, 20], unfinished: true },
    ]);
    const row = rowsOf(read('report.md'), 'CIFAR-10', '8', 'IGC-L24M2')[0]!;
    expect(row.slice(4, 8)).toEqual(['87.00', '−3.31', '1', '0']);
    expect(row.at(-1)).toBe('1 diverged, 1 unfinished (epoch 0), 1 failed');
    expect(read('report.md')).toContain('1 of 4 runs are finished.');
    expect(read('report.md')).toContain('diverged: train: the loss must be finite');
    expect(read('report.csv')).toMatch(/,diverged,/);
  });

  it('knows what an experiment planned, whether it has begun or not', () => {
    const folder = temporaryFolder();
    addToExperiment(folder, planPaper('table4', { data: ['cifar10'], depths: [8], budget: 0.1 }));
    const report = makeReport(folder, at);
    expect(report.title).toBe('Table 4: accuracy of plain networks');
    expect(report.records.map(({ status }) => status)).toEqual(new Array(5).fill('not run'));
    expect(report.paper[0]!.rows).toHaveLength(20);
    expect(report.deviations).toEqual([]);
  });

  it('shows errors where the paper does, the training’s too for ImageNet', async () => {
    const overrides = {
      net: 'IGC-L32M26',
      depth: 20,
      data: { name: 'cifar10' },
      epochs: 1,
    } as const;
    const { read } = await written([{ overrides, accuracies: [96.5] }]);
    const row = rowsOf(read('report.md'), 'CIFAR-10', '20', 'IGC-L32M26')[0]!;
    expect(row.slice(3, 6)).toEqual(['3.31', '3.50', '+0.19']);
  });
});

describe('the files of a report', () => {
  const confusion = [
    [2, 1],
    [0, 3],
  ];
  const runs = sample.map((run, i) =>
    i < 2 ? { ...run, evaluation: { confusion, topK: 99 } } : run,
  );

  it('are a page that needs nothing else, with every picture in it', async () => {
    const { read, files } = await written(runs);
    const html = read('report.html');
    const { document } = parseHTML(html);
    expect(document.querySelectorAll('script, link, img')).toHaveLength(0);
    expect(html).not.toMatch(/(?:src|href)="(?!data:)/);
    const figures = files.filter((name) => name.startsWith('figures/'));
    expect(document.querySelectorAll('figure > svg')).toHaveLength(figures.length);
    const texts = [...document.querySelectorAll('td')].map((cell) => cell.textContent);
    expect(texts).toContain('87.50 ± 0.14');
  });

  it('hold pictures of curves, costs and sums of confusion matrices', async () => {
    const { files, read } = await written(runs);
    const pictures = files.flatMap((name) => /^figures\/(.*)\.svg$/.exec(name)?.[1] ?? []);
    expect(pictures.sort()).toEqual([
      'confusion-IGC-L24M2-D8-cifar10-40epochs',
      'table4-cifar10-D8-40epochs-testAccuracy',
      'table4-cifar10-D8-40epochs-trainAccuracy',
      'table4-cifar10-macs',
      'table4-cifar10-params',
    ]);
    expect(read('figures/confusion-IGC-L24M2-D8-cifar10-40epochs.svg')).toContain(
      'test images of 2 runs after 40 epochs',
    );
    expect(read('figures/table4-cifar10-params.svg')).toContain('IGC-L24M2, 40 epochs');
    for (const name of pictures) {
      expect(read('report.md')).toContain(`(figures/${name}.svg)`);
      const { document } = parseHTML(`<body>${read(`figures/${name}.svg`)}</body>`);
      expect(document.querySelector('svg')?.getAttribute('role') ?? 'img').toBe('img');
      expect(read(`figures/${name}.svg`)).not.toMatch(/NaN|undefined|Infinity/);
    }
  });

  it('are plain data too: a row a run in CSV, everything in JSON', async () => {
    const { read } = await written(runs);
    const [heads, ...rows] = read('report.csv').trimEnd().split('\n');
    expect(heads).toMatch(
      /^id,run,experiment,data,net,depth,epochs,seed,state,epochsDone,testAccuracy,/,
    );
    expect(rows).toHaveLength(runs.length);
    expect(rows[0]).toMatch(
      /^[0-9a-f]{12},IGC-L24M2-D8-cifar10-e40-s0-[0-9a-f]{12},table4,cifar10,IGC-L24M2,8,40,0,finished,40,87.4,/,
    );
    const json = JSON.parse(read('report.json'));
    const cell = json.paper[0].cells.find(
      ({ net, depth }: { net: string; depth: number }) => net === 'IGC-L24M2' && depth === 8,
    );
    expect(cell).toMatchObject({
      printed: { accuracy: 90.31, deviation: 0.39 },
      ours: { epochs: 40, seeds: [0, 1], last: { n: 2, mean: 87.5 } },
    });
    expect(json.runs[0].rows).toHaveLength(40);
  });

  it('are the same for the same runs', async () => {
    const [one, two] = [await written(runs), await written(runs)];
    for (const name of one.files) {
      const lasting = (text: string) => text.replaceAll(/igcnet-train-\w+/g, 'folder');
      expect(lasting(two.read(name)) === lasting(one.read(name)), name).toBe(true);
    }
  });
});

describe('a report on figure 3', () => {
  it('draws accuracy over L for each budget, beside what the paper quotes', async () => {
    const nets = { 'IGC-L40M2': 60, 'IGC-L64M1': 59, 'IGC-L1M23': 50, 'IGC-L85M2': 66 };
    const runs = Object.entries(nets).flatMap(([net, accuracy]) =>
      [0, 1].map((seed) => ({
        overrides: {
          net,
          family: 'flat8' as const,
          data: { name: 'cifar100' as const },
          seed,
          epochs: 20,
        },
        accuracies: [accuracy + seed],
      })),
    );
    const { read, files } = await written(runs);
    expect(files).toContain('figures/fig3-i.svg');
    expect(files).toContain('figures/fig3-ii.svg');
    const picture = read('figures/fig3-i.svg');
    expect(picture).toContain('quoted in the paper, 400 epochs');
    expect(picture.match(/>M=\d+</g)?.sort()).toEqual(['>M=1<', '>M=23<', '>M=2<']);
    expect(read('figures/fig3-ii.svg')).not.toContain('quoted');
    const row = rowsOf(read('report.md'), 'CIFAR-100', 'i', '8', 'IGC-L40M2')[0]!;
    expect(row.slice(4, 7)).toEqual(['63.89', '60.50 ± 0.71', '−3.39']);
    expect(rowsOf(read('report.md'), 'CIFAR-100', 'ii', '8', 'IGC-L85M2')[0]![4]).toBe('plotted');
  });
});

describe('a report on other runs', () => {
  const setting = (smoothing: number, seed: number, validation?: readonly number[]): MadeUpRun => ({
    overrides: { net: 'IGC-L2M2', depth: 5, data: { name: 'mnist' }, epochs: 2, smoothing, seed },
    accuracies: [90, 91 + smoothing],
    ...(validation && { validation }),
  });

  it('is a table of settings, by validation accuracy where there is one', async () => {
    const { report } = reportOn([
      setting(0, 0, [80, 81]),
      setting(0.1, 0, [80, 85]),
      setting(0.1, 1, [80, 86]),
    ]);
    expect(report.paper).toEqual([]);
    expect(report.others.map(({ last }) => last?.n)).toEqual([1, 2]);
    const { read } = await written([setting(0, 0, [80, 81]), setting(0.1, 0, [80, 85])]);
    const markdown = read('report.md');
    expect(markdown).toContain('Ordered by validation accuracy');
    const rows = rowsOf(markdown, 'IGC-L2M2', '5', 'MNIST');
    expect(rows.map((row) => row.slice(3, 5))).toEqual([
      ['smoothing 0.1', '85.00'],
      ['smoothing 0', '81.00'],
    ]);
  });

  it('chooses nothing on test images', async () => {
    const markdown = (await written([setting(0, 0), setting(0.1, 0)])).read('report.md');
    expect(markdown).toContain(
      'No images were held out for validation, so nothing here may choose among the settings',
    );
    expect(rowsOf(markdown, 'IGC-L2M2').map((row) => row[4])).toEqual(['91.00', '91.10']);
  });

  it('counts a run that lies in two folders once, the one that came further', () => {
    const folder = temporaryFolder();
    writeMadeUpRun(path.join(folder, 'a'), {
      ...setting(0, 0),
      accuracies: [90],
      unfinished: true,
    });
    writeMadeUpRun(path.join(folder, 'b'), setting(0, 0));
    writeMadeUpRun(path.join(folder, 'c'), setting(0, 0));
    expect(makeReport(folder).others.map(({ last, records }) => [last?.n, records.length])).toEqual(
      [[1, 1]],
    );
    expect(readdirSync(folder)).toEqual(['a', 'b', 'c']);
  });

  it('says how many epochs early stopping left of a setting', async () => {
    const overrides = { ...setting(0, 0).overrides, epochs: 40 };
    const stopped = (seed: number, epochs: number): MadeUpRun => ({
      overrides: { ...overrides, seed },
      accuracies: Array.from({ length: epochs }, (_, i) => 80 + i),
      stoppedEarly: true,
    });
    const { read } = await written([stopped(0, 4), stopped(1, 7)]);
    expect(rowsOf(read('report.md'), 'IGC-L2M2')[0]!.slice(3, 7)).toEqual([
      ...['84.50 ± 2.12', '2', '0, 1', '4–7 of 40'],
    ]);
  });

  it('has a picture of its own for each setting’s confusions', async () => {
    const evaluation = {
      confusion: [
        [1, 0],
        [0, 1],
      ],
      topK: 100,
    };
    const { files, read } = await written([
      { ...setting(0, 0), evaluation },
      {
        ...setting(0.1, 0),
        evaluation: {
          ...evaluation,
          confusion: [
            [0, 1],
            [1, 0],
          ],
        },
      },
    ]);
    const names = files.filter((name) => name.startsWith('figures/confusion'));
    expect(names).toHaveLength(2);
    const [first, second] = names.map(read);
    expect(first).toContain('IGC-L2M2, smoothing 0, D=5 on MNIST');
    expect(second).toContain('IGC-L2M2, smoothing 0.1, D=5 on MNIST');
  });

  it('leaves damaged runs out of the results and says so, whatever is damaged', async () => {
    const damage: Readonly<Record<string, string>> = {
      'summary.json': '{"testAccuracy":1e9}',
      'metrics.jsonl': 'null\n',
      'failure.json': '{',
      'eval-test-last/evaluation.json':
        '{"epoch":2,"images":6,"top1":91,"topK":100,"k":2,"classes":["a"],"confusion":[]}',
    };
    for (const [file, text] of Object.entries(damage)) {
      const folder = temporaryFolder();
      const evaluation = { confusion: [[1]], topK: 100 };
      const bad = writeMadeUpRun(folder, {
        ...setting(0, 0),
        evaluation,
        ...(file === 'failure.json' && { unfinished: true }),
      });
      writeMadeUpRun(folder, setting(0, 1));
      writeFileSync(path.join(bad, file), text);
      const report = makeReport(folder);
      expect(report.others[0]!.seeds, file).toEqual([1]);
      expect(report.records.map(({ status }) => status).sort(), file).toEqual([
        'damaged',
        'finished',
      ]);
      const files = await writeReport(path.join(folder, 'report'), report);
      const markdown = readFileSync(path.join(folder, 'report', files[0]!), 'utf8');
      expect(markdown, file).toContain(`damaged: ${path.join(bad, file)}: `);
    }
    const folder = temporaryFolder();
    writeFileSync(path.join(writeMadeUpRun(folder, setting(0, 0)), 'config.json'), '{');
    writeMadeUpRun(folder, setting(0, 1));
    const report = makeReport(folder);
    expect(report.unreadable).toEqual([
      expect.stringContaining('config.json: must be the configuration of a run'),
    ]);
    expect(report.records).toHaveLength(1);
  });

  it('needs runs', () => {
    const folder = temporaryFolder();
    expect(() => makeReport(folder)).toThrow(
      `${folder}: must hold runs or an experiment, got none`,
    );
  });
});
