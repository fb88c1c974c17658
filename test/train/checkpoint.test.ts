import { copyFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IgcError } from '../../src/core/errors.ts';
import { decodeSafetensors, encodeSafetensors } from '../../src/formats/safetensors.ts';
import { referenceKernels } from '../../src/kernels/reference.ts';
import { initializeModel, makeModel } from '../../src/model/model.ts';
import { modelFromFile } from '../../src/model/model-file.ts';
import { namedNetwork } from '../../src/spec/named-networks.ts';
import {
  newState,
  readState,
  resolveCheckpoint,
  restoreCheckpoint,
  writeCheckpoint,
} from '../../src/train/checkpoint.ts';
import { readModelFile } from '../../src/train/read-model.ts';
import { temporaryFolder } from './small-run.ts';

const input = { channels: 1, height: 8, width: 8 };
const preprocessing = { ...input, maxValue: 255, mean: [0.5], std: [0.25] };
const classes = ['cat', 'dog', 'constructor'];

function makeNet(net: string, arithmetic: 'float32' | 'float64' = 'float32', seed = 1) {
  const spec = namedNetwork({ net, depth: 5, input, classes: 3 });
  const model = makeModel(spec, referenceKernels(arithmetic));
  initializeModel(model, seed);
  for (let i = 0; i < model.momentum.length; i++) model.momentum[i] = Math.sin(i);
  return model;
}

const state = {
  ...newState({ seed: 3, epochs: 4, configHash: 'x', kernels: 'reference-float32' }),
  epoch: 2,
  step: 13,
  sums: { loss: 0.1 + 0.2, correct: 3, images: 16 },
  best: { epoch: 1, accuracy: 50, testAccuracy: 25 },
};

function write(model = makeNet('IGC-L2M2')): string {
  const folder = path.join(temporaryFolder(), 'checkpoints', 'last');
  writeCheckpoint(
    folder,
    { model },
    { spec: model.spec, classes, preprocessing, dataset: 'd' },
    state,
  );
  return folder;
}
const modelFile = (folder: string) => path.join(folder, 'model.safetensors');

/** Rewrites model.safetensors with other metadata. */
function withMetadata(folder: string, changes: Record<string, string>): string {
  const file = modelFile(folder);
  const { metadata, tensors } = decodeSafetensors(readFileSync(file), file);
  const changed = new Map([...metadata, ...Object.entries(changes)]);
  writeFileSync(file, encodeSafetensors({ metadata: changed, tensors }));
  return file;
}

describe('a checkpoint', () => {
  it.each(['float32', 'float64'] as const)('gives back every value bit for bit in %s', (kind) => {
    const model = makeNet('IGC-L2M2', kind);
    const folder = write(model);
    const other = makeNet('IGC-L2M2', kind, 2);
    expect(restoreCheckpoint(folder, { model: other })).toEqual(state);
    expect(other.parameters).toEqual(model.parameters);
    expect(other.momentum).toEqual(model.momentum);
    expect(other.state).toEqual(model.state);
  });

  it('says by itself what network it holds, for which classes and images', () => {
    const model = makeNet('SumFusion');
    const file = readModelFile(modelFile(write(model)));
    expect(file.card).toEqual({
      spec: model.spec,
      classes,
      preprocessing,
      dataset: 'd',
      epoch: 2,
      step: 13,
    });
    expect(modelFromFile(file, referenceKernels('float32')).parameters).toEqual(model.parameters);
  });

  it('is found by its run folder or by itself', () => {
    const folder = write();
    const run = path.dirname(path.dirname(folder));
    expect(resolveCheckpoint(run, 'last')).toBe(folder);
    expect(resolveCheckpoint(folder, 'best')).toBe(folder);
    expect(() => resolveCheckpoint(run, 'best')).toThrow(
      `${run}: must be a run folder with checkpoints/best, or a checkpoint folder, got neither`,
    );
    expect(() => resolveCheckpoint(`${run}/x`, 'last')).toThrow('got no such folder');
  });
});

describe('a checkpoint that cannot be used', () => {
  const failing = (folder: string, message: string | RegExp, net = 'IGC-L2M2') => {
    const model = makeNet(net);
    const error = (() => {
      try {
        restoreCheckpoint(folder, { model });
      } catch (thrown) {
        return thrown;
      }
      return undefined;
    })();
    expect(error).toBeInstanceOf(IgcError);
    expect((error as IgcError).kind).toBe('data');
    if (typeof message === 'string') expect((error as IgcError).message).toContain(message);
    else expect((error as IgcError).message).toMatch(message);
  };

  it.each(['model.safetensors', 'optimizer.safetensors'])('is truncated: %s', (name) => {
    const folder = write();
    truncateSync(path.join(folder, name), 3000);
    failing(folder, new RegExp(`${name}: must hold .* bytes.*; the file is truncated`));
    truncateSync(path.join(folder, name), 0);
    failing(folder, `${name}: must have at least 8 bytes, got 0; the file is truncated`);
    rmSync(path.join(folder, name));
    failing(folder, `${name}: must be a readable file, got ENOENT`);
  });

  it('is of another network, and the first difference is named', () => {
    failing(
      write(makeNet('IGC-L4M1')),
      'model.safetensors: must be a checkpoint of IGC-L2M2 (D=5), got stage1/block1/primary/weight ' +
        'of [4,1,3,3] for [4,2,3,3]; it belongs to another network',
    );
    failing(write(makeNet('RegConv-W4')), 'got no tensor stage1/block1/primary/weight;');
    failing(write(), 'got no tensor stage1/block1/conv/weight;', 'RegConv-W4');
    const folder = write();
    copyFileSync(modelFile(folder), path.join(folder, 'optimizer.safetensors'));
    failing(
      folder,
      'optimizer.safetensors: must be a checkpoint of IGC-L2M2 (D=5), got the unknown tensor stem/bn/runningMean',
    );
  });

  it('is from a newer format', () => {
    const folder = write();
    const file = withMetadata(folder, { formatVersion: '2' });
    failing(
      folder,
      `${file}: format version must be in 1…1, got 2; it was written by a newer igcnet; update this one`,
    );
    const stateFile = path.join(folder, 'state.json');
    writeFileSync(stateFile, JSON.stringify({ ...state, formatVersion: 7, more: true }));
    failing(
      folder,
      `${stateFile}: format version must be in 1…1, got 7; it was written by a newer`,
    );
  });

  it('has a damaged state', () => {
    const folder = write();
    const file = path.join(folder, 'state.json');
    writeFileSync(file, '{"formatVersion": 1, ');
    expect(() => readState(folder)).toThrow(`${file}: must be JSON, got "`);
    writeFileSync(file, '[]');
    expect(() => readState(folder)).toThrow(`${file}: must be the state of a run, got `);
    writeFileSync(file, JSON.stringify({ ...state, step: -1 }));
    expect(() => readState(folder)).toThrow('must be the state of a run, got step: ');
  });

  it('is of somebody else', () => {
    const folder = write();
    const file = withMetadata(folder, { format: 'tf' });
    failing(folder, `${file}: must have the metadata format "igcnet", got "tf"`);
    writeFileSync(file, encodeSafetensors({ metadata: new Map(), tensors: new Map() }));
    failing(folder, `${file}: must have the metadata format "igcnet", got none`);
  });

  it.each([
    [{ network: '{"name": ' }, 'metadata "network" must be what igcnet writes, got '],
    [{ network: '{"name": "x"}' }, 'metadata "network" must be what igcnet writes, got depth: '],
    [{ classes: '["a","b"]' }, 'must name the 3 classes of its network, got 2'],
    [{ classes: '[1,2,3]' }, 'metadata "classes" must be what igcnet writes, got 0: '],
    [
      { preprocessing: JSON.stringify({ ...preprocessing, height: 9 }) },
      'preprocessing must fit the network',
    ],
    [{ epoch: 'x' }, 'metadata "epoch" must be what igcnet writes'],
  ])('has metadata that make no sense: %j', (changes, message) => {
    const folder = write();
    const file = withMetadata(folder, changes);
    expect(() => readModelFile(file)).toThrow(`${file}: ${message}`);
  });

  it('describes a network that cannot be, or that asks for any amount of memory', () => {
    const folder = write();
    const { spec } = makeNet('IGC-L2M2');
    const [stem, block] = spec.blocks;
    const load = (blocks: readonly unknown[]) => {
      const file = withMetadata(folder, { network: JSON.stringify({ ...spec, blocks }) });
      return () => modelFromFile(readModelFile(file), referenceKernels('float32'));
    };
    expect(load([stem, { ...block, L: 3 }])).toThrow(
      'must describe a possible network, got "stage1',
    );
    expect(load([stem, { ...block, stride: 3 }])).toThrow('must describe a possible network');
    expect(load([{ ...stem, outChannels: 65_536, kernel: 65_535 }])).toThrow(
      'must be a checkpoint of IGC-L2M2 (D=5), got stem/conv/weight of [4,1,3,3] for [65536',
    );
    expect(load([stem, { ...block, L: 65_536, M: 65_536 }])).toThrow('L·M must be at most 65536');
    expect(load([stem, { ...block, surprise: 1 }])).toThrow('metadata "network" must be what');
  });

  it('never fails otherwise than by a data error, whatever byte is damaged', () => {
    const file = modelFile(write());
    const original = readFileSync(file);
    const damage = fc.array(fc.tuple(fc.nat(6000), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 3,
    });
    fc.assert(
      fc.property(damage, (changes) => {
        const damaged = Uint8Array.from(original);
        for (const [at, value] of changes) damaged[at % damaged.length] = value;
        writeFileSync(file, damaged);
        try {
          modelFromFile(readModelFile(file), referenceKernels('float32'));
        } catch (error) {
          expect(error).toBeInstanceOf(IgcError);
          expect((error as IgcError).kind).toBe('data');
        }
      }),
      { numRuns: 300 },
    );
  });
});
