/** Entry of the thread that decodes pictures and brings them to the network's size; images.ts starts it. */
import { parentPort, workerData } from 'node:worker_threads';
import { chooseDecoder, decodeBytes } from '../data/images/image-decoder.ts';
import { resizeToCover } from '../data/images/resize.ts';
import type { RgbImage } from '../data/images/rgb-image.ts';
import { rgbOf } from '../runtime/image-input.ts';
import type { ImageTarget, SentImage } from './images.ts';
import { answerCalls } from './worker-calls.ts';

const { shape, cropShare } = workerData as ImageTarget;
const size = shape.channels * shape.height * shape.width;
const decoder = await chooseDecoder(); // before the first request, which would wait for it

answerCalls<readonly SentImage[], Uint8Array>(parentPort, async (images) => {
  const pixels = new Uint8Array(images.length * size);
  for (const [i, image] of images.entries()) {
    pixels.set(resizeToCover(await openImage(image), shape, cropShare), i * size);
  }
  return { reply: pixels, transfer: [pixels.buffer] };
});

async function openImage(image: SentImage): Promise<RgbImage> {
  if (image.kind === 'pixels') return rgbOf(image);
  const { buffer, byteOffset, byteLength } = image.bytes;
  const bytes = Buffer.from(buffer, byteOffset, byteLength);
  return decodeBytes(image.place, bytes, decoder);
}
