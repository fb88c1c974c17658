/**
 * Every network of the paper as ONNX: the same logits in ONNX Runtime as in our kernels, and nothing that python's checker
 * finds wrong.
 */
import { spawnSync } from 'node:child_process';
import { InferenceSession, Tensor } from 'onnxruntime-web';
import { describe, expect, it } from 'vitest';
import { paperExperiment, paperExperimentNames } from '../../src/experiment/paper-experiments.ts';
import { cellConfig } from '../../src/experiment/plan-paper.ts';
import { exportOnnx } from '../../src/formats/onnx/export-network.ts';
import { chooseKernels } from '../../src/kernels/choose.ts';
import { makeModel, planModel } from '../../src/model/model.ts';
import type { NetSpec } from '../../src/spec/network.ts';
import { configNetwork } from '../../src/train/network-choice.ts';
import { drawImages, drawModel, withValues } from '../formats/onnx/networks.ts';
import { nmse } from '../kernels/trial.ts';
import { tolerances } from '../tolerances.ts';

const { kernels } = chooseKernels({ kernels: 'auto', threads: 0 });
const python = ['/usr/bin/python3', 'python3'].find(
  (candidate) => spawnSync(candidate, ['-c', 'import onnx']).status === 0,
);
if (!python) console.warn('skipped: no python3 with onnx to check files with');

/** Each network once; those of ImageNet take 224 pixels. */
const networks = new Map<string, NetSpec>();
for (const name of paperExperimentNames) {
  for (const cell of paperExperiment(name).cells) {
    const config = cellConfig(cell, { data: { dir: 'nowhere' } });
    const isLarge = config.data.name === 'imagenet';
    const side = isLarge ? 224 : 32;
    const classes = isLarge ? 1000 : config.data.name === 'cifar100' ? 100 : 10;
    const spec = configNetwork(config, {
      input: { channels: 3, height: side, width: side },
      classes,
    });
    networks.set(`${spec.name} D=${spec.depth}, ${config.family}, ${classes} classes`, spec);
  }
}

/**
 * A network with drawn values everywhere. Running averages are drawn too: those of a batch would make a deep plain network,
 * which maps all images nearly to one as long as it is untrained, magnify every engine's rounding (D=62: NMSE 1e-5).
 */
function drawNetwork(spec: NetSpec) {
  const drawn = drawModel(spec);
  const model = makeModel(spec, kernels, { inference: true });
  model.parameters.set(drawn.parameters);
  model.state.set(drawn.state);
  const { channels, height, width } = spec.input;
  const batch = 4;
  const images = Float32Array.from(drawImages(spec, batch));
  const executor = kernels.instantiate(planModel(model, { batch, training: false }), model);
  executor.setBatch(images, new Int32Array(batch), batch);
  executor.forward({ oldWeight: 1 });
  const want = Float32Array.from(executor.output());
  executor.dispose();
  return {
    file: exportOnnx(withValues(model)),
    images,
    want,
    shape: [batch, channels, height, width],
  };
}

describe('the paper’s networks', () => {
  it('are all here', () => {
    expect(networks.size).toBeGreaterThan(40);
  });

  it.each([...networks])('%s', async (name, spec) => {
    const { file, images, want, shape } = drawNetwork(spec);
    const session = await InferenceSession.create(file, { executionProviders: ['wasm'] });
    const { logits } = await session.run({ images: new Tensor('float32', images, shape) });
    await session.release();
    const error = nmse(logits!.data as Float32Array, want);
    console.log(`${name}: NMSE ${error.toExponential(1)}`);
    expect(error).toBeLessThanOrEqual(tolerances.conformanceFloat32);
    if (!python) return;
    const script =
      'import sys, onnx; onnx.checker.check_model(onnx.load_model_from_string(sys.stdin.buffer.read()), full_check=True)';
    const { stderr } = spawnSync(python, ['-c', script], { input: file, encoding: 'utf8' });
    expect(stderr).toBe('');
  });
});
