// igcnet/runtime and ONNX Runtime Web in one page: the same network, the same images, the same thread.
import { load } from '/dist/runtime/browser.js';
import * as ort from '/node_modules/onnxruntime-web/dist/ort.wasm.min.mjs';

ort.env.wasm.wasmPaths = '/node_modules/onnxruntime-web/dist/';
ort.env.wasm.numThreads = 1;

/** Pixels [count][height][width][3] of 0…255 that the test serves. */
async function servedImages({ count, side }) {
  const bytes = new Uint8Array(await (await fetch('/images')).arrayBuffer());
  const size = side * side * 3;
  return Array.from({ length: count }, (_, i) => {
    return { width: side, height: side, data: bytes.subarray(i * size, (i + 1) * size) };
  });
}

/** Logits of every image, classified in batches. */
window.classifyAll = async (options, engine) => {
  const model = await load('/model.safetensors', engine);
  const images = await servedImages(options);
  const logits = [];
  for (let i = 0; i < images.length; i += 64) {
    for (const answer of await model.classify(images.slice(i, i + 64))) {
      logits.push(...answer.logits);
    }
  }
  model.dispose();
  return { kernels: model.kernels, logits };
};

/** Medians of one image's time, in milliseconds: both take pixels and give probabilities, in turns. */
window.race = async (options, rounds) => {
  const model = await load('/model.safetensors', { threads: 1 });
  const session = await ort.InferenceSession.create('/model.onnx', {
    executionProviders: ['wasm'],
  });
  const images = await servedImages(options);
  const { mean, std, height, width } = model.preprocessing;
  const area = height * width;
  const input = new Float32Array(3 * area);
  const runOrt = async ({ data }) => {
    for (let i = 0; i < area; i++) {
      for (let c = 0; c < 3; c++) input[c * area + i] = (data[3 * i + c] / 255 - mean[c]) / std[c];
    }
    const { logits } = await session.run({
      images: new ort.Tensor('float32', input, [1, 3, height, width]),
    });
    return logits.data;
  };
  const runOurs = async (image) => (await model.classify(image)).logits;
  const times = { ours: [], ort: [] };
  const timed = async (name, run, image) => {
    const began = performance.now();
    const logits = await run(image);
    times[name].push(performance.now() - began);
    return logits;
  };
  let worst = 0;
  for (let i = 0; i < rounds; i++) {
    const image = images[i % images.length];
    const a = await timed('ours', runOurs, image);
    const b = await timed('ort', runOrt, image);
    for (let k = 0; k < a.length; k++) worst = Math.max(worst, Math.abs(a[k] - b[k]));
  }
  const median = (values) => values.slice(20).sort((x, y) => x - y)[(values.length - 20) >> 1];
  return { ours: median(times.ours), ort: median(times.ort), worst, kernels: model.kernels };
};
window.ready = true;

/** Logits of one picture in every form, by the name of its class; and what is said of what is no picture. */
window.classifyKinds = async () => {
  const model = await load('/model.safetensors', { threads: 1 });
  const bytes = new Uint8Array(await (await fetch('/picture.png')).arrayBuffer());
  const blob = new Blob([bytes]);
  const bitmap = await createImageBitmap(blob);
  const { width, height } = bitmap;
  const canvas = Object.assign(document.createElement('canvas'), { width, height });
  canvas.getContext('2d').drawImage(bitmap, 0, 0);
  const offscreen = new OffscreenCanvas(width, height);
  offscreen.getContext('2d').drawImage(bitmap, 0, 0);
  const image = new Image();
  image.src = '/picture.png';
  await image.decode();
  const pictures = {
    ArrayBuffer: bytes.buffer,
    Uint8Array: bytes,
    Blob: blob,
    ImageBitmap: bitmap,
    HTMLCanvasElement: canvas,
    OffscreenCanvas: offscreen,
    HTMLImageElement: image,
    ImageData: canvas.getContext('2d').getImageData(0, 0, width, height),
    VideoFrame: new VideoFrame(canvas, { timestamp: 0 }),
    URL: new URL('/picture.png', location.href),
    string: '/picture.png',
  };
  const results = {};
  for (const [name, picture] of Object.entries(pictures)) {
    results[name] = [...(await model.classify(picture)).logits];
  }
  const problem = (promise) =>
    promise.then(
      () => 'none',
      (error) => error.message,
    );
  const problems = [
    await problem(model.classify(new Image())),
    await problem(model.classify(Uint8Array.of(1, 2, 3))),
    await problem(model.classify('/nowhere.png')),
    await problem(load('/none.safetensors')),
  ];
  return { ...results, problems: problems.join('\n') };
};
