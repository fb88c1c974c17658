import { describe, expect, it } from 'vitest';
import { paperExperiment } from '../../src/experiment/paper-experiments.ts';
import { planPaper } from '../../src/experiment/plan-paper.ts';
import { planSweep } from '../../src/experiment/plan-sweep.ts';
import { planRun, runId } from '../../src/experiment/run-plan.ts';
import { resolveConfig } from '../../src/train/config.ts';
import { networkName } from '../../src/train/network-choice.ts';

/** ImageNet has no usual place. */
const imagenet = { overrides: { data: { dir: '/images' } } };

describe('the paper’s experiments', () => {
  it('have the cells that it prints, as many as there are', () => {
    const count = (name: string) => paperExperiment(name).cells.length;
    expect(count('table4')).toBe(2 * 4 * 5);
    expect(count('table5')).toBe(2 * 3 * 4);
    expect(count('fig3')).toBe(9 + 11);
    expect(count('table6')).toBe(5);
    expect(count('table7')).toBe(3 * 3 - 1); // IGC-L450M2 was not trained on SVHN
  });

  it('say what the paper prints there', () => {
    const cell = (name: string, net: string, data: string, depth: number) =>
      paperExperiment(name).cells.find(
        (one) => one.net === net && one.data === data && one.depth === depth,
      )?.printed;
    expect(cell('table4', 'IGC-L24M2', 'cifar10', 20)).toEqual({
      accuracy: 92.84,
      deviation: 0.26,
    });
    expect(cell('table5', 'RegConv-W18+Ident', 'cifar100', 98)).toEqual({
      accuracy: 75.3,
      deviation: 0.88,
    });
    expect(cell('fig3', 'IGC-L40M2', 'cifar100', 8)).toEqual({ accuracy: 63.89 });
    expect(cell('fig3', 'IGC-L12M6', 'cifar100', 8)).toBeNull();
    expect(cell('table7', 'IGC-L32M26', 'svhn', 20)).toEqual({ accuracy: 98.44 });
    expect(cell('table6', 'RegConv-W64+Ident', 'imagenet', 18)).toEqual({
      accuracy: 68.94,
      top5: 88.62,
      training: { top1: 77.59, top5: 93.47 },
    });
  });

  it.each([...paperExperiment('table4').cells, ...paperExperiment('table7').cells].slice(0, 60))(
    'train by the paper’s recipe: $experiment, $net D=$depth on $data',
    ({ experiment, net, depth, data }) => {
      const { runs } = planPaper(experiment, { only: [net], depths: [depth], data: [data] });
      expect(runs).toHaveLength(1);
      const { config } = runs[0]!;
      expect(config).toMatchObject({
        net,
        depth,
        data: { name: data },
        epochs: data === 'svhn' ? 40 : 400,
        batchSize: 64,
        replicas: 2,
        bn: { oldWeight: 0.99 },
        ema: null,
        earlyStopping: null,
        augment: { pad: data === 'svhn' ? 0 : 4, mirror: data !== 'svhn' },
      });
    },
  );

  it('has ImageNet’s way for Table 6, whose training images are evaluated too', () => {
    const { runs, evaluate } = planPaper('table6', imagenet);
    expect(evaluate).toEqual(['test', 'train']);
    expect(runs.map(({ config }) => [networkName(config), config.double, config.epochs])).toEqual([
      ['RegConv-W64+Ident', null, 95],
      ['RegConv-W69+Ident', null, 95],
      ['IGC-L4M32+Ident', null, 95],
      ['IGC-L16M16+Ident', null, 95],
      ['IGC-L100M2+Ident', 'L', 95],
    ]);
    for (const { config } of runs) expect(config.family).toBe('imagenet18');
  });
});

describe('the runs of an experiment', () => {
  const names = (request: Parameters<typeof planPaper>[1], name = 'table4') =>
    planPaper(name, request).runs.map(({ label }) => label);

  it('are what was asked for, the seeds of a network one after the other', () => {
    expect(
      names({ data: ['cifar10'], only: ['L24M2', 'RegConv-*'], depths: [8], seeds: [0, 3] }),
    ).toEqual([
      'RegConv-W16 D=8 on cifar10, 400 epochs, seed 0',
      'RegConv-W16 D=8 on cifar10, 400 epochs, seed 3',
      'RegConv-W18 D=8 on cifar10, 400 epochs, seed 0',
      'RegConv-W18 D=8 on cifar10, 400 epochs, seed 3',
      'IGC-L24M2 D=8 on cifar10, 400 epochs, seed 0',
      'IGC-L24M2 D=8 on cifar10, 400 epochs, seed 3',
    ]);
    expect(names({ only: ['i'] }, 'fig3')).toHaveLength(9);
    expect(names({ only: ['igc-l64m1', 'L64M3'] }, 'fig3')).toHaveLength(2);
    expect(names({ ...imagenet, only: ['ResNet (C=64)'] }, 'table6')).toHaveLength(1);
  });

  it('take a share of the epochs, at least one, and the warm-up shortened alike', () => {
    const only = { data: ['cifar10'], only: ['SumFusion'], depths: [8] };
    const epochs = (budget: number) =>
      planPaper('table4', { ...only, budget }).runs[0]!.config.epochs;
    expect([1, 0.1, 0.01, 1e-5, 2].map(epochs)).toEqual([400, 40, 4, 1, 800]);
    const overrides = { schedule: { warmupEpochs: 10 } };
    const { schedule } = planPaper('table4', { ...only, budget: 0.1, overrides }).runs[0]!.config;
    expect(schedule).toMatchObject({ warmupEpochs: 1, milestones: [1 / 2, 3 / 4, 7 / 8] });
  });

  it.each([
    ['table9', {}, 'experiment: no such experiment of the paper, got "table9"; there are table4,'],
    [
      'table4',
      { data: ['svhn'] },
      'data: is not part of the experiment, got "svhn"; it has cifar10, cifar100',
    ],
    [
      'table4',
      { depths: [21] },
      'depth: is not part of the experiment, got 21; it has 8, 20, 38, 62',
    ],
    ['table4', { only: ['L24M3'] }, 'only: no such network in the experiment, got "L24M3"; '],
    [
      'table7',
      { only: ['IGC-L450M2'], data: ['svhn'] },
      'data, only and depth: leave nothing of the experiment',
    ],
    [
      'table4',
      { overrides: { net: 'IGC-L4M8' } },
      'net: is decided by the experiment, got "IGC-L4M8"; choose among',
    ],
    [
      'table4',
      { overrides: { data: { name: 'svhn' as const } } },
      'data.name: is decided by the experiment',
    ],
    [
      'table4',
      { seeds: Array.from({ length: 400 }, (_, i) => i) },
      'seeds: must make at most 10000 runs, got 16000',
    ],
    [
      'table4',
      { budget: 1e300 },
      "budget: must be a share of the paper's epochs above 0 and at most 100, got 1e+300",
    ],
    ['table4', { seeds: [] }, 'seeds: must be some whole numbers from 0, got []'],
    ['table4', { seeds: [0, -1] }, 'seeds: must be some whole numbers from 0, got [0,-1]'],
    [
      'table4',
      { budget: 0 },
      "budget: must be a share of the paper's epochs above 0 and at most 100, got 0; 0.1 is a tenth of them",
    ],
    ['table4', { budget: Number.NaN }, 'budget: must be a share'],
  ])('of %s with %j are refused', (name, request, message) => {
    expect(() => planPaper(name, request)).toThrow(message);
  });
});

describe('the id of a run', () => {
  const config = (overrides = {}) => resolveConfig('paper-cifar', { depth: 8, ...overrides });

  it('is the hash of what decides its result', () => {
    const id = runId(config());
    expect(id).toMatch(/^[0-9a-f]{12}$/);
    for (const same of [
      { threads: 1 },
      { kernels: 'wasm' },
      { output: 'x', name: 'y' },
      { data: { dir: '/x' } },
    ]) {
      expect(runId(config(same))).toBe(id);
    }
    for (const other of [
      { seed: 1 },
      { epochs: 40 },
      { depth: 20 },
      { smoothing: 0.1 },
      { ema: { decay: 0.9 } },
      { data: { valSplit: 0.1 } },
    ]) {
      expect(runId(config(other))).not.toBe(id);
    }
  });

  it('tells images of one’s own apart by where they are', () => {
    const folder = (dir: string, name: 'folder' | 'packed' = 'folder') =>
      runId(resolveConfig(undefined, { data: { name, dir } }));
    expect(folder('/a')).not.toBe(folder('/b'));
    expect(folder('/a/../b')).toBe(folder('/b'));
    expect(folder('/a.igcpack', 'packed')).not.toBe(folder('/b.igcpack', 'packed'));
    const { runs } = planSweep({
      base: { data: { name: 'folder' } },
      grid: { 'data.dir': ['/a', '/b'] },
    });
    expect(runs).toHaveLength(2);
  });

  it('does not change from version to version', () => {
    expect(runId(config())).toBe('2736758effa0');
  });

  it('ends the name of its folder, which a network of any name can have', () => {
    const net = { name: 'a: b c', blocks: [{ kind: 'regular', outChannels: 4 }] } as const;
    expect(planRun(resolveConfig('digits', { net })).name).toMatch(
      /^a__b_c-D2-digits-e20-s0-[0-9a-f]{12}$/,
    );
  });
});

describe('a sweep', () => {
  const base = { data: { name: 'digits' }, epochs: 2 } as const;

  it('has every combination of the grid with every setting of the list', () => {
    const { runs, varied } = planSweep({
      base,
      grid: { 'optimizer.learningRate': [0.05, 0.1], smoothing: [0, 0.1] },
      list: [{ net: 'IGC-L24M2' }, { net: 'RegConv-W16', augment: { pad: 2 } }],
      seeds: [0, 1],
    });
    expect(runs).toHaveLength(2 * 2 * 2 * 2);
    expect(varied).toEqual(['net', 'augment', 'optimizer.learningRate', 'smoothing']);
    const found = runs.map(({ config }) => [
      config.net,
      config.augment.pad,
      config.optimizer.learningRate,
      config.smoothing,
      config.seed,
    ]);
    expect(found[0]).toEqual(['IGC-L24M2', 1, 0.05, 0, 0]);
    expect(found.at(-1)).toEqual(['RegConv-W16', 2, 0.1, 0.1, 1]);
    expect(new Set(found.map(String)).size).toBe(16);
    expect(runs[0]!.label).toBe(
      'IGC-L24M2 D=8 on digits, 2 epochs, seed 0, optimizer.learningRate 0.05, smoothing 0',
    );
  });

  it('runs equal settings once, and leaves what it was given as it was', () => {
    const given = structuredClone(base);
    const { runs } = planSweep({ base: given, grid: { seed: [4, 5, 4] }, seeds: [0, 1] });
    expect(runs.map(({ config }) => config.seed)).toEqual([4, 5]);
    expect(given).toEqual(base);
  });

  it.each([
    [{}, 'sweep: must vary something; give a grid or a list'],
    [{ grid: { epochs: [] } }, 'epochs: must have values to try'],
    [{ grid: { epohcs: [1] } }, 'epohcs: unknown option; did you mean "epochs"?'],
    [{ grid: { 'optimizer.lr': [1] } }, 'optimizer.lr: unknown option'],
    [
      { grid: { threads: [1, 2] } },
      'threads: cannot be varied; it changes no result; give it as a flag for all of them',
    ],
    [{ list: [{ name: 'a' }] }, 'name: cannot be varied'],
    [
      { grid: { smoothing: [0.1] }, list: [{ smoothing: 0 }] },
      'smoothing: must be in the grid or in the list, not in both',
    ],
    [{ grid: { epochs: ['x'] } }, 'epochs: must be an integer of at least 1, got "x"'],
    [{ grid: { '__proto__.polluted': [1] } }, '__proto__.polluted: unknown option'],
    [{ grid: { 'a..b': [1] } }, 'a..b: unknown option'],
    [
      {
        grid: {
          seed: Array.from({ length: 200 }, (_, i) => i),
          epochs: Array.from({ length: 60 }, (_, i) => i + 1),
        },
      },
      'sweep: must have at most 10000 runs, got 12000',
    ],
  ])('refuses %j', (request, message) => {
    expect(() => planSweep({ base, ...request })).toThrow(message);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
});
