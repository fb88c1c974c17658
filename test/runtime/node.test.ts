import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { encode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exportRun } from '../../src/export/export-run.ts';
import { type ImageInput, load, type ModelSource } from '../../src/runtime/node.ts';
import { namedNetwork } from '../../src/spec/named-networks.ts';
import { predictFiles } from '../../src/train/load.ts';
import { inTemporary, writeDrawn } from '../export/drawn-models.ts';

const input = { channels: 3, height: 8, width: 8 };
const spec = namedNetwork({ net: 'IGC-L4M2', depth: 5, input, classes: 4 });
const { folder } = writeDrawn('runtime', spec);
const file = path.join(folder, 'model.safetensors');
const bytes = readFileSync(file);

/** A picture that is no square, as pixels and as a PNG. */
const [width, height] = [12, 10];
const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 37) % 256);
const png = encode({ width, height, data, channels: 3, depth: 8 });
const picture = inTemporary('picture.png');
writeFileSync(picture, png);
const pixels = { width, height, data };

let server: Server;
let address: string;
beforeAll(async () => {
  server = createServer((request, response) => {
    const known: Readonly<Record<string, Uint8Array>> = { '/model': bytes, '/picture': png };
    const body = known[request.url ?? ''];
    response.writeHead(body ? 200 : 404).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());

const wasm = { kernels: 'wasm', threads: 1 } as const;

describe('load', () => {
  it('takes a file, a folder, a run, a URL and bytes', async () => {
    const run = inTemporary('run');
    mkdirSync(path.join(run, 'checkpoints'), { recursive: true });
    cpSync(folder, path.join(run, 'checkpoints', 'last'), { recursive: true });
    const { buffer, byteOffset, byteLength } = bytes;
    const sources: readonly ModelSource[] = [
      ...[file, folder, run, pathToFileURL(file), bytes],
      ...[buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer],
      ...[`${address}/model`, new URL(`${address}/model`)],
    ];
    const answers = await Promise.all(
      sources.map(async (source) => {
        const model = await load(source, wasm);
        const { logits } = await model.classify(pixels);
        model.dispose();
        return [...logits];
      }),
    );
    for (const answer of answers) expect(answer).toEqual(answers[0]);
  });

  it('takes an ONNX file of igcnet’s too', async () => {
    const onnx = inTemporary('runtime.onnx');
    await exportRun({ run: folder, format: 'onnx', output: onnx, evaluate: false });
    const [a, b] = await Promise.all([load(onnx, wasm), load(file, wasm)]);
    expect((await a.classify(pixels)).logits).toEqual((await b.classify(pixels)).logits);
  });

  it('shares threads and memory between networks, and gives back what one took', async () => {
    const once = async () => {
      const model = await load(file, { kernels: 'wasm', threads: 2 });
      await model.classify(pixels);
      model.dispose();
    };
    for (let i = 0; i < 20; i++) await once();
    const before = process.memoryUsage().rss;
    for (let i = 0; i < 100; i++) await once();
    // Kernels of its own would take each network some 5 MiB and a thread.
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 2 ** 20);
  });

  it('says in one line what is wrong', async () => {
    const refused = (source: ModelSource, message: string | RegExp, options = {}) =>
      expect(load(source, options)).rejects.toThrow(message);
    await refused('nowhere', 'nowhere: must be a model file or a folder, got nothing');
    await refused(
      inTemporary(),
      /: must hold model\.safetensors, or be a run with checkpoints\/last/,
    );
    await refused(`${address}/none`, `${address}/none: must be there, got 404`);
    await refused('http://127.0.0.1:1/x', /^http:\/\/127\.0\.0\.1:1\/x: must be reachable, got "/);
    await refused(bytes.subarray(0, 100), /^model: must hold its header/);
    await refused(file, /^kernels: must be one of/, { kernels: 'fast' });
    for (const threads of [1e6, -1, 1.5, Number.NaN]) {
      await refused(file, 'threads: must be a whole number in 0…1024', { threads });
    }
    await refused(undefined as unknown as ModelSource, 'model: must be a path, a URL or the bytes');
    await refused('http://', 'http://: must be a whole URL');
    const grey = namedNetwork({
      net: 'IGC-L4M2',
      depth: 5,
      input: { ...input, channels: 2 },
      classes: 4,
    });
    const odd = path.join(writeDrawn('two channels', grey).folder, 'model.safetensors');
    await refused(odd, `${odd}: must take images of 1 or 3 channels to classify pictures, got 2`);
  });
});

describe('a loaded network', () => {
  it('takes pictures in every form, and says of them what igc predict says', async () => {
    const model = await load(folder, { kernels: 'reference' });
    const rgba = new Uint8ClampedArray(width * height * 4).fill(255);
    for (let i = 0; i < width * height; i++) rgba.set(data.subarray(3 * i, 3 * i + 3), 4 * i);
    const pictures: readonly ImageInput[] = [
      ...[picture, pathToFileURL(picture), png, pixels, { width, height, data: rgba }],
      ...[
        new Blob([png as Uint8Array<ArrayBuffer>]),
        new URL(`${address}/picture`),
        `${address}/picture`,
      ],
    ];
    const answers = await model.classify(pictures);
    const alone = await model.classify(picture);
    model.dispose();
    const [want] = await predictFiles(folder, [picture], { kernels: 'reference' });
    for (const answer of answers) {
      expect(answer.logits).toEqual(answers[0]!.logits);
      expect(answer.top.map(({ name }) => name)).toEqual(want!.top.map(({ name }) => name));
      expect(answer.top[0]!.probability).toBeCloseTo(want!.top[0]!.probability, 6);
    }
    expect(alone.logits).toEqual(answers[0]!.logits);
    expect(alone.probabilities.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 6);
  });

  it('puts alpha on white, and takes grey', async () => {
    const model = await load(folder, wasm);
    const clear = { width, height, data: new Uint8Array(width * height * 4) };
    const white = { width, height, data: new Uint8Array(width * height).fill(255) };
    const [a, b] = await model.classify([clear, white]);
    expect(a!.logits).toEqual(b!.logits);
    model.dispose();
  });

  it('classifies more pictures than fit in a batch', async () => {
    const model = await load(folder, wasm);
    const many = Array.from({ length: 131 }, (_, i) => ({
      width,
      height,
      data: data.map((v) => v ^ i),
    }));
    const answers = await model.classify(many);
    expect(answers).toHaveLength(131);
    const single = await model.classify(many[130]!);
    const difference = answers[130]!.logits.map((value, i) => value - single.logits[i]!);
    expect(Math.max(...difference.map(Math.abs))).toBeLessThan(1e-4);
    expect(await model.classify([])).toEqual([]);
    model.dispose();
  });

  it('says what is no picture', async () => {
    const model = await load(folder, wasm);
    const refused = (image: unknown, message: string | RegExp) =>
      expect(model.classify(image as ImageInput)).rejects.toThrow(message);
    await refused(
      7,
      'image: must be a path, a URL, the bytes of a file, or {width, height, data}, got number',
    );
    await refused(
      { width: 2, height: 2, data: new Uint8Array(5) },
      'image: data must hold 1, 3 or 4 bytes for each',
    );
    const bytes12 = new Uint8Array(12);
    await refused({ width: -2, height: -2, data: bytes12 }, 'image: data must hold');
    await refused({ width: 1.5, height: 2, data: bytes12 }, 'image: data must hold');
    await refused('nowhere.png', /nowhere\.png/);
    await refused(new Uint8Array(9), 'image: must be a decodable image, got "');
    model.dispose();
    await refused(pixels, 'must not be used after dispose()');
  });
});
