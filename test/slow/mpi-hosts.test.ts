/**
 * Training over MPI on several hosts, which are network namespaces with TCP between them: what they compute, and what is left
 * when a rank is killed or a link is cut.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { readState } from '../../src/train/checkpoint.ts';
import { igc, installed, mpiEnvironment } from '../team/mpirun.ts';
import { type Hosts, hostsMissing, makeHosts } from './hosts.ts';

const missing = installed.some(({ name }) => name === 'Open MPI') ? hostsMissing() : 'no Open MPI';
if (missing) console.warn(`skipped: training on several hosts: ${missing}`);

const timeoutS = 60;
const training = [
  ...['train', '--data', 'synthetic', '--net', 'IGC-L4M8', '--depth', '8', '--batch-size', '48'],
  ...['--epochs', '100000', '--set', 'checkpointSteps=5', '--dist', 'mpi'],
];

describe.skipIf(missing)('three hosts', () => {
  let hosts: Hosts;
  let output = '';
  const children: ChildProcess[] = [];

  beforeAll(() => {
    hosts = makeHosts(3);
    output = mkdtempSync(path.join(tmpdir(), 'igcnet-mpi-hosts-'));
  });
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });
  afterAll(() => {
    hosts?.remove();
    rmSync(output, { recursive: true, force: true });
  });

  /** Starts one rank on each host; each leaves its output, its process number and its exit code. */
  function start(name: string, line: readonly string[]): ChildProcess {
    const place = path.join(output, name);
    const rank = `${place}.$OMPI_COMM_WORLD_RANK`;
    const script = `${place}.sh`;
    const words = [process.execPath, igc, ...line].map((word) => `'${word}'`).join(' ');
    writeFileSync(
      script,
      `${words} > ${rank}.log 2>&1 &\necho $! > ${rank}.pid\nwait $!\necho $? > ${rank}.code\n`,
    );
    const mpirun = [
      ...['--mca', 'plm_rsh_agent', hosts.agent, '--mca', 'oob_tcp_if_include', '10.77.0.0/24'],
      ...['--mca', 'btl', 'tcp,self', '--mca', 'btl_tcp_if_include', '10.77.0.0/24'],
      // So that the ranks themselves have to notice.
      ...['--enable-recovery', '--host', hosts.addresses.join(','), '-np', '3', 'sh', script],
    ];
    const enter = ['netns', 'exec', hosts.names[0]!, 'unshare', '--uts', 'sh', '-c'];
    const command = `hostname ${hosts.names[0]}; exec mpirun.openmpi ${mpirun.join(' ')}`;
    const env = { ...mpiEnvironment, OMPI_MCA_orte_tmpdir_base: output };
    const child = spawn('ip', [...enter, command], { env, stdio: 'ignore' });
    children.push(child);
    return child;
  }

  const read = (name: string, rank: number, what: 'log' | 'code' | 'pid') => {
    const file = `${path.join(output, name)}.${rank}.${what}`;
    return existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
  };

  async function until(what: string, isDone: () => boolean, limitMs: number): Promise<void> {
    const deadline = performance.now() + limitMs;
    while (!isDone()) {
      if (performance.now() > deadline) throw new Error(`not in ${limitMs / 1000} s: ${what}`);
      await sleep(50);
    }
  }

  const stateOf = (name: string) => path.join(output, name, 'checkpoints', 'last');
  const epochsOf = (name: string) => read(name, 0, 'log').split('\nepoch ').length - 1;

  it('train together', async () => {
    const line = [...training, '--output', output, '--name', 'whole', '--epochs', '3'];
    start('whole', line);
    await until('all ranks end', () => [0, 1, 2].every((r) => read('whole', r, 'code')), 60_000);
    expect([0, 1, 2].map((rank) => read('whole', rank, 'code'))).toEqual(['0', '0', '0']);
    const { team } = JSON.parse(readFileSync(path.join(output, 'whole', 'env.json'), 'utf8'));
    expect(team.hosts).toEqual(hosts.names);
    expect([1, 2].map((rank) => read('whole', rank, 'log'))).toEqual(['', '']);
  });

  it.each([
    ['a rank is killed', 'killed', 1],
    ['a link is cut', 'cut', 2],
  ] as const)(
    `when %s, every other rank exits 1 within ${timeoutS} s, and says at which step of what`,
    async (_, name, victim) => {
      start(name, [
        ...[...training, '--output', output, '--name', name],
        ...['--dist-timeout', `${timeoutS}s`],
      ]);
      await until('three epochs', () => epochsOf(name) >= 3, 60_000);
      if (name === 'killed') process.kill(Number(read(name, victim, 'pid')), 'SIGKILL');
      else hosts.link(victim, 'down');
      const at = performance.now();
      // A rank behind a cut link lives on and has to notice too.
      const survivors = name === 'killed' ? [0, 2] : [0, 1, 2];
      const areOver = () => survivors.every((rank) => read(name, rank, 'code') !== '');
      await until('the survivors exit', areOver, 1000 * timeoutS);
      const seconds = ((performance.now() - at) / 1000).toFixed(1);
      if (name === 'cut') hosts.link(victim, 'up');
      for (const rank of survivors) {
        expect(read(name, rank, 'code')).toBe('1');
        const last = read(name, rank, 'log').split('\n').at(-1)!;
        console.log(`${name}, after ${seconds} s: ${last}`);
        expect(last).toMatch(
          new RegExp(
            `^step \\d+: MPI_Allreduce of the gradients must end within --dist-timeout, got \\d+\\.\\d s of waiting for the other ranks by rank ${rank} of 3 on igchost${rank}; `,
          ),
        );
      }
      // What is lost are the steps since the last checkpoint, of which there is one every five.
      const [, step] = /^step (\d+):/m.exec(read(name, 0, 'log'))!;
      const { step: saved } = readState(stateOf(name));
      expect(Number(step) - 1 - saved).toBeLessThan(5);
      const resumed = `${name}-resumed`;
      start(resumed, [
        'train',
        '--resume',
        path.join(output, name),
        '--max-time',
        '3s',
        '--dist',
        'mpi',
      ]);
      const areDone = () => [0, 1, 2].every((rank) => read(resumed, rank, 'code') !== '');
      await until('the resumed run stops', areDone, 60_000);
      expect([0, 1, 2].map((rank) => read(resumed, rank, 'code'))).toEqual(['130', '130', '130']);
      expect(readState(stateOf(name)).step).toBeGreaterThan(saved);
    },
  );
});
