/**
 * The constants and texts of an ONNX file. The operators are not read: what network a file of ours holds is in its texts.
 * @source github.com/onnx/onnx, onnx/onnx.proto: the field numbers below
 */
import { dataError } from '../../core/errors.ts';
import { concatenate, type ReadField, readFields, readPackedIntegers } from '../protobuf.ts';
import type { StoredTensor, TensorData } from '../safetensors.ts';
import { onnxTypes } from './model.ts';

/** What is read of an ONNX file. */
export interface ReadOnnx {
  /** The file's `metadata_props`. */
  readonly metadata: ReadonlyMap<string, string>;
  /** Its initializers by name, but for those of types that no weight has. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

/**
 * What an ONNX file holds; `file` names it in errors.
 *
 * Throws data errors for bytes that are no ONNX model, and for weights that lie in other files.
 */
export function decodeOnnx(bytes: Uint8Array, file: string): ReadOnnx {
  try {
    const model = readFields(bytes, [7, 14]);
    const graph = messages(model, 7, [5])[0];
    if (!graph) throw new Error('there is no graph');
    const metadata = messages(model, 14, [1, 2]).map(
      (entry) => [textAt(entry, 1), textAt(entry, 2)] as const,
    );
    const tensors = messages(graph, 5, [1, 2, 4, 8, 9, 13]).flatMap((tensor) => readTensor(tensor));
    return { metadata: new Map(metadata), tensors: new Map(tensors) };
  } catch (cause) {
    const got = `"${cause instanceof Error ? cause.message : cause}"`;
    throw dataError({ path: file, rule: 'must be an ONNX model', got }, cause);
  }
}

/** The messages that a repeated field holds, each with its `wanted` fields. */
function messages(
  fields: readonly ReadField[],
  number: number,
  wanted: readonly number[],
): (readonly ReadField[])[] {
  return bytesAt(fields, number).map((bytes) => readFields(bytes, wanted));
}

function bytesAt(fields: readonly ReadField[], number: number): readonly Uint8Array[] {
  return fields.flatMap((f) => (f.field === number && f.kind === 'bytes' ? [f.value] : []));
}

function textAt(fields: readonly ReadField[], number: number): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(bytesAt(fields, number)[0]);
}

/** Repeated numbers are packed by some writers and not by others. */
function integersAt(fields: readonly ReadField[], number: number): readonly number[] {
  return fields.flatMap((f) => {
    if (f.field !== number) return [];
    return f.kind === 'varint' ? [Number(BigInt.asIntN(64, f.value))] : readPackedIntegers(f.value);
  });
}

const arrays = {
  [onnxTypes.float32]: Float32Array,
  [onnxTypes.float16]: Uint16Array,
  [onnxTypes.int8]: Int8Array,
  [onnxTypes.int64]: BigInt64Array,
} as const;

function readTensor(tensor: readonly ReadField[]): readonly (readonly [string, StoredTensor])[] {
  const name = textAt(tensor, 8);
  const shape = integersAt(tensor, 1);
  const make = arrays[integersAt(tensor, 2)[0] as keyof typeof arrays];
  // Shapes and indices, which no weight is.
  if (!make || make === BigInt64Array) return [];
  if (tensor.some(({ field }) => field === 13)) throw new Error(`${name} lies in another file`);
  // raw_data, or for float32 the numbers one by one.
  const raw = bytesAt(tensor, 9)[0] ?? floatData(tensor);
  const size = shape.reduce((product, n) => product * n, 1);
  if (raw.length !== size * make.BYTES_PER_ELEMENT) {
    throw new Error(`${name} of [${shape}] has ${raw.length} bytes`);
  }
  // A copy, since the bytes need not lie at a multiple of the element's size (Buffer's slice makes none).
  const data: TensorData = new make(new Uint8Array(raw).buffer);
  return [[name, { shape, data }]];
}

function floatData(tensor: readonly ReadField[]): Uint8Array {
  const pieces = tensor.flatMap((f) => (f.field === 4 && f.kind !== 'varint' ? [f.value] : []));
  return concatenate(pieces);
}
