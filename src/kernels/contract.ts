/**
 * What a kernel set is: it instantiates plans over the arrays of one model and runs them. All checking is done
 * before, at plan time; kernels are dumb. Every set passes one conformance suite against the float64 reference.
 * Letters: N images, C channels, H height, W width.
 */
import type { ActivationStorage, Plan } from '../plan/plan.ts';

/** float64 for the reference that defines everything, else float32. */
export type RealArray = Float32Array | Float64Array;

/** The numbers of a network that outlive a step; offsets are the plan's. */
export interface ModelArrays {
  readonly parameters: RealArray;
  readonly gradients: RealArray;
  readonly momentum: RealArray;
  /** Running means and variances. */
  readonly state: RealArray;
}

/** One step of Nesterov (or plain) momentum SGD with weight decay. */
export interface SgdOptions {
  readonly learningRate: number;
  readonly momentum: number;
  readonly nesterov: boolean;
  /** One factor for every parameter value, or 0 where decay is excluded: [offset, size, weightDecay] spans. */
  readonly decay: readonly {
    readonly offset: number;
    readonly size: number;
    readonly factor: number;
  }[];
}

/** An implementation of all operations: makes executors of plans, and updates parameters. */
export interface KernelSet {
  /** `native-avx512`, `reference-float64`, … */
  readonly name: string;
  readonly arithmetic: 'float32' | 'float64';
  /** Images side by side; plans for this set are made with it. */
  readonly lanes: number;
  readonly threads: number;
  /** Runs steps of several convolutions; plans for this set are made with `chains`. */
  readonly chains: boolean;
  /** How plans for this set may store activations. */
  readonly storages: readonly ActivationStorage[];
  newArray(length: number): RealArray;
  /**
   * Allocates all memory of a plan; nothing is allocated afterwards. An inference plan computes with the
   * parameters and running averages that the model has at this moment, or at the latest `takeParameters`.
   */
  instantiate(plan: Plan, model: ModelArrays, options?: InstantiateOptions): Executor;
  /**
   * m ← μ·m + (g + λ·w); w ← w − η·(g + λ·w + μ·m), or w ← w − η·m without Nesterov.
   * @source authors' NAG, the same as torch's
   */
  updateSgd(model: ModelArrays, options: SgdOptions): void;
}

/** How a plan is put in memory. */
export interface InstantiateOptions {
  /** Fill activation and gradient arenas with NaN first, so that anything read before it is written shows. */
  readonly poison?: boolean;
}

/** What a forward pass needs besides the batch. */
export interface ForwardOptions {
  /** What the old running averages weigh in this step's update (training plans). */
  readonly oldWeight: number;
}

/** One pass of one step. */
export interface StepRun {
  readonly timeMs: number;
  /** Parts it is cut into for the threads, where its loops differ in the one with the fewest. */
  readonly tasks: number;
}

/** Images that are mixed of two: their other class, and what the first one weighs. */
export interface BatchMix {
  readonly partners: Int32Array;
  /** In [0, 1]; the partner weighs the rest. */
  readonly weights: Float32Array;
}

/** One plan in memory. */
export interface Executor {
  readonly plan: Plan;
  /**
   * Sets the first `count` images [count][C][H][W] and labels; the other places of the batch become zero.
   * Training plans take full batches only. With `mix`, the loss wants of each image its label by w and its partner
   * by 1 − w, before label smoothing.
   */
  setBatch(images: RealArray, labels: Int32Array, count: number, mix?: BatchMix): void;
  /** Inference plans: the model's parameters or running averages have changed. Training plans need not be told. */
  takeParameters(): void;
  /** Runs all steps. Training plans take batch statistics and update the running averages. */
  forward(options: ForwardOptions): void;
  /**
   * Runs all steps backwards, from the loss or, in plans without one, from `writeGradient(plan.output)`. In parts: the steps
   * `from` − 1 … `to`, each part going on where the one before it ended. `gradientsFrom` says what is then done.
   */
  backward(from?: number, to?: number): void;
  /** Mean loss over the batch's `count` images. */
  loss(): number;
  /** Loss of each of the `count` images; valid until the next forward. */
  losses(): Float64Array;
  /** The output tensor as [count][C·H·W] (the logits of a whole network); valid until the next forward. */
  output(): RealArray;
  /** A tensor's stored values, or its gradient slot, as [batch][C][H][W]. */
  readTensor(id: number): RealArray;
  readGradient(id: number): RealArray;
  /** Sets a gradient slot from [batch][C][H][W]. */
  writeGradient(id: number, values: RealArray): void;
  /** The whole activation or gradient arena, as it lies in memory (guard words included). */
  readArena(which: 'activations' | 'gradients'): RealArray;
  /** How each of the plan's steps ran in the last pass; kernel sets that do not tell leave it out. */
  stepRuns?(pass: 'forward' | 'backward'): readonly StepRun[];
  dispose(): void;
}
