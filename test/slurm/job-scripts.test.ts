import { describe, expect, it } from 'vitest';
import {
  arrayScript,
  checkSbatchArgs,
  type JobPlaces,
  type JobSettings,
  rangesText,
  reportScript,
} from '../../src/slurm/job-scripts.ts';

const places: JobPlaces = {
  folder: '/data/runs/my sweep 5%',
  workingFolder: '/home/me',
  igc: ['/usr/bin/node', '/opt/igc.js'],
};
const settings: JobSettings = {
  timeMs: 4 * 3_600_000,
  jobs: 2,
  retries: 2,
  sbatchArgs: '--partition=long --mem=4G',
};

describe('the script of the array', () => {
  const text = arrayScript(places, settings, { indices: [0, 1, 2, 5], cpus: 4 });

  it('says all that Slurm needs, and calls one run a task', () => {
    expect(text.split('\n').filter((line) => !line.startsWith('# '))).toEqual([
      '#!/bin/bash',
      '#SBATCH --job-name="igc-my sweep 5%"',
      '#SBATCH --array=0-2,5%2',
      '#SBATCH --ntasks=1 --cpus-per-task=4',
      '#SBATCH --time=04:00:00',
      '#SBATCH --signal=USR1@120 --requeue',
      '#SBATCH --chdir=/home/me',
      '#SBATCH --open-mode=append --output="/data/runs/my sweep 5%%/slurm/logs/%A_%a.log"',
      '#SBATCH --partition=long --mem=4G',
      `exec srun --ntasks=1 --cpus-per-task="\${SLURM_CPUS_PER_TASK:-1}" \\`,
      `  /usr/bin/node /opt/igc.js sweep task '/data/runs/my sweep 5%' --index "$SLURM_ARRAY_TASK_ID"`,
      '',
    ]);
  });

  it('limits nothing that nobody limits, and warns a short task at its half', () => {
    const bare = { ...settings, jobs: null, sbatchArgs: '', timeMs: 90_000 };
    const short = arrayScript(places, bare, { indices: [7], cpus: 1 });
    expect(short).toContain('\n#SBATCH --array=7\n');
    expect(short).toContain('\n#SBATCH --time=00:02:00\n');
    expect(short).toContain('--signal=USR1@45 ');
    expect(short).not.toContain('sbatch-args');
  });
});

describe('the script of the report', () => {
  it('reports, and submits again as often as its argument says', () => {
    const lines = reportScript(places, settings).split('\n');
    expect(lines.slice(-8)).toEqual([
      '#SBATCH --partition=long --mem=4G',
      "/usr/bin/node /opt/igc.js report '/data/runs/my sweep 5%'",
      'result=$?',
      'if [ "$#" -gt 0 ] && [ "$1" -gt 0 ]; then',
      `  /usr/bin/node /opt/igc.js sweep submit '/data/runs/my sweep 5%' --slurm --keep-cancelled --time 14400s --jobs 2 '--sbatch-args=--partition=long --mem=4G' --retries "$(($1 - 1))" || result=$?`,
      'fi',
      'exit $result',
      '',
    ]);
    expect(lines).toContain(
      '#SBATCH --open-mode=append --output="/data/runs/my sweep 5%%/slurm/logs/report-%j.log"',
    );
  });
});

describe('indices as ranges', () => {
  it.each([
    [[3], '3'],
    [[0, 1], '0-1'],
    [[0, 2, 3, 4, 9], '0,2-4,9'],
  ])('%j are %s', (indices, text) => {
    expect(rangesText(indices)).toBe(text);
  });
});

describe('--sbatch-args', () => {
  it.each(['', '--partition=long', '-p long --mem=4G', '--account=dash-a', '--comment="an array"'])(
    'may be %j',
    (text) => {
      expect(() => checkSbatchArgs(text)).not.toThrow();
    },
  );

  it.each([
    ['long', /^--sbatch-args: must be options of sbatch, got "long"; for example /],
    ['--mem=4G\nrm -r /', /^--sbatch-args: must be one line, got "--mem=4G\\nrm -r \/"$/],
    ['--mem=4G --array=0-3', /^--sbatch-args: must leave --array to igc, got /],
    ['-a 0-3', /must leave -a to igc/],
    ['-a0-3', /must leave -a to igc/],
    ['--dependency=afterok:3', /must leave --dependency to igc/],
  ])('must not be %j', (text, message) => {
    expect(() => checkSbatchArgs(text)).toThrow(message);
  });
});
