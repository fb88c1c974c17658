/**
 * The variants of the wasm kernels and what an engine must have to run them, asked with modules of a few bytes. Runs in
 * Node and in the browser alike.
 */
import { webAssembly } from './web-assembly.ts';

/** Best first. Relaxed SIMD has the fused multiply-add, so its last bits depend on the machine. */
export const wasmVariants = ['relaxed-simd', 'simd128'] as const;
/** One of `wasmVariants`. */
export type WasmVariant = (typeof wasmVariants)[number];

/** A file in wasm/. */
export interface WasmFile {
  readonly variant: WasmVariant;
  /** More than one needs another module. */
  readonly threads: number;
  /** Only plans for inference, in a third of the bytes; default false. */
  readonly inference?: boolean | undefined;
}

/** The file's name in wasm/. */
export function wasmFile({ variant, threads, inference = false }: WasmFile): WasmFileName {
  return `${inference ? 'inference-' : ''}${variant}${threads > 1 ? '-threads' : ''}.wasm`;
}

/** A file of wasm/ by its name. */
export type WasmFileName = `${'' | 'inference-'}${WasmVariant}${'' | '-threads'}.wasm`;

/** The best variant that this engine runs; where it runs none, the one it lacks least for. */
export function bestWasmVariant(): WasmVariant {
  return wasmVariants.find((name) => !wasmObstacle(name)) ?? 'simd128';
}

const header = [0, 97, 115, 109, 1, 0, 0, 0];
/** A function that returns a v128. */
const vectorFunction = [...header, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0];
const probes: { readonly [K in WasmVariant]: readonly number[] } = {
  // i32.const 0, i8x16.splat, i8x16.popcnt
  simd128: [...vectorFunction, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11],
  // two splats, i8x16.relaxed_swizzle
  'relaxed-simd': [
    ...[...vectorFunction, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15, 253, 128, 2, 11],
  ],
};
// A shared memory, i32.atomic.load
const threadsProbe = [
  ...[...header, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 5, 4, 1, 3, 1, 1],
  ...[10, 11, 1, 9, 0, 65, 0, 254, 16, 2, 0, 26, 11],
];

/** Why this engine does not run a variant, or undefined where it does. */
export function wasmObstacle(variant: WasmVariant): string | undefined {
  if (!webAssembly) return 'this engine has no WebAssembly';
  if (webAssembly.validate(Uint8Array.from(probes[variant]))) return undefined;
  if (variant === 'simd128') return 'this engine has no WebAssembly SIMD';
  return 'this engine has no relaxed SIMD (Node 20 has it with --experimental-wasm-relaxed-simd)';
}

/** Why this engine runs wasm kernels on one thread only, or undefined where it takes more. */
export function wasmThreadsObstacle(): string | undefined {
  if (!webAssembly?.validate(Uint8Array.from(threadsProbe))) {
    return 'this engine has no WebAssembly threads';
  }
  const { crossOriginIsolated } = globalThis as { readonly crossOriginIsolated?: boolean };
  if (crossOriginIsolated === false) {
    return 'the page is not cross-origin isolated (headers COOP: same-origin, COEP: require-corp)';
  }
  return undefined;
}
