/**
 * How the weights of a finished network may be stored: in full, as halves, or as 8-bit integers with one factor for each
 * output channel. Everything else (biases, batch norms) stays in full, being a hundredth of the bytes. They are computed
 * with as float32 whatever they were stored as.
 */
import { dataError, usageError } from '../core/errors.ts';
import { fromFloat16, largestFloat16, toFloat16 } from './float16.ts';
import type { StoredTensor } from './safetensors.ts';

/** The ways of storing weights. */
export const weightStorages = ['float32', 'float16', 'int8'] as const;
/** One of `weightStorages`. */
export type WeightStorage = (typeof weightStorages)[number];

/** Tensors by name, in the order of the file. */
export type Tensors = ReadonlyMap<string, StoredTensor>;

/** Tensors in full. */
export type WholeTensors = ReadonlyMap<string, WholeTensor>;
/** A tensor in full. */
export interface WholeTensor extends StoredTensor {
  readonly data: Float32Array | Float64Array;
}

/** Where the factors of the 8-bit tensor `name` are: `<name>/scale`, or in torch's spelling `<name>.scale`. */
export function scaleName(name: string): string {
  return `${name}${name.includes('/') ? '/' : '.'}scale`;
}

/**
 * The tensors with weights (of convolutions and fully connected layers) stored so.
 *
 * int8: w ≈ scale[o] · q, q = round(w / scale[o]) in −127…127, scale[o] = max |w[o]| / 127; symmetric, so 0 stays 0.
 * Throws a usage error naming a weight that is too large for float16, or not finite.
 */
export function storeWeights(tensors: WholeTensors, storage: WeightStorage): Tensors {
  if (storage === 'float32') return tensors;
  const stored = [...tensors].flatMap(([name, tensor]): [string, StoredTensor][] => {
    if (!isWeight(name, tensor)) return [[name, tensor]];
    checkRange(name, tensor, storage);
    return storage === 'float16'
      ? [[name, { shape: tensor.shape, data: toFloat16(tensor.data) }]]
      : quantise(name, tensor);
  });
  return new Map(stored);
}

/**
 * The tensors in full. Throws a data error that begins with `file` for an 8-bit tensor without its factors, and for
 * one of whole numbers.
 */
export function restoreWeights(tensors: Tensors, file: string): WholeTensors {
  const scales = new Set<string>();
  const restored = new Map<string, WholeTensor>();
  for (const [name, { data, shape }] of tensors) {
    if (data instanceof Uint16Array) restored.set(name, { shape, data: fromFloat16(data) });
    else if (data instanceof BigInt64Array) {
      throw dataError({ path: file, rule: `${name} must hold numbers with fractions`, got: 'I64' });
    } else if (!(data instanceof Int8Array)) restored.set(name, { shape, data });
    else {
      const scale = tensors.get(scaleName(name));
      if (!(scale?.data instanceof Float32Array) || scale.data.length !== shape[0]) {
        const rule = `${name} of 8 bits must have a factor for each output, ${scaleName(name)}`;
        throw dataError({ path: file, rule, got: scale ? `[${scale.shape}]` : 'none' });
      }
      scales.add(scaleName(name));
      restored.set(name, { shape, data: dequantise(data, scale.data) });
    }
  }
  for (const name of scales) restored.delete(name);
  return restored;
}

function isWeight(name: string, { shape }: WholeTensor): boolean {
  return /[/.]weight$/.test(name) && shape.length > 1;
}

function checkRange(name: string, { data }: WholeTensor, storage: WeightStorage): void {
  const most = storage === 'float16' ? largestFloat16 : Number.MAX_VALUE;
  const wrong = Array.from(data).find((value) => !(Math.abs(value) <= most));
  if (wrong === undefined) return;
  const range = storage === 'float16' ? ` and at most ${largestFloat16}` : '';
  const rule = `must be finite${range} to be stored as ${storage}`;
  throw usageError({ path: name, rule, got: `${wrong}`, hint: 'store it as float32' });
}

function quantise(name: string, { shape, data }: WholeTensor): [string, StoredTensor][] {
  const outputs = shape[0]!;
  const inputs = data.length / outputs;
  const scale = new Float32Array(outputs);
  const quantised = new Int8Array(data.length);
  for (let o = 0; o < outputs; o++) {
    let largest = 0;
    for (let i = o * inputs; i < (o + 1) * inputs; i++) {
      largest = Math.max(largest, Math.abs(data[i]!));
    }
    scale[o] = largest / 127;
    const factor = scale[o]!;
    for (let i = o * inputs; factor > 0 && i < (o + 1) * inputs; i++) {
      quantised[i] = Math.max(-127, Math.min(127, Math.round(data[i]! / factor)));
    }
  }
  return [
    [name, { shape, data: quantised }],
    [scaleName(name), { shape: [outputs], data: scale }],
  ];
}

/** scale[o] · q[o, i] */
function dequantise(quantised: Int8Array, scale: Float32Array): Float32Array {
  const inputs = quantised.length / scale.length;
  return Float32Array.from(quantised, (q, i) => scale[Math.floor(i / inputs)]! * q);
}
