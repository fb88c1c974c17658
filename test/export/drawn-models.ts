/** Folders that hold a network with drawn values, as a checkpoint does, and what it makes of some images. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll } from 'vitest';
import { referenceKernels } from '../../src/kernels/reference.ts';
import { type Model, makeModel, namedValues } from '../../src/model/model.ts';
import type { ModelCard } from '../../src/model/model-card.ts';
import { encodeModel } from '../../src/model/model-file.ts';
import type { NetSpec } from '../../src/spec/network.ts';
import { drawModel } from '../formats/onnx/networks.ts';

const root = mkdtempSync(path.join(tmpdir(), 'igc-export-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A path in a folder that is removed after the tests of a file. */
export const inTemporary = (...names: string[]) => path.join(root, ...names);

export function cardOf(spec: NetSpec): ModelCard {
  const { channels } = spec.input;
  const each = (value: number) => new Array<number>(channels).fill(value);
  return {
    spec,
    classes: Array.from({ length: spec.classes }, (_, i) => `kind "${i}"`),
    preprocessing: { ...spec.input, maxValue: 255, mean: each(0.45), std: each(0.25) },
    dataset: 'nothing of ours',
    epoch: 3,
    step: 30,
  };
}

/** A drawn model whose values are float32, as files hold them. */
export function drawFloat32(spec: NetSpec): Model {
  const drawn = drawModel(spec);
  const model = makeModel(spec, referenceKernels('float32'));
  model.parameters.set(drawn.parameters);
  model.state.set(drawn.state);
  return model;
}

/** Writes `<name>/model.safetensors`. */
export function writeDrawn(name: string, spec: NetSpec): { folder: string; model: Model } {
  const model = drawFloat32(spec);
  const folder = inTemporary(name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'model.safetensors'), encodeModel(model, cardOf(spec)));
  return { folder, model };
}

/** Every number of a model by path, as plain arrays. */
export function numbersOf(model: Model): Map<string, number[]> {
  return new Map([...namedValues(model)].map(([key, values]) => [key, Array.from(values)]));
}
