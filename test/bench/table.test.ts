/** The rows of `npm run bench`, and what is written of them. */
import { describe, expect, it } from 'vitest';
import type { Goal } from '../../src/bench/rows.ts';
import { tableRows } from '../../src/bench/rows.ts';
import { type Comparison, chosenNetwork, type StepBenchReport } from '../../src/bench/step.ts';
import { bestOf, type RowResult, type TableReport } from '../../src/bench/table.ts';
import { tableChart } from '../../src/bench/table-chart.ts';
import { tableMarkdown } from '../../src/bench/table-markdown.ts';
import { runBench } from './run-bench.ts';

const rate = (median: number) => ({ median, slowest: median * 0.9, fastest: median * 1.1 });

const comparison: Comparison = {
  ours: 800,
  peers: { torch: 100, 'onnxruntime-node': 200 },
  ratios: { torch: 8, 'onnxruntime-node': 4 },
  gflops: 150,
  shareOfPeak: 0.375,
  spread: {
    ours: rate(800),
    'torch/1.13.0/contiguous': rate(50),
    'torch/2.13.0/compiled': rate(100),
    'onnxruntime-node/1.30.0/gather': rate(200),
  },
  stepMs: { ours: 80 },
  failed: { 'torch/2.13.0/channels_last': 'it does not compile' },
};

const step: StepBenchReport = {
  net: 'IGC-L24M2',
  depth: 20,
  batch: 64,
  threads: 2,
  rounds: 5,
  kernels: 'native-avx512',
  peers: { torch: '1.13.0, 2.13.0', 'onnxruntime-node': '1.30.0', openvino: 'absent' },
  absent: [{ name: 'openvino', reason: 'no python3 has it' }],
  peaks: {
    threads: 2,
    fmaGflops: 400,
    fmaSlowest: 380,
    fmaFastest: 410,
    readGbytes: 40,
    copyGbytes: 41,
  },
  inference: comparison,
};

const faster = (peer: 'torch' | 'onnxruntime-node', atLeast: number): Goal => ({
  figure: 'ratio',
  peer,
  atLeast,
});

const rows: readonly RowResult[] = [
  {
    id: 'infer',
    title: 'inference, IGC-L24M2 D=20, batch 64',
    kind: 'step',
    work: 'inference',
    report: step,
    goals: [
      { goal: faster('torch', 5), measured: 8, reached: true },
      { goal: faster('onnxruntime-node', 8), measured: 4, reached: false },
    ],
  },
  {
    id: 'wasm',
    title: 'inference on wasm',
    kind: 'missing',
    reason: 'this version has no wasm kernels',
    goals: [{ goal: faster('torch', 3), measured: null, reached: null }],
  },
];

const report: TableReport = {
  date: '2026-11-25T01:02:03.000Z',
  machine: 'a <fast> machine',
  cores: 2,
  node: 'v20.0.0',
  threads: 2,
  rounds: 5,
  minutes: 12.3,
  rows,
};

describe('the rows of npm run bench', () => {
  it('have ids of their own and networks that exist', () => {
    const ids = tableRows.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { network } of tableRows) expect(chosenNetwork(network).name).toBe(network.net);
  });

  it('compare only with peers that they start', () => {
    for (const row of tableRows) {
      if (row.kind !== 'step') continue;
      for (const goal of row.goals) {
        if (goal.figure === 'ratio') expect(row.peers).toContain(goal.peer);
      }
    }
  });

  it('are known to --only by parts of their ids', () => {
    const { status, stderr } = runBench('--only', 'tensorflow');
    expect(status).toBe(2);
    expect(stderr).toMatch(
      /^bench: --only: must be part of a row’s id, got tensorflow; rows are train-L24M2, /,
    );
  });
});

describe('the fastest peer', () => {
  it.each([
    [undefined, undefined, 'onnxruntime-node/1.30.0/gather'],
    ['torch', undefined, 'torch/2.13.0/compiled'],
    ['torch', 'contiguous', 'torch/1.13.0/contiguous'],
    ['jax-js', undefined, undefined],
  ])('of %s in layout %s is %s', (peer, layout, who) => {
    expect(bestOf(comparison, peer, layout)?.who).toBe(who);
  });
});

describe('the report', () => {
  it('has a line for every row, with goals that were reached, missed or not measured', () => {
    const lines = tableMarkdown(report).split('\n');
    expect(lines).toContain(
      '| inference, IGC-L24M2 D=20, batch 64 | 800 img/s (720 to 880) | 200 img/s (180 to 220), ONNX Runtime 1.30.0, gather | **4.00×** | 38 % | ≥ 5× PyTorch: 8.00× ✓; ≥ 8× ONNX Runtime: 4.00× ✗ |',
    );
    expect(lines).toContain('| inference on wasm | – | – | – | – | ≥ 3× PyTorch: not measured |');
  });

  it('says who is absent, what could not run, and why', () => {
    const text = tableMarkdown(report);
    expect(text).toContain('- OpenVINO is absent: no python3 has it.\n');
    expect(text).toContain('PyTorch 2.13.0, channels_last: it does not compile.\n');
    expect(text).toContain('- inference on wasm: this version has no wasm kernels.\n');
  });

  it('says where and how it was measured', () => {
    const text = tableMarkdown(report);
    for (const part of [
      '2026-11-25',
      'a <fast> machine',
      '2 threads',
      'native-avx512',
      '400 GFLOP/s',
    ]) {
      expect(text).toContain(part);
    }
  });

  it('has a bar for every row with a peer, in a picture that says the same in words', () => {
    const svg = tableChart(report);
    expect(svg).toContain('a &lt;fast&gt; machine');
    expect(svg).toContain(
      '<desc>inference, IGC-L24M2 D=20, batch 64: 4.00 times ONNX Runtime 1.30.0, gather</desc>',
    );
    expect(svg.match(/✗/g)).toHaveLength(1);
  });
});
