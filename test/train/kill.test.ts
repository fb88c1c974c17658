import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { type RandomStream, stream } from '../../src/core/random.ts';
import { loadModel } from '../../src/train/load.ts';
import { isThorough } from '../thorough.ts';
import { lastingParts, smallRun, temporaryFolder } from './small-run.ts';

const child = fileURLToPath(new URL('child.mjs', import.meta.url));

interface Session {
  readonly isDone: boolean;
  /** From the start event to the end. */
  readonly trainMs: number;
  readonly errors: string;
}

interface Shot {
  /** Counted from the start of the process, or of the training. */
  readonly from: 'process' | 'training';
  readonly afterMs: number;
}

/** One process that trains `request` or goes on with its folder, killed by the shot. */
function session(folder: string, request: object, shot?: Shot): Promise<Session> {
  const mode = existsSync(path.join(folder, 'config.json')) ? 'resume' : 'new';
  return new Promise((resolve) => {
    const args = [child, mode, folder, JSON.stringify(request)];
    const node = spawn('node', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let [said, errors, startedAt] = ['', '', 0];
    let timer: NodeJS.Timeout | undefined;
    const aim = (now: Shot['from']) => {
      if (shot?.from === now) timer = setTimeout(() => node.kill('SIGKILL'), shot.afterMs);
    };
    aim('process');
    node.stdout.on('data', (text) => {
      said += text;
      if (startedAt > 0) return;
      startedAt = performance.now();
      aim('training');
    });
    node.stderr.on('data', (text) => {
      errors += text;
    });
    node.on('close', () => {
      clearTimeout(timer);
      resolve({ isDone: said.endsWith('done\n'), trainMs: performance.now() - startedAt, errors });
    });
  });
}

/** Kills at random moments until a session lives to the end; the number of kills. */
async function trainUnderFire(
  folder: string,
  request: object,
  trainMs: number,
  random: RandomStream,
): Promise<number> {
  for (let kills = 0; ; kills++) {
    const aimed = { from: 'training', afterMs: 0.5 * trainMs * random.uniform() } as const;
    const early = { from: 'process', afterMs: 500 * random.uniform() } as const;
    const shot = kills >= (isThorough ? 10 : 3) ? undefined : kills % 4 === 0 ? early : aimed;
    const { isDone, errors } = await session(folder, request, shot);
    expect(errors).toBe('');
    if (isDone) return kills;
    if (existsSync(path.join(folder, 'checkpoints', 'last'))) await expectUsable(folder);
  }
}

async function expectUsable(folder: string): Promise<void> {
  const model = await loadModel(folder, { kernels: 'reference' });
  model.dispose();
}

describe('a run that is killed with SIGKILL', () => {
  const ways = [
    ['in every phase', { checkpointSteps: 2 }],
    ['between rare checkpoints', { checkpointEvery: 3, evalEvery: 2, kernels: 'auto' }],
  ] as const;
  const [epochs, leastKills] = isThorough ? [24, 6] : [12, 1];
  it.each(isThorough ? ways : ways.slice(0, 1))(
    '%s ends in the same bits as one that was not',
    async (what, choices) => {
      const output = temporaryFolder();
      const request = { ...smallRun, output, epochs, ...choices };
      const { trainMs, isDone, errors } = await session(`${output}/whole`, {
        ...request,
        name: 'whole',
      });
      expect(errors).toBe('');
      expect(isDone).toBe(true);
      const random = stream(Date.now(), `kill ${what}`); // every run of this test tries other moments
      const whole = lastingParts(`${output}/whole`);
      // A run may be over before it is hit; then there is another.
      for (let kills = 0, run = 1; kills < leastKills; run++) {
        const name = `shot${run}`;
        const folder = path.join(output, name);
        kills += await trainUnderFire(folder, { ...request, name }, trainMs, random);
        expect(lastingParts(folder)).toEqual(whole);
        expect(readdirSync(path.join(folder, 'checkpoints')).sort()).toEqual(['best', 'last']);
      }
    },
    120_000,
  );
});
