import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { runIgc, temporaryFolder } from './run-igc.ts';

const folder = temporaryFolder();
const titleOf = (svg: string) => /<title>(.*?)<\/title>/.exec(svg)?.[1];

describe('igc draw', () => {
  it('draws the paper’s first network on stdout', async () => {
    const { code, stdout, stderr } = await runIgc(['draw']);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
    expect(titleOf(stdout)).toBe('IGC-L24M2, depth 20');
  });

  it('takes the flags that say which network, and writes a file', async () => {
    const file = path.join(folder(), 'net.svg');
    const flags = ['--family', 'imagenet18', '--double', 'L', '--classes', '1000', '--out', file];
    const { code, stdout, stderr } = await runIgc(['draw', 'IGC-L100M2+Ident', ...flags]);
    expect([code, stdout]).toEqual([0, '']);
    expect(stderr).toMatch(/^written to .*net\.svg\n$/);
    const svg = readFileSync(file, 'utf8');
    expect(titleOf(svg)).toBe('IGC-L100M2+Ident, depth 18');
    expect(svg).toContain('1,600 → 1,000');
  });

  it('draws one block, its variants, and any block of the network', async () => {
    const first = await runIgc(['draw', 'IGC-L4M4', '--block', '--variant', 'bottleneck=2']);
    expect(first.stdout).toContain('L = 4 partitions, M = 4 → 2 channels each');
    const other = await runIgc(['draw', 'IGC-L4M4', '--at', 'stage3/block2', '--depth', '8']);
    expect(titleOf(other.stdout)).toBe('IGC-L4M4, stage3/block2');
  });

  it('draws somebody’s own network from a file', async () => {
    const file = path.join(folder(), 'own.yaml');
    const blocks = ['{ kind: regular, outChannels: 8 }', '{ kind: igc, L: 4, M: 2 }'];
    writeFileSync(file, `name: mine\nblocks:\n${blocks.map((block) => `  - ${block}\n`).join('')}`);
    const { code, stdout } = await runIgc(['draw', file]);
    expect([code, titleOf(stdout)]).toEqual([0, 'mine, depth 3']);
  });

  it('gives the picture, or where it is, as JSON', async () => {
    const { stdout } = await runIgc(['draw', '--json']);
    expect(titleOf(JSON.parse(stdout).svg)).toBe('IGC-L24M2, depth 20');
    const file = path.join(folder(), 'net.svg');
    const written = await runIgc(['draw', '--json', '--out', file]);
    expect(JSON.parse(written.stdout)).toEqual({ out: file });
    expect(titleOf(readFileSync(file, 'utf8'))).toBe('IGC-L24M2, depth 20');
  });

  it('draws figure 2', async () => {
    const { code, stdout } = await runIgc(['draw', '--equivalence']);
    expect(code).toBe(0);
    expect(stdout).toContain('(d) Summation fusion');
  });

  it.each([
    [['IGC-L4M8+Ident', '--at', 'stage9'], /^--at: no such block of convolutions, got "stage9"; /],
    [['--equivalence', 'IGC-L2M3'], /^--equivalence: draws no network of yours, got IGC-L2M3$/],
    [['--equivalence', '--block'], /^--equivalence: draws no network of yours, got --block$/],
    [['--depth', '9'], /^--depth: must be 3B \+ 2, got 9; nearest are 8 and 11$/],
    [['IGC-L4096M4096'], /^stem\/conv: must have at most 65536 channels, got 16777216$/],
    [['--blok'], /^igc draw: unknown option --blok; did you mean --block\?$/],
  ])('says in one line what is wrong with %j', async (args, message) => {
    const { code, stdout, stderr } = await runIgc(['draw', ...args]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr.trimEnd()).toMatch(message);
    expect(stderr.trimEnd()).not.toContain('\n');
  });

  it('says when the file cannot be written', async () => {
    const file = path.join(folder(), 'none', 'net.svg');
    const { code, stderr } = await runIgc(['draw', '--out', file]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/net\.svg: no such file or folder \(ENOENT\)\n$/);
  });
});
