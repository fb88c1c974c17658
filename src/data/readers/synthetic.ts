/**
 * A small set that a network can learn in seconds, made of nothing but a seed: each class is a wave of its own
 * direction, wavelength and colour, seen at a slightly shifted place and in noise. For tests and trials.
 */

import { usageError } from '../../core/errors.ts';
import { type RandomStream, stream } from '../../core/random.ts';
import type { Dataset, ImageSet } from '../dataset.ts';
import { allocateImageSet, imageBytes } from '../image-set.ts';

/** What the set looks like; each has a default. */
export interface SyntheticOptions {
  /** Training images; 512. */
  readonly count?: number | undefined;
  /** Test images; 128. */
  readonly testCount?: number | undefined;
  /** 4. */
  readonly classes?: number | undefined;
  /** 3. */
  readonly channels?: number | undefined;
  /** 16. */
  readonly height?: number | undefined;
  /** 16. */
  readonly width?: number | undefined;
  /** Standard deviation of the noise, in bytes; 24. The wave's amplitude is 60. */
  readonly noise?: number | undefined;
  /** Not the run's seed, so that repeated runs see the same set; 0. */
  readonly seed?: number | undefined;
}

const amplitude = 60;

/** Makes the set; image i is of class i mod `classes`. Throws usage errors for impossible sizes. */
export function openSynthetic(options: SyntheticOptions = {}): Dataset<ImageSet> {
  const { count = 512, testCount = 128, classes = 4, channels = 3 } = options;
  const { height = 16, width = 16, noise = 24, seed = 0 } = options;
  const least = { count: 1, testCount: 1, classes: 2, channels: 1, height: 1, width: 1 };
  const given = { count, testCount, classes, channels, height, width };
  for (const name of Object.keys(least) as (keyof typeof least)[]) {
    const value = given[name];
    if (Number.isInteger(value) && value >= least[name]) continue;
    const rule = `must be a whole number from ${least[name]}`;
    throw usageError({ path: `data.synthetic.${name}`, rule, got: String(value) });
  }
  if (!(noise >= 0)) {
    throw usageError({ path: 'data.synthetic.noise', rule: 'must be 0 or more', got: `${noise}` });
  }
  const shape = { channels, height, width, maxValue: 255 };
  const make = (split: string, images: number) => {
    const set = allocateImageSet('synthetic', { ...shape, count: images });
    const random = stream(seed, `synthetic/${split}`);
    for (let i = 0; i < images; i++) drawImage(set, i, i % classes, { classes, noise, random });
    return set;
  };
  return {
    name: 'synthetic',
    classes: Array.from({ length: classes }, (_, i) => `class${i}`),
    train: make('train', count),
    test: make('test', testCount),
    skipped: [],
  };
}

interface Brush {
  readonly classes: number;
  readonly noise: number;
  readonly random: RandomStream;
}

function drawImage(set: ImageSet, index: number, label: number, brush: Brush): void {
  const { channels, height, width } = set;
  const { classes, noise, random } = brush;
  const angle = (Math.PI * label) / classes;
  const waves = 2 * Math.PI * (1 + (label % 3));
  const shift = 0.5 * (random.uniform() - 0.5);
  let at = index * imageBytes(set);
  for (let c = 0; c < channels; c++) {
    const phase = (2 * Math.PI * c * label) / (channels * classes) + shift;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const along = (Math.cos(angle) * x) / width + (Math.sin(angle) * y) / height;
        const value = 128 + amplitude * Math.cos(waves * along + phase) + noise * random.normal();
        set.pixels[at++] = Math.min(255, Math.max(0, Math.round(value)));
      }
    }
  }
  set.labels[index] = label;
}
