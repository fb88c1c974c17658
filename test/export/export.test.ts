/** Is what is exported the same network, in other hands and when it comes back? */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-web';
import { describe, expect, it } from 'vitest';
import { type ExportFormat, exportRun } from '../../src/export/export-run.ts';
import { importModel } from '../../src/export/import-model.ts';
import { decodeSafetensors, encodeSafetensors } from '../../src/formats/safetensors.ts';
import { restoreWeights, type WeightStorage } from '../../src/formats/weight-storage.ts';
import { referenceKernels } from '../../src/kernels/reference.ts';
import { modelFromFile, withStoredWeights } from '../../src/model/model-file.ts';
import { namedNetwork } from '../../src/spec/named-networks.ts';
import { readNetwork } from '../../src/train/read-network.ts';
import { classify, drawImages, drawModel, networks } from '../formats/onnx/networks.ts';
import { nmse } from '../kernels/trial.ts';
import { tolerances } from '../tolerances.ts';
import { pythonWithTorch } from '../torch/torch-peer.ts';
import { drawFloat32, inTemporary, numbersOf, writeDrawn } from './drawn-models.ts';

const input = { channels: 3, height: 8, width: 8 };
const small = namedNetwork({ net: 'IGC-L4M2+Ident', depth: 8, input, classes: 3 });
const storages = ['float32', 'float16', 'int8'] as const;
const batch = 2;

/** The numbers of the network in a folder or file. */
const read = (place: string) =>
  numbersOf(modelFromFile(readNetwork(place).network, referenceKernels('float32')));

/** Exports a drawn network, unmeasured. */
async function write(format: ExportFormat, output: string, weights: WeightStorage = 'float32') {
  const { folder } = writeDrawn(`drawn ${path.basename(output)}`, small);
  return exportRun({ run: folder, format, output, weights, evaluate: false });
}

/** The logits of a network whose weights are rounded, by the definition. */
function roundedLogits(place: string, weights: WeightStorage, images: Float64Array) {
  const { network } = readNetwork(place);
  const rounded = modelFromFile(withStoredWeights(network, weights), referenceKernels('float32'));
  const model = drawModel(network.card.spec);
  model.parameters.set(rounded.parameters);
  model.state.set(rounded.state);
  return classify(model, images, batch);
}

describe('weights in fewer bytes', () => {
  it.each(storages)('%s: an ONNX file computes with what is stored', async (weights) => {
    const file = inTemporary(`${weights}.onnx`);
    const { files } = await write('onnx', file, weights);
    const images = drawImages(small, batch);
    const session = await InferenceSession.create(readFileSync(file), {
      executionProviders: ['wasm'],
    });
    const { logits } = await session.run({
      images: new Tensor('float32', Float32Array.from(images), [batch, 3, 8, 8]),
    });
    await session.release();
    const want = roundedLogits(inTemporary(`drawn ${weights}.onnx`), weights, images);
    expect(nmse(logits!.data as Float32Array, want)).toBeLessThan(tolerances.conformanceFloat32);
    expect(files.map(({ path: place }) => place)).toEqual([file]);
  });

  it('takes the bytes that it should', async () => {
    const sizes = await Promise.all(
      storages.map(async (weights) => {
        const output = inTemporary(`size-${weights}.safetensors`);
        const { tensors } = decodeSafetensors(
          readFileSync((await write('safetensors', output, weights)).output),
          output,
        );
        return [...tensors.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
      }),
    );
    const model = drawFloat32(small);
    const isWeight = ({ role }: { role: string }) => role === 'weight';
    const weights = model.layout.parameters.filter(isWeight);
    const count = weights.reduce((sum, { size }) => sum + size, 0);
    const outputs = weights.reduce((sum, { shape }) => sum + shape[0]!, 0);
    expect(sizes[0]).toBe(4 * (model.parameters.length + model.state.length));
    expect(sizes[1]).toBe(sizes[0]! - 2 * count);
    expect(sizes[2]).toBe(sizes[0]! - 3 * count + 4 * outputs);
  });

  it('int8 is off by at most half a step of its output channel', async () => {
    const { folder, model } = writeDrawn('half a step', small);
    const { network } = readNetwork(folder);
    const { tensors } = withStoredWeights(network, 'int8');
    for (const { path: name, role, shape, offset, size } of model.layout.parameters) {
      const was = model.parameters.subarray(offset, offset + size);
      const is = tensors.get(name)!.data;
      if (role !== 'weight') expect([...is]).toEqual([...was]);
      const row = size / shape[0]!;
      for (let o = 0; role === 'weight' && o < shape[0]!; o++) {
        const own = was.subarray(o * row, (o + 1) * row);
        const step = Math.max(...own.map(Math.abs)) / 127;
        const error = Math.max(...own.map((value, i) => Math.abs(value - is[o * row + i]!)));
        expect(error).toBeLessThanOrEqual(step * 0.500001);
      }
    }
  });

  it('is refused for a weight that halves cannot hold', async () => {
    const { folder } = writeDrawn('too large', small);
    const file = path.join(folder, 'model.safetensors');
    const { metadata, tensors } = decodeSafetensors(readFileSync(file), file);
    tensors.get('head/fc/weight')!.data[0] = 70_000;
    writeFileSync(file, encodeSafetensors({ metadata, tensors }));
    await expect(
      exportRun({ run: folder, format: 'safetensors', weights: 'float16', evaluate: false }),
    ).rejects.toThrow(
      'head.fc.weight: must be finite and at most 65504 to be stored as float16, got 70000; store it as float32',
    );
  });
});

const python = pythonWithTorch;
if (python === undefined) console.warn('skipped: no python3 with torch to load exports with');

describe('PyTorch', () => {
  /** Loads each folder with the file in it and classifies float32 images from stdin. */
  const script = [
    'import importlib.util, json, struct, sys, torch',
    'data = sys.stdin.buffer.read()',
    'results = []',
    'for folder, shape, at in json.loads(sys.argv[1]):',
    '    spec = importlib.util.spec_from_file_location("m", folder + "/igcnet_torch.py")',
    '    module = importlib.util.module_from_spec(spec)',
    '    spec.loader.exec_module(module)',
    '    model, config = module.load(folder)',
    '    count = shape[0] * shape[1] * shape[2] * shape[3]',
    '    images = torch.frombuffer(bytearray(data[at:at + 4 * count]), dtype=torch.float32)',
    '    with torch.no_grad():',
    '        results.append(model(images.reshape(shape)).flatten().tolist())',
    'print(json.dumps(results))',
  ].join('\n');

  it.skipIf(!python)('computes the same logits from the exported folders', async () => {
    const cases = await Promise.all(
      networks.map(async ([name, spec], i) => {
        const weights = storages[i % storages.length]!;
        const { folder } = writeDrawn(`torch ${i}`, spec);
        const output = inTemporary(`torch-hf-${i}`);
        await exportRun({ run: folder, format: 'hf', output, weights, evaluate: false });
        const images = drawImages(spec, batch);
        return { name, spec, output, images, want: roundedLogits(folder, weights, images) };
      }),
    );
    let at = 0;
    const places = cases.map(({ output, spec, images }) => {
      const { channels, height, width } = spec.input;
      const place = [output, [batch, channels, height, width], at];
      at += 4 * images.length;
      return place;
    });
    const stdin = Buffer.concat(
      cases.map(({ images }) => Buffer.from(Float32Array.from(images).buffer)),
    );
    const run = spawnSync(python!, ['-c', script, JSON.stringify(places)], {
      input: stdin,
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    });
    expect(run.stderr).toBe('');
    const logits = JSON.parse(run.stdout) as number[][];
    for (const [i, { name, want }] of cases.entries()) {
      expect(nmse(logits[i]!, want), name).toBeLessThan(tolerances.torchFloat32);
    }
  });
});

describe('Hugging Face’s layout', () => {
  it('has its files, torch’s names and weights as torch has them', async () => {
    const { output, files } = await write('hf', inTemporary('layout'));
    expect(files.map(({ path: place }) => path.basename(place))).toEqual([
      'README.md',
      'config.json',
      'preprocessor_config.json',
      'igcnet_torch.py',
      'model.safetensors',
    ]);
    const file = path.join(output, 'model.safetensors');
    const { tensors, metadata } = decodeSafetensors(readFileSync(file), file);
    expect(metadata.get('format')).toBe('pt');
    const shapes = [...tensors]
      .filter(([name]) => name.startsWith('stage1.block1.unit1'))
      .map(([name, { shape }]) => [name, shape]);
    expect(shapes).toEqual([
      ['stage1.block1.unit1.primary.weight', [8, 2, 3, 3]],
      ['stage1.block1.unit1.secondary.weight', [8, 4, 1, 1]],
      ['stage1.block1.unit1.bn.weight', [8]],
      ['stage1.block1.unit1.bn.bias', [8]],
      ['stage1.block1.unit1.bn.running_mean', [8]],
      ['stage1.block1.unit1.bn.running_var', [8]],
    ]);
    const json = (name: string) => JSON.parse(readFileSync(path.join(output, name), 'utf8'));
    expect(json('config.json')).toMatchObject({
      model_type: 'igcnet',
      num_labels: 3,
      id2label: { 0: 'kind "0"', 1: 'kind "1"', 2: 'kind "2"' },
      label2id: { 'kind "2"': 2 },
    });
    expect(json('preprocessor_config.json')).toMatchObject({
      size: { shortest_edge: 8 },
      igcnet_crop_share: 1,
      crop_size: { height: 8, width: 8 },
      rescale_factor: 1 / 255,
      image_mean: [0.45, 0.45, 0.45],
      image_std: [0.25, 0.25, 0.25],
    });
    const card = readFileSync(path.join(output, 'README.md'), 'utf8');
    expect(card).toContain('library_name: igcnet');
    expect(card).toContain('Not measured at export.');
    expect(card).toContain('3: kind "0", kind "1", kind "2"');
  });
});

describe('an exported network comes back', () => {
  it.each([
    ['safetensors', 'back.safetensors'],
    ['hf', 'back-hf'],
    ['onnx', 'back.onnx'],
  ] as const)('from %s, bit for bit', async (format, name) => {
    const source = inTemporary(name);
    await write(format, source);
    const { output, card, toldBy } = importModel({ source, output: `${source}-imported` });
    expect(toldBy).toBe('file');
    expect(card.classes[2]).toBe('kind "2"');
    expect(card.epoch).toBe(3);
    expect(read(output)).toEqual(numbersOf(drawFloat32(small)));
    expect(read(source)).toEqual(numbersOf(drawFloat32(small)));
  });

  it.each(['float16', 'int8'] as const)('with weights as %s', async (weights) => {
    const files = await Promise.all(
      (['safetensors', 'onnx'] as const).map(async (format) => {
        const output = inTemporary(`back-${weights}.${format}`);
        await write(format, output, weights);
        return read(output);
      }),
    );
    expect(files[0]).toEqual(files[1]);
    const whole = readNetwork(inTemporary(`drawn back-${weights}.onnx`)).network;
    const { tensors } = withStoredWeights(whole, weights);
    expect(files[0]!.get('stem/conv/weight')).toEqual([...tensors.get('stem/conv/weight')!.data]);
  });

  it('from a state dict, by config.json beside it or by what the caller says', async () => {
    const folder = inTemporary('state-dict');
    await write('hf', folder);
    const file = path.join(folder, 'model.safetensors');
    const { tensors } = decodeSafetensors(readFileSync(file), file);
    const counted = new Map([
      ...tensors,
      ['stem.bn.num_batches_tracked', { shape: [], data: BigInt64Array.of(7n) }] as const,
    ]);
    writeFileSync(file, encodeSafetensors({ metadata: new Map(), tensors: counted }));
    const beside = importModel({ source: file, output: inTemporary('beside') });
    expect(beside.toldBy).toBe('config.json');
    expect(beside.card.classes).toEqual(['kind "0"', 'kind "1"', 'kind "2"']);
    expect(beside.card.preprocessing.mean).toEqual([0.45, 0.45, 0.45]);
    expect(read(beside.output)).toEqual(numbersOf(drawFloat32(small)));

    const alone = path.join(inTemporary('alone'), 'weights.safetensors');
    mkdirSync(path.dirname(alone));
    writeFileSync(alone, readFileSync(file));
    expect(() => importModel({ source: alone, output: inTemporary('x') })).toThrow(
      'network: must be told for a state dict without igcnet’s metadata',
    );
    const statistics = { mean: [0.1, 0.2, 0.3], std: [1, 2, 3] };
    const classes = ['a', 'b', 'c'];
    const request = { source: alone, network: small, classes, statistics };
    const told = importModel({ ...request, output: inTemporary('told') });
    expect(told).toMatchObject({ toldBy: 'caller', card: { classes } });
    expect(told.card.preprocessing).toMatchObject(statistics);
    expect(read(told.output)).toEqual(numbersOf(drawFloat32(small)));
  });

  it('is refused where it does not fit, in one line', async () => {
    const source = inTemporary('fits.safetensors');
    await write('safetensors', source);
    const output = inTemporary('refused');
    const refused = (request: object, message: string) =>
      expect(() => importModel({ source, output, ...request })).toThrow(message);
    refused({ classes: ['a'] }, 'classes: must name the 3 classes of the network, got 1');
    refused({ classes: ['a', 'b', 'a'] }, 'classes: must be different names, got "a"');
    refused({ network: small }, 'network: must be left out, got a file that tells its own');
    refused({ source: 'x.pth' }, 'x.pth: must be a .safetensors or .onnx file, got .pth');
    refused({ source: inTemporary('nowhere.onnx') }, ': must be a file, got nothing');
    refused({ output: path.dirname(source) }, 'output: must not exist');
    const noise = inTemporary('noise.onnx');
    writeFileSync(noise, Buffer.from('no protobuf at all'));
    refused({ source: noise }, `${noise}: must be an ONNX model, got "`);
    const bare = decodeSafetensors(readFileSync(source), source);
    const other = inTemporary('other.safetensors');
    writeFileSync(other, encodeSafetensors({ ...bare, metadata: new Map() }));
    const wide = namedNetwork({ net: 'IGC-L4M4+Ident', depth: 8, input, classes: 3 });
    refused({ source: other, network: wide }, 'it belongs to another network');
  });
});

describe('an export is refused', () => {
  it('where something lies, unless it may be replaced', async () => {
    const output = inTemporary('taken.onnx');
    writeFileSync(output, 'mine');
    await expect(write('onnx', output)).rejects.toThrow(
      `output: must not exist, got ${output}; choose another, or force to replace it`,
    );
    expect(readFileSync(output, 'utf8')).toBe('mine');
    await expect(write('hf', output)).rejects.toThrow('output: must be a folder for format hf');
    const folder = inTemporary('with something in it');
    mkdirSync(folder);
    writeFileSync(path.join(folder, 'letters.txt'), 'mine');
    await expect(write('hf', folder)).rejects.toThrow('output: must not exist');
    const { folder: run } = writeDrawn('replaced', small);
    await exportRun({ run, format: 'hf', output: folder, force: true, evaluate: false });
    expect(readFileSync(path.join(folder, 'letters.txt'), 'utf8')).toBe('mine');
  });

  it('where a link, a device or what is written beside it would be lost', async () => {
    const target = inTemporary('target.onnx');
    writeFileSync(target, 'mine');
    const link = inTemporary('link.onnx');
    symlinkSync(target, link);
    const { folder: run } = writeDrawn('kept', small);
    const request = { run, format: 'onnx', force: true, evaluate: false } as const;
    const refused = 'output: must be a regular file for format onnx, got ';
    await expect(exportRun({ ...request, output: link })).rejects.toThrow(refused + link);
    await expect(exportRun({ ...request, output: '/dev/null' })).rejects.toThrow(refused);
    const beside = inTemporary('beside.onnx');
    writeFileSync(`${beside}.new`, 'mine');
    await expect(exportRun({ ...request, output: beside })).rejects.toThrow(
      `output: must have no file .new beside it, got ${beside}.new`,
    );
    expect(readFileSync(`${beside}.new`, 'utf8')).toBe('mine');
  });

  it('of numbers that are none, or of a page without pictures', async () => {
    const { folder } = writeDrawn('not a number', small);
    const file = path.join(folder, 'model.safetensors');
    const content = decodeSafetensors(readFileSync(file), file);
    content.tensors.get('stem/conv/weight')!.data[0] = Number.NaN;
    writeFileSync(file, encodeSafetensors(content));
    const request = { run: folder, format: 'onnx', output: inTemporary('nan.onnx') } as const;
    await expect(exportRun({ ...request, evaluate: false })).rejects.toThrow(
      `${file}: stem/conv/weight must be finite, got NaN or infinite`,
    );
    const input2 = { ...input, channels: 2 };
    const two = namedNetwork({ net: 'IGC-L2M2', depth: 5, input: input2, classes: 3 });
    const { folder: run } = writeDrawn('two channels', two);
    await expect(exportRun({ run, format: 'web', evaluate: false })).rejects.toThrow(
      'must take images of 1 or 3 channels for format web, got 2',
    );
  });

  it.each([
    [
      { format: 'onxx' },
      'format: must be one of onnx, safetensors, hf, web, got "onxx"; did you mean "onnx"?',
    ],
    [{ weights: 'int4' }, 'weights: must be one of float32, float16, int8, got "int4"'],
    [{ permutations: 'gather' }, 'permutations: is for format onnx, got hf'],
    [{ format: 'onnx', batch: 0 }, 'batch: must be any or at least 1, got 0'],
    [{ run: 'nowhere' }, 'nowhere: must be a run folder with checkpoints/last'],
  ])('for %j', async (wrong, message) => {
    const { folder } = writeDrawn('wrong', small);
    const request = { run: folder, format: 'hf', output: inTemporary('never'), evaluate: false };
    const promise = exportRun({ ...request, ...wrong } as Parameters<typeof exportRun>[0]);
    await expect(promise).rejects.toThrow(message);
  });
});

it('restores 8-bit weights only with their factors', () => {
  const tensors = new Map([['a/weight', { shape: [2, 1], data: Int8Array.of(1, 2) }]]);
  expect(() => restoreWeights(tensors, 'm')).toThrow(
    'm: a/weight of 8 bits must have a factor for each output, a/weight/scale, got none',
  );
});
