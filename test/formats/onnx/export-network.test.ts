/** Do others read our ONNX files, and compute the same with them? */
import { spawnSync } from 'node:child_process';
import { InferenceSession, Tensor } from 'onnxruntime-web';
import { describe, expect, it } from 'vitest';
import { exportOnnx, type OnnxOptions } from '../../../src/formats/onnx/export-network.ts';
import { namedNetwork } from '../../../src/spec/named-networks.ts';
import { nmse } from '../../kernels/trial.ts';
import { complaint } from '../../spec/complaint.ts';
import { tolerances } from '../../tolerances.ts';
import { classify, drawImages, drawModel, networks, withValues } from './networks.ts';

const batch = 3;

async function classifyWithOnnxRuntime(file: Uint8Array, images: Float64Array, shape: number[]) {
  const session = await InferenceSession.create(file, { executionProviders: ['wasm'] });
  const tensor = new Tensor('float32', Float32Array.from(images), shape);
  const { logits } = await session.run({ images: tensor });
  await session.release();
  return { logits: logits!.data as Float32Array, dims: logits!.dims };
}

const python = ['/usr/bin/python3', 'python3'].find(
  (candidate) => spawnSync(candidate, ['-c', 'import onnx']).status === 0,
);
const hasOnnx = python !== undefined;
if (!hasOnnx)
  console.warn(
    'skipped: no python3 with onnx to check files with (Debian: apt install python3-onnx)',
  );

/** What python's onnx finds wrong, and the names and shapes of the constants. */
function checkWithPython(file: Uint8Array): { error: string; constants: [string, number[]][] } {
  const script = [
    'import json, sys, onnx',
    'model = onnx.load_model_from_string(sys.stdin.buffer.read())',
    'onnx.checker.check_model(model, full_check=True)',
    'print(json.dumps([[t.name, list(t.dims)] for t in model.graph.initializer]))',
  ].join('\n');
  const { stdout, stderr } = spawnSync(python!, ['-c', script], {
    input: file,
    encoding: 'utf8',
  });
  return { error: stderr, constants: JSON.parse(stdout || '[]') };
}

describe('an exported network', () => {
  it.each(networks)('of %s gives its logits in ONNX Runtime', async (_, spec) => {
    const model = drawModel(spec);
    const images = drawImages(spec, batch);
    const want = classify(model, images, batch);
    const { channels, height, width } = spec.input;
    const settings: OnnxOptions[] = [
      { permutations: 'gather' },
      { permutations: 'transpose', batch },
    ];
    for (const options of settings) {
      const file = exportOnnx(withValues(model), options);
      const shape = [batch, channels, height, width];
      const { logits, dims } = await classifyWithOnnxRuntime(file, images, shape);
      expect(dims).toEqual([batch, spec.classes]);
      expect(nmse(logits, want)).toBeLessThanOrEqual(tolerances.conformanceFloat32);
    }
  });

  it.skipIf(!hasOnnx).each(networks)('of %s passes python’s checker', (_, spec) => {
    const model = withValues(drawModel(spec));
    for (const permutations of ['gather', 'transpose'] as const) {
      expect(checkWithPython(exportOnnx(model, { permutations })).error).toBe('');
    }
  });

  it.skipIf(!hasOnnx)('calls its constants by our paths, and batch norms’ as torch does', () => {
    const input = { channels: 3, height: 8, width: 8 };
    const spec = namedNetwork({ net: 'IGC-L2M2', depth: 5, input, classes: 10 });
    const { constants } = checkWithPython(exportOnnx(withValues(drawModel(spec))));
    const inBlock = constants.filter(([name]) => name.startsWith('stage1.block1.'));
    expect(inBlock).toEqual([
      ['stage1.block1.primary.weight', [4, 2, 3, 3]],
      ['stage1.block1.interleave.channels', [4]],
      ['stage1.block1.secondary.weight', [4, 2, 1, 1]],
      ['stage1.block1.restore.channels', [4]],
      ['stage1.block1.bn.weight', [4]],
      ['stage1.block1.bn.bias', [4]],
      ['stage1.block1.bn.running_mean', [4]],
      ['stage1.block1.bn.running_var', [4]],
    ]);
  });

  it('takes a batch of its own size only when told one', async () => {
    const [, spec] = networks[0]!;
    const file = exportOnnx(withValues(drawModel(spec)), { batch: 2 });
    const images = drawImages(spec, 1);
    await expect(classifyWithOnnxRuntime(file, images, [1, 3, 32, 32])).rejects.toThrow(
      /Expected: 2/,
    );
  });

  it('needs every value', () => {
    const [, spec] = networks[0]!;
    const network = withValues(drawModel(spec));
    const values = new Map(network.values);
    values.delete('head/fc/bias');
    expect(complaint(() => exportOnnx({ ...network, values }))).toBe(
      'head/fc/bias: must have 10 values, got none',
    );
  });
});
