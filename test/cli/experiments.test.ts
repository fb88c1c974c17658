/** The commands of experiments in processes of their own, killed and interrupted as users and schedulers do. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { lastingParts } from '../train/small-run.ts';
import { callIgc, runIgc, startIgc, temporaryFolder, tinyRun } from './run-igc.ts';

const root = temporaryFolder();

/** A sweep of two runs on made-up data, long enough to be hit. */
const sweep = (name: string, epochs: number, ...more: readonly string[]) => [
  ...['sweep', ...tinyRun, '--epochs', `${epochs}`, '--output', root(), '--name', name],
  ...['--grid', 'optimizer.learningRate=0.05,0.02', '--val-split', '0.25', ...more],
];

const runsOf = (name: string) => {
  const folder = path.join(root(), name, 'runs');
  return existsSync(folder)
    ? readdirSync(folder)
        .sort()
        .map((run) => path.join(folder, run))
    : [];
};

/** Waits until a sweep has said so. */
async function until(running: ReturnType<typeof startIgc>, said: RegExp): Promise<void> {
  while (!said.test(running.stderr())) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe('igc sweep', () => {
  it('trains every setting, prints the table and leaves a report', async () => {
    const { code, stdout, stderr } = await runIgc(sweep('plain', 2, '--seeds', '2', '--jobs', '2'));
    expect(stderr).toMatch(
      /^4 runs: 0 done, 4 to do\n\[1\/4\] IGC-L2M2 D=5 on synthetic, 2 epochs, seed 0, optimizer.learningRate 0.05\n/,
    );
    expect(stderr).toMatch(/\[4\/4\] .*: test [\d.]+% in /);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /IGC-L2M2 +5 +synthetic +0\.0[25] +[\d.]+ ± [\d.]+ +[\d.]+ ± [\d.]+ +2 +0, 1 +2/,
    );
    expect(readdirSync(path.join(root(), 'plain', 'report')).sort()).toEqual([
      'figures',
      'report.csv',
      'report.html',
      'report.json',
      'report.md',
    ]);
    const env = JSON.parse(readFileSync(path.join(runsOf('plain')[0]!, 'env.json'), 'utf8'));
    expect(env.command).toContain('sweep');
  });

  it('killed with SIGKILL goes on by the same command, to the same bits', async () => {
    const epochs = 60;
    await runIgc(sweep('whole', epochs));
    for (const said of [/epoch 3\/60/, /\[2\/2\][\s\S]*epoch 2\/60/]) {
      const running = startIgc(sweep('killed', epochs));
      await until(running, said);
      running.process.kill('SIGKILL');
      await running.outcome;
      // The run's own process notices that it is alone, and saves.
      const last = runsOf('killed').at(-1)!;
      while (existsSync(path.join(last, 'lock')))
        await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const { code, stderr } = await runIgc(sweep('killed', epochs));
    expect(stderr).toContain('2 runs: 1 done, 1 to do');
    expect(code).toBe(0);
    expect(runsOf('killed').map(lastingParts)).toEqual(runsOf('whole').map(lastingParts));
  }, 120_000);

  it('killed, and started again at once, waits for what it left behind', async () => {
    const slow = (name: string) => [
      ...['sweep', '--net', 'IGC-L24M2', '--depth', '8', '--data', 'synthetic', '--threads', '1'],
      ...[
        '--set',
        'data.synthetic={classes: 3, count: 6000, testCount: 30, height: 32, width: 32}',
      ],
      ...[
        '--batch',
        '2000',
        '--epochs',
        '1',
        '--grid',
        'seed=1',
        '--output',
        root(),
        '--name',
        name,
      ],
    ];
    const running = startIgc(slow('orphan'));
    await until(running, /\[1\/1\]/);
    await new Promise((resolve) => setTimeout(resolve, 1500)); // opening data, or in a step of seconds
    running.process.kill('SIGKILL');
    await running.outcome;
    const { code, stderr } = await runIgc(slow('orphan'));
    expect(stderr).toMatch(/process \d+ trains it; it is done here if that one leaves it/);
    expect(code).toBe(0);
    const having = (file: string) =>
      runsOf('orphan').filter((run) => existsSync(path.join(run, file)));
    expect(having('summary.json')).toHaveLength(1);
    expect(having('failure.json')).toEqual([]);
  }, 120_000);

  it('keeps a run whose process was killed as failed, does the others, and tries it again', async () => {
    const running = startIgc(sweep('shot', 300));
    await until(running, /epoch 2\/300/);
    const children = execFileSync('ps', ['-o', 'pid=', '--ppid', `${running.process.pid}`], {
      encoding: 'utf8',
    });
    process.kill(Number(children.trim().split(/\s+/)[0]), 'SIGKILL');
    const { code, stderr, stdout } = await running.outcome;
    expect(stderr).toContain("failed: the run's process ended by SIGKILL");
    expect(stderr).toContain(
      "shot: 1 of 2 runs failed, the first with: the run's process ended by SIGKILL; the same command tries them again",
    );
    expect(stdout).toContain('1 failed');
    expect(code).toBe(1);
    const again = await runIgc(sweep('shot', 300));
    expect(again.stderr).toContain('2 runs: 1 done, 1 to do');
    expect(again.code).toBe(0);
    expect(again.stdout).not.toContain('failed');
  }, 120_000);

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'stops at %s with checkpoints, and says how to go on',
    async (signal) => {
      const running = startIgc(sweep(signal, 100_000, '--jobs', '2'));
      await until(running, /epoch 2\/[\s\S]*epoch 2\//);
      running.process.kill(signal);
      const { code, stderr } = await running.outcome;
      expect(stderr).toContain('stopping after these steps and saving');
      expect(stderr).toMatch(/stopped with 0 of 2 runs done; the same command goes on\n$/);
      expect(code).toBe(130);
      for (const run of runsOf(signal)) {
        expect(existsSync(path.join(run, 'checkpoints', 'last'))).toBe(true);
        expect(existsSync(path.join(run, 'lock'))).toBe(false);
      }
    },
  );

  it('stops after its time limit', async () => {
    const { code, stderr } = await runIgc(sweep('limited', 100_000, '--max-time', '2s'));
    expect(stderr).toContain('stopped with 0 of 2 runs done');
    expect(code).toBe(130);
    const report = path.join(root(), 'limited', 'report', 'report.md');
    expect(readFileSync(report, 'utf8')).toMatch(/no result .* unfinished \(epoch \d+\)/);
  });

  it('lists its runs with --dry-run, and writes nothing', async () => {
    const { stdout, code } = await runIgc(sweep('dry', 2, '--dry-run', '--seeds', '0,7'));
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /[0-9a-f]{12} +IGC-L2M2 D=5 on synthetic, 2 epochs, seed 7, optimizer.learningRate 0.02 +not run +[\d,]+ +[\d.]+ ms/,
    );
    expect(stdout).toContain('4 runs, 4 to do: about ');
    expect(existsSync(path.join(root(), 'dry'))).toBe(false);
    const json = JSON.parse((await runIgc(sweep('dry', 2, '--dry-run', '--json'))).stdout);
    expect(json.runs[0]).toMatchObject({ status: 'not run', trainRate: expect.any(Number) });
  });

  it('warns that test images choose nothing when none are held out', async () => {
    const { stderr } = await runIgc(['sweep', ...tinyRun, '--grid', 'seed=1,2', '--dry-run']);
    expect(stderr).toContain(
      'no images are held out for validation, so the test images should choose nothing',
    );
  });

  it.each([
    [
      ['--grid', 'x'],
      '--grid: must be written key=value,value, got "x"; for example --grid smoothing=0,0.1',
    ],
    [['--grid', 'epohcs=1,2'], 'epohcs: unknown option; did you mean "epochs"?'],
    [['--grid', 'epochs=[1'], '--grid epochs: must be JSON or YAML'],
    [[], 'sweep: must vary something; give a grid or a list'],
    [['--list', '/nowhere.yaml'], '--list: /nowhere.yaml must be readable, got ENOENT'],
    [['--grid', 'epochs=1,2', '--max-time', '30d'], '--max-time: must be under 24 days, got "30d"'],
    [
      ['--grid', 'epochs=1,2', '--dry-run', '--max-time', 'foo'],
      '--max-time: must be a time, got "foo"',
    ],
    [
      ['--grid', 'epochs=1,2', '--dry-run', '--jobs', '0'],
      '--jobs: must be a whole number of at least 1, got 0',
    ],
    [['--grid', 'epochs=1,2', '--seeds', '1e10'], '--seeds: must be at most 10000, got 1e10'],
    [
      ['--grid', 'epochs=1,2', '--name', ''],
      '--name: must be a folder name without slashes, or null, got ""',
    ],
    [
      ['--grid', 'epochs=1,2', '--name', '../x'],
      '--name: must be a folder name without slashes, or null, got "../x"',
    ],
    [
      ['--grid', 'smoothing=0,0.1', '--grid', 'smoothing=x'],
      'smoothing: must be a number in [0, 1), got "x"',
    ],
    [
      ['--grid', 'epochs=1,2', '--jobs', '0'],
      '--jobs: must be a whole number of at least 1, got 0',
    ],
    [['--grid', 'epochs=1,2', '--seeds', 'x'], '--seeds: must be a number, got "x"'],
    [
      ['--grid', 'epochs=1,2', '--max-time', 'soon'],
      '--max-time: must be a time, got "soon"; for example 90s, 30m, 2h or 1h30m',
    ],
  ])('refuses %j', async (args, message) => {
    const { code, stderr } = await callIgc([
      'sweep',
      '--data',
      'digits',
      '--output',
      root(),
      ...args,
    ]);
    expect(stderr).toContain(message);
    expect(stderr.trimEnd().split('\n').at(-1)).toContain(message);
    expect(code).toBe(2);
  });

  it('takes a list of settings from a file', async () => {
    const file = path.join(root(), 'list.yaml');
    writeFileSync(
      file,
      '- { net: IGC-L2M2, smoothing: 0.1 }\n- { net: RegConv-W4, augment.pad: 1 }\n',
    );
    const { stdout } = await runIgc([
      'sweep',
      ...tinyRun,
      '--list',
      file,
      '--dry-run',
      '--json',
      '--output',
      root(),
    ]);
    expect(JSON.parse(stdout).runs.map(({ label }: { label: string }) => label)).toEqual([
      'IGC-L2M2 D=5 on synthetic, 2 epochs, seed 0, smoothing 0.1',
      'RegConv-W4 D=5 on synthetic, 2 epochs, seed 0, augment.pad 1',
    ]);
  });
});

describe('igc reproduce', () => {
  it.each([
    [
      ['table8'],
      'igc reproduce: <experiment> must be one of table4, table5, fig3, table6, table7, got',
    ],
    [
      ['table4', '--only', 'IGC-L24M3'],
      '--only: no such network in the experiment, got "IGC-L24M3"; did you mean',
    ],
    [
      ['table4', '--data', 'cifar10,svnh'],
      '--data: is not part of the experiment, got "svnh"; it has cifar10, cifar100',
    ],
    [
      ['table4', '--depth', '8,21'],
      '--depth: is not part of the experiment, got 21; it has 8, 20, 38, 62',
    ],
    [['table4', '--data', ''], '--data: must name something, got ""'],
    [['table4', '--set', 'net=IGC-L4M8'], 'net: is decided by the experiment, got "IGC-L4M8"'],
    [
      ['table4', '--budget', '0'],
      "--budget: must be a share of the paper's epochs above 0 and at most 100, got 0",
    ],
  ])('refuses %j', async (args, message) => {
    const { code, stderr } = await callIgc(['reproduce', ...args]);
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });

  it('says at once which data are missing', async () => {
    const args = [
      'reproduce',
      'table4',
      '--data-dir',
      root(),
      '--output',
      root(),
      '--name',
      'none',
    ];
    const { code, stderr } = await runIgc(args);
    expect(stderr).toMatch(/cifar10/);
    expect(code).toBe(3);
    expect(existsSync(path.join(root(), 'none'))).toBe(false);
  });
});

describe('igc report and igc runs', () => {
  const plain = () => path.join(root(), 'plain');

  it('report on a folder of runs', async () => {
    const out = path.join(root(), 'out');
    const { code, stdout, stderr } = await callIgc(['report', plain(), '--out', out]);
    expect(code).toBe(0);
    expect(stdout).toContain('Settings');
    expect(stderr).toContain('written to ');
    expect(existsSync(path.join(out, 'report.html'))).toBe(true);
    const missing = await callIgc(['report', path.join(root(), 'nowhere')]);
    expect(missing.stderr).toContain('nowhere: must be a folder of runs, got no such folder');
    expect(missing.code).toBe(3);
  });

  it('list runs with their state', async () => {
    const { stdout, code } = await callIgc(['runs', 'list', plain()]);
    expect(code).toBe(0);
    expect(stdout.match(/finished {2,}[\d.]+%/g)).toHaveLength(4);
    const { stdout: json } = await callIgc(['runs', 'list', plain(), '--json']);
    expect(JSON.parse(json)).toHaveLength(4);
    const nowhere = await callIgc(['runs', 'list', path.join(root(), 'nowhere')]);
    expect(nowhere).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('got no such folder'),
    });
  });

  it('compare runs by what they do otherwise', async () => {
    const [one, two] = runsOf('plain');
    const { stdout, code } = await callIgc(['runs', 'compare', one!, two!]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/\ntest accuracy, last +[\d.]+% +[\d.]+%\n/);
    expect(stdout).toMatch(
      /\n(?:seed +0 +1|seed +0 +0|optimizer.learningRate +0.0[25] +0.0[25])\n?/,
    );
    expect(stdout).not.toMatch(/\noutput|\nname|\nthreads/);
    const alone = await callIgc(['runs', 'compare', one!]);
    expect(alone).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('needs two runs or more'),
    });
    expect((await callIgc(['runs', 'compare', one!, root()])).code).toBe(3);
  });

  it('clear away only what was asked for, and only with --yes', async () => {
    const runs = runsOf('plain');
    const optimizer = path.join(runs[0]!, 'checkpoints', 'last', 'optimizer.safetensors');
    expect((await callIgc(['runs', 'clean', plain()])).code).toBe(2);
    const would = await callIgc(['runs', 'clean', plain(), '--checkpoints', '--failed']);
    expect(would.stdout.match(/^would remove /gm)).toHaveLength(8);
    expect(existsSync(optimizer)).toBe(true);
    await callIgc(['runs', 'clean', plain(), '--checkpoints', '--yes']);
    expect(existsSync(optimizer)).toBe(false);
    expect((await runIgc(['eval', runs[0]!])).code).toBe(0);
    const lost = runs[1]!;
    writeFileSync(path.join(lost, 'summary.json'), '{');
    const listed = await callIgc(['runs', 'list', plain()]);
    expect(listed.stdout.match(/finished {2,}[\d.]+%/g)).toHaveLength(3);
    expect(listed.stderr).toContain(`${lost}/summary.json: must be the summary of a run`);
    expect(listed.code).toBe(3);
    const bare = runsOf('SIGINT')[0]!;
    const { stdout } = await callIgc(['runs', 'clean', path.join(root(), 'SIGINT'), '--failed']);
    expect(stdout).toContain('nothing to remove'); // stopped runs can go on
    expect(existsSync(bare)).toBe(true);
  });
});

describe('igc train', () => {
  it('stops at --max-time with the command that goes on', async () => {
    const args = ['train', ...tinyRun, '--epochs', '100000', '--output', root(), '--name', 'timed'];
    const { code, stderr } = await runIgc([...args, '--max-time', '1s']);
    expect(stderr).toMatch(
      /timed: stopped by its time limit in epoch \d+ after step \d+; go on with: .*--resume/,
    );
    expect(code).toBe(130);
  });

  it('ends early with --patience, and says so', async () => {
    const args = ['train', ...tinyRun, '--epochs', '200', '--output', root(), '--name', 'early'];
    const { code, stdout } = await runIgc([
      ...args,
      '--val-split',
      '0.25',
      '--patience',
      '2',
      '--model-ema-decay',
      '0.9',
    ]);
    expect(stdout).toMatch(/test accuracy +[\d.]+% after epoch \d+, stopped early/);
    expect(code).toBe(0);
    const without = await callIgc(['train', ...tinyRun, '--patience', '2', '--output', root()]);
    expect(without.stderr).toContain('--patience');
    expect(without.code).toBe(2);
  });
});

describe('igc find-lr', () => {
  it('suggests a rate, as text, JSON and a picture', async () => {
    const out = path.join(root(), 'lr.svg');
    const args = ['find-lr', ...tinyRun.slice(0, 8), '--steps', '40', '--threads', '1'];
    const { stdout, code, stderr } = await runIgc([...args, '--out', out]);
    expect(stdout).toMatch(/Suggestion: --lr [\d.e-]+ \(a tenth of the rate of the lowest loss\)/);
    expect(code).toBe(0);
    expect(stderr).toContain('written to ');
    expect(readFileSync(out, 'utf8')).toContain('Learning-rate range test');
    const json = JSON.parse((await runIgc([...args, '--json'])).stdout);
    expect(json.points.length).toBeGreaterThan(20);
    expect((await callIgc([...args, '--out', 'x.png'])).stderr).toContain(
      '--out: must end in .svg, got "x.png"',
    );
  });
});
