/**
 * An ONNX model as plain data, and its bytes. Which operators a network becomes is export-network.ts's business.
 * @source github.com/onnx/onnx, onnx/onnx.proto: the field numbers below
 */
import {
  bytesField,
  concatenate,
  floatField,
  integerField,
  integersField,
  messageField,
  textField,
} from '../protobuf.ts';

/** Operator set and file format; opset 17 belongs to IR version 8. @source onnx, docs/Versioning.md */
export const onnxVersions = { opset: 17, ir: 8 } as const;

export type OnnxAttribute =
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'ints'; readonly value: readonly number[] }
  | { readonly kind: 'float'; readonly value: number };

/** One operator: reads and writes values by name. */
export interface OnnxNode {
  readonly name: string;
  /** `Conv`, `Gemm`, … of the standard operators. */
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

/** A constant: weights (float32, float16's bits, int8) or shapes and indices (int64). */
export interface OnnxTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array | Uint16Array | Int8Array | BigInt64Array;
}

/** What goes in or comes out: float32, a size that is a name may be any. */
export interface OnnxValue {
  readonly name: string;
  readonly shape: readonly (number | string)[];
}

export interface OnnxModel {
  readonly name: string;
  readonly producer: string;
  readonly nodes: readonly OnnxNode[];
  readonly constants: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  /** Texts by name, which readers that do not know them leave alone. */
  readonly metadata?: ReadonlyMap<string, string>;
}

/** TensorProto.DataType */
export const onnxTypes = { float32: 1, int8: 3, int64: 7, float16: 10 } as const;
/** AttributeProto.AttributeType */
const attributeTypes = { float: 1, int: 2, ints: 7 } as const;

/** The file's bytes; equal models give equal bytes. */
export function encodeOnnx(model: OnnxModel): Uint8Array {
  const graph = [
    ...model.nodes.map((node) => messageField(1, nodeFields(node))),
    textField(2, model.name),
    ...model.constants.map((tensor) => messageField(5, tensorFields(tensor))),
    ...model.inputs.map((value) => messageField(11, valueFields(value))),
    ...model.outputs.map((value) => messageField(12, valueFields(value))),
  ];
  return concatenate([
    integerField(1, onnxVersions.ir),
    textField(2, model.producer),
    messageField(7, graph),
    messageField(8, [textField(1, ''), integerField(2, onnxVersions.opset)]),
    ...[...(model.metadata ?? [])].map(([key, value]) =>
      messageField(14, [textField(1, key), textField(2, value)]),
    ),
  ]);
}

function nodeFields({ name, operator, inputs, outputs, attributes }: OnnxNode): Uint8Array[] {
  return [
    ...inputs.map((input) => textField(1, input)),
    ...outputs.map((output) => textField(2, output)),
    textField(3, name),
    textField(4, operator),
    ...Object.entries(attributes).map(([key, attribute]) =>
      messageField(5, attributeFields(key, attribute)),
    ),
  ];
}

function attributeFields(name: string, attribute: OnnxAttribute): Uint8Array[] {
  return [
    textField(1, name),
    attributeValue(attribute),
    integerField(20, attributeTypes[attribute.kind]),
  ];
}

function attributeValue(attribute: OnnxAttribute): Uint8Array {
  switch (attribute.kind) {
    case 'float':
      return floatField(2, attribute.value);
    case 'int':
      return integerField(3, attribute.value);
    case 'ints':
      return concatenate(attribute.value.map((value) => integerField(8, value)));
  }
}

function tensorFields({ name, shape, data }: OnnxTensor): Uint8Array[] {
  return [
    integersField(1, shape),
    integerField(2, typeOf(data)),
    textField(8, name),
    bytesField(9, littleEndian(data)),
  ];
}

function typeOf(data: OnnxTensor['data']): number {
  if (data instanceof Float32Array) return onnxTypes.float32;
  if (data instanceof Uint16Array) return onnxTypes.float16;
  return data instanceof Int8Array ? onnxTypes.int8 : onnxTypes.int64;
}

function valueFields({ name, shape }: OnnxValue): Uint8Array[] {
  const dimensions = shape.map((size) =>
    messageField(1, [typeof size === 'number' ? integerField(1, size) : textField(2, size)]),
  );
  const tensor = [integerField(1, onnxTypes.float32), messageField(2, dimensions)];
  return [textField(1, name), messageField(2, [messageField(1, tensor)])];
}

/** Every machine that Node and browsers run on stores numbers the way ONNX does, so the bytes are taken as they are. */
function littleEndian({ buffer, byteOffset, byteLength }: OnnxTensor['data']): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
