/**
 * The native kernel sets: the C++ addon, once per instruction set that this CPU has. The addon is optional; when
 * it cannot be loaded, the reason and the way to build it are told, and other kernel sets are there.
 */
import { availableParallelism } from 'node:os';
import { loadAddon } from '../core/addon.ts';
import { internalError } from '../core/errors.ts';
import { type ActivationStorage, activationStorages, type Plan } from '../plan/plan.ts';
import type {
  BatchMix,
  Executor,
  KernelSet,
  ModelArrays,
  RealArray,
  SgdOptions,
} from './contract.ts';
import { encodePlan } from './native-program.ts';

/** Best first; `baseline` is for CPUs with none of the others. */
export const instructionSets = ['avx512', 'avx2', 'neon', 'baseline'] as const;
export type InstructionSet = (typeof instructionSets)[number];

/** Handles are opaque to JavaScript. */
type Handle = object;

/** The addon's exports; see native/addon.cc. */
interface Addon {
  isaLanes(isa: string): number;
  createPool(threads: number): Handle;
  instantiate(
    isa: string,
    pool: Handle,
    program: Float64Array,
    parameters: Float32Array,
    gradients: Float32Array,
    state: Float32Array,
    poison: number,
  ): Handle;
  setBatch(
    instance: Handle,
    images: Float32Array,
    labels: Int32Array,
    count: number,
    partners: Int32Array,
    weights: Float32Array,
  ): void;
  prepare(instance: Handle): void;
  forward(instance: Handle, oldWeight: number): void;
  /** Steps from − 1 … to. */
  backward(instance: Handle, from: number, to: number): void;
  losses(instance: Handle, out: Float64Array): void;
  read(instance: Handle, id: number, gradient: number, count: number, out: Float32Array): void;
  writeGradient(instance: Handle, id: number, values: Float32Array): void;
  readArena(instance: Handle, gradients: number, out: Float32Array): void;
  dispose(instance: Handle): void;
  updateSgd(
    isa: string,
    pool: Handle,
    parameters: Float32Array,
    gradients: Float32Array,
    momentum: Float32Array,
    offset: number,
    size: number,
    options: Float64Array,
  ): void;
  memory(): [number, number];
  stepRuns(instance: Handle, backward: number, out: Float64Array): void;
  measureMachine(
    isa: string,
    pool: Handle,
    milliseconds: number,
    megabytes: number,
    out: Float64Array,
  ): void;
}

export interface NativeOptions {
  /** Default: the best this CPU has. */
  readonly isa?: InstructionSet;
  /** Worker threads, the calling one included; default: all cores. */
  readonly threads?: number;
}

export type NativeLoad =
  | { readonly kernels: KernelSet; readonly isa: InstructionSet }
  | { readonly reason: string };

/** The native kernels of one instruction set, or the reason why there are none. */
export function loadNativeKernels(options: NativeOptions = {}): NativeLoad {
  const loaded = loadAddon<Addon>();
  if ('reason' in loaded) return loaded;
  const { addon } = loaded;
  const isa = options.isa ?? instructionSets.find((name) => addon.isaLanes(name) > 0);
  if (isa === undefined || addon.isaLanes(isa) === 0) {
    return { reason: `this CPU has no ${isa ?? 'known instruction set'}` };
  }
  const threads = options.threads ?? availableParallelism();
  return { kernels: kernelSet(addon, isa, threads), isa };
}

/** Every instruction set's kernels on this machine, and why the others are not there. */
export function nativeKernelSets(options: Pick<NativeOptions, 'threads'> = {}): {
  readonly available: readonly KernelSet[];
  readonly skipped: readonly { readonly name: string; readonly reason: string }[];
} {
  const available: KernelSet[] = [];
  const skipped: { name: string; reason: string }[] = [];
  for (const isa of instructionSets) {
    const load = loadNativeKernels({ ...options, isa });
    if ('kernels' in load) available.push(load.kernels);
    else skipped.push({ name: `native-${isa}`, reason: load.reason });
  }
  return { available, skipped };
}

/** Native allocations so far in this process and the bytes now held; zeros without the addon. */
export function nativeMemory(): { readonly allocations: number; readonly bytes: number } {
  const loaded = loadAddon<Addon>();
  if ('reason' in loaded) return { allocations: 0, bytes: 0 };
  const [allocations, bytes] = loaded.addon.memory();
  return { allocations, bytes };
}

/** What a machine reaches at most with one instruction set and number of threads. */
export interface MachineRates {
  /** 10⁹ floating-point operations a second in registers, two per multiply-add. */
  readonly fmaGflops: number;
  /** 10⁹ bytes a second from memory, and from memory to memory (read and written ones counted). */
  readonly readGbytes: number;
  readonly copyGbytes: number;
}

/**
 * A function that measures the machine for some milliseconds; undefined where the kernels are not native.
 *
 * `bufferMib` should be larger than all caches together; 0 leaves memory out (its rates are 0).
 */
export function machineMeter(
  options: NativeOptions,
): ((milliseconds: number, bufferMib: number) => MachineRates) | undefined {
  const loaded = loadAddon<Addon>();
  const load = loadNativeKernels(options);
  if ('reason' in loaded || 'reason' in load) return undefined;
  const { addon } = loaded;
  const pool = addon.createPool(load.kernels.threads);
  const out = new Float64Array(3);
  return (milliseconds, bufferMib) => {
    addon.measureMachine(load.isa, pool, milliseconds, bufferMib, out.fill(0));
    const [fmaGflops, readGbytes, copyGbytes] = out.map((rate) => rate / 1e9);
    return { fmaGflops: fmaGflops!, readGbytes: readGbytes!, copyGbytes: copyGbytes! };
  };
}

/** What the addon calls the kernels of an instruction set that store activations so. */
function tableName(isa: InstructionSet, storage: ActivationStorage): string {
  return storage === 'float32' ? isa : `${isa}-${storage}`;
}

function kernelSet(addon: Addon, isa: InstructionSet, threads: number): KernelSet {
  const pool = addon.createPool(threads);
  const sgd = new Float64Array(4);
  return {
    name: `native-${isa}`,
    arithmetic: 'float32',
    lanes: addon.isaLanes(isa),
    threads,
    chains: true,
    storages: activationStorages.filter((storage) => addon.isaLanes(tableName(isa, storage)) > 0),
    newArray: (length) => new Float32Array(length),
    instantiate(plan, model, options) {
      if (plan.lanes !== this.lanes)
        throw internalError(`a plan of ${plan.lanes} lanes for ${isa}`);
      const instance = addon.instantiate(
        tableName(isa, plan.tensors[plan.input]!.storage),
        pool,
        encodePlan(plan),
        float32(model.parameters),
        float32(model.gradients),
        float32(model.state),
        Number(options?.poison ?? false),
      );
      return executor(addon, plan, instance);
    },
    updateSgd(model: ModelArrays, { learningRate, momentum, nesterov, decay }: SgdOptions) {
      const { parameters, gradients, momentum: moments } = model;
      for (const { offset, size, factor } of decay) {
        sgd[0] = learningRate;
        sgd[1] = momentum;
        sgd[2] = factor;
        sgd[3] = Number(nesterov);
        addon.updateSgd(
          isa,
          pool,
          float32(parameters),
          float32(gradients),
          float32(moments),
          offset,
          size,
          sgd,
        );
      }
    },
  };
}

const unmixed: BatchMix = { partners: new Int32Array(0), weights: new Float32Array(0) };

function executor(addon: Addon, plan: Plan, instance: Handle): Executor {
  const losses = new Float64Array(plan.batch);
  const runs = new Float64Array(2 * plan.steps.length);
  let count = plan.batch;
  const sizeOf = (id: number) => {
    const { channels, height, width } = plan.tensors[id]!;
    return channels * height * width;
  };
  const output = new Float32Array(plan.batch * sizeOf(plan.output));
  const outputViews = new Map([[plan.batch, output]]);
  const read = (id: number, gradient: number) => {
    const values = new Float32Array(plan.batch * sizeOf(id));
    addon.read(instance, id, gradient, plan.batch, values);
    return values;
  };
  const readLosses = () => {
    addon.losses(instance, losses);
    return losses;
  };
  return {
    plan,
    setBatch(images, labels, n, mix = unmixed) {
      count = n;
      addon.setBatch(instance, float32(images), labels, n, mix.partners, mix.weights);
    },
    takeParameters: () => addon.prepare(instance),
    forward: ({ oldWeight }) => addon.forward(instance, oldWeight),
    backward: (from = plan.steps.length, to = 0) => addon.backward(instance, from, to),
    loss() {
      readLosses();
      let sum = 0;
      for (let i = 0; i < count; i++) sum += losses[i]!;
      return sum / count;
    },
    losses: () => readLosses().subarray(0, count),
    output() {
      addon.read(instance, plan.output, 0, count, output);
      let view = outputViews.get(count);
      if (!view) {
        view = output.subarray(0, count * sizeOf(plan.output));
        outputViews.set(count, view);
      }
      return view;
    },
    readTensor: (id) => read(id, 0),
    readGradient: (id) => read(id, 1),
    writeGradient: (id, values) => addon.writeGradient(instance, id, float32(values)),
    readArena(which) {
      const gradients = which === 'gradients';
      const values = new Float32Array(gradients ? plan.gradientSize : plan.activationSize);
      addon.readArena(instance, Number(gradients), values);
      return values;
    },
    stepRuns(pass) {
      addon.stepRuns(instance, Number(pass === 'backward'), runs);
      const steps = plan.steps.length;
      return plan.steps.map((_, i) => ({ timeMs: runs[i]! / 1e6, tasks: runs[steps + i]! }));
    },
    dispose: () => addon.dispose(instance),
  };
}

function float32(values: RealArray): Float32Array {
  if (values instanceof Float32Array) return values;
  throw internalError('native kernels take float32 arrays');
}
