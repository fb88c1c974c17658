/**
 * A trained network in use, wherever it runs: pictures in, classes out. What is read from where, and by which kernels it
 * is computed, is the platform's business (node.ts, browser.ts).
 */
import { usageError } from '../core/errors.ts';
import { normalisationTable } from '../data/batches/augment.ts';
import { type ImageShape, resizeToCover } from '../data/images/resize.ts';
import type { RgbImage } from '../data/images/rgb-image.ts';
import type { KernelSet } from '../kernels/contract.ts';
import {
  type ClassProbability,
  makeClassifier,
  rankClasses,
  softmax,
} from '../model/classifier.ts';
import type { Preprocessing } from '../model/model-card.ts';
import { type ModelFile, modelFromFile } from '../model/model-file.ts';
import type { NetSpec } from '../spec/network.ts';

/** What a network says of one picture. */
export interface Classification {
  /** Every class, likeliest first. */
  readonly top: readonly ClassProbability[];
  /** By class, in the order of the model's `classes`. */
  readonly probabilities: Float32Array;
  /** What the probabilities are the softmax of. */
  readonly logits: Float32Array;
}

/** A trained network; `Image` is what the platform takes for a picture. */
export interface RuntimeModel<Image> {
  /** Class names in label order. */
  readonly classes: readonly string[];
  readonly spec: NetSpec;
  readonly preprocessing: Preprocessing;
  readonly kernels: { readonly name: string; readonly threads: number };
  /**
   * Classifies a picture, or several as a batch. Each is resized to cover the network's input and cropped at its centre,
   * as training images are; pixels of the network's own size are taken as they are.
   *
   * Throws a usage error for what is no picture, a data error for a file that cannot be decoded.
   * @example const { top } = await model.classify(canvas); console.log(top[0].name, top[0].probability)
   */
  classify(image: Image): Promise<Classification>;
  classify(images: readonly Image[]): Promise<readonly Classification[]>;
  /** Frees the network's memory in the kernels, which other networks may share; it cannot be used afterwards. */
  dispose(): void;
}

/** What a platform brings. */
export interface Platform<Image> {
  readonly kernels: KernelSet;
  /** The whole picture, upright and opaque. */
  readonly readImage: (image: Image) => Promise<RgbImage>;
}

/** A network ready to classify. Throws usage errors for networks of other images than pictures. */
export function openModel<Image>(
  file: ModelFile,
  { kernels, readImage }: Platform<Image>,
): RuntimeModel<Image> {
  const name = file.file;
  const { spec, classes, preprocessing } = file.card;
  checkChannels(name, spec.input);
  const classifier = makeClassifier(modelFromFile(file, kernels, { inference: true }));
  const table = normalisationTable(255, preprocessing); // pictures are bytes of 0…255
  const size = spec.input.channels * spec.input.height * spec.input.width;
  let isOpen = true;
  const classifyAll = async (images: readonly Image[]): Promise<Classification[]> => {
    const pixels = new Uint8Array(images.length * size);
    for (const [i, image] of images.entries()) {
      const rgb = await readImage(image);
      pixels.set(resizeToCover(rgb, spec.input, preprocessing.cropShare), i * size);
    }
    if (!isOpen) throw usageError({ path: name, rule: 'must not be used after dispose()' });
    const logits = classifier.logits(pixels, table);
    return images.map((_, i) => {
      return classification(classes, logits.slice(i * spec.classes, (i + 1) * spec.classes));
    });
  };
  const classify = async (input: Image | readonly Image[]) => {
    if (Array.isArray(input)) return classifyAll(input);
    return (await classifyAll([input as Image]))[0]!;
  };
  return {
    classes,
    spec,
    preprocessing,
    kernels: { name: kernels.name, threads: kernels.threads },
    classify: classify as RuntimeModel<Image>['classify'],
    dispose() {
      isOpen = false;
      classifier.dispose();
    },
  };
}

function classification(classes: readonly string[], logits: Float32Array): Classification {
  const probabilities = softmax(logits);
  return { top: rankClasses(classes, probabilities), probabilities, logits };
}

/** Throws a usage error for a network that takes no pictures; `name` names it. */
export function checkChannels(name: string, { channels }: ImageShape): void {
  if (channels === 1 || channels === 3) return;
  throw usageError({
    path: name,
    rule: 'must take images of 1 or 3 channels to classify pictures',
    got: `${channels}`,
  });
}
