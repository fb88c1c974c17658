/**
 * One plan in a wasm memory. The model's arrays stay in JavaScript; what a pass reads of them is copied in before it and
 * what it writes is copied out after it, which costs next to nothing beside the pass.
 */
import { internalError } from '../core/errors.ts';
import type { Plan } from '../plan/plan.ts';
import type { Executor, InstantiateOptions, ModelArrays, RealArray } from './contract.ts';
import { encodePlan } from './native-program.ts';
import { type Heap, memoryError } from './wasm-heap.ts';
import type { WasmExports } from './web-assembly.ts';

/** Gives back executors that were dropped without `dispose`. */
const dropped = new FinalizationRegistry<() => void>((release) => release());

export function wasmExecutor(
  exports: WasmExports,
  heap: Heap,
  plan: Plan,
  model: ModelArrays,
  { poison = false }: InstantiateOptions,
): Executor {
  const numbers = { parameters: float32(model.parameters), state: float32(model.state) };
  const gradients = float32(model.gradients);
  const places = takePlaces(heap, plan, model);
  const { at } = places;
  const copyIn = (name: 'parameters' | 'state') =>
    heap.floats(at[name], numbers[name].length).set(numbers[name]);
  copyIn('parameters');
  copyIn('state');
  const instance = create(exports, heap, plan, at, poison);
  if (instance === 0) {
    places.give();
    throw memoryError();
  }
  const release = () => {
    exports.destroy(instance);
    places.give();
  };
  const readWhole = (id: number, read: 'readTensor' | 'readGradient') => {
    exports[read](instance, id, plan.batch, at.out);
    return heap.floats(at.out, plan.batch * elements(plan, id)).slice();
  };
  const losses = new Float64Array(plan.batch);
  const readLosses = () => {
    losses.set(heap.doubles(exports.losses(instance), plan.batch));
    return losses.subarray(0, count);
  };
  const output = new Float32Array(plan.batch * elements(plan, plan.output));
  let count = plan.batch;
  const executor: Executor = {
    plan,
    setBatch(images, labels, n, mix) {
      count = n;
      const values = n * elements(plan, plan.input);
      heap.floats(at.images, values).set(images.subarray(0, values));
      heap.integers(at.labels, n).set(labels.subarray(0, n));
      if (mix) {
        heap.integers(at.partners, n).set(mix.partners.subarray(0, n));
        heap.floats(at.weights, n).set(mix.weights.subarray(0, n));
      }
      const [partners, weights] = mix ? [at.partners, at.weights] : [0, 0];
      exports.setBatch(instance, at.images, at.labels, n, partners, weights);
    },
    forward({ oldWeight }) {
      if (!plan.training) return exports.forward(instance, oldWeight);
      copyIn('parameters');
      copyIn('state');
      exports.forward(instance, oldWeight);
      numbers.state.set(heap.floats(at.state, numbers.state.length));
    },
    backward(from = plan.steps.length, to = 0) {
      exports.backward(instance, from, to);
      gradients.set(heap.floats(at.gradients, gradients.length));
    },
    takeParameters() {
      if (plan.training) return;
      copyIn('parameters');
      copyIn('state');
      exports.prepare(instance);
    },
    loss: () => readLosses().reduce((sum, loss) => sum + loss, 0) / count,
    losses: readLosses,
    output() {
      exports.readTensor(instance, plan.output, count, at.out);
      const values = output.subarray(0, count * elements(plan, plan.output));
      values.set(heap.floats(at.out, values.length));
      return values;
    },
    readTensor: (id) => readWhole(id, 'readTensor'),
    readGradient: (id) => readWhole(id, 'readGradient'),
    writeGradient(id, values) {
      heap.floats(at.out, values.length).set(values);
      exports.writeGradient(instance, id, at.out);
    },
    readArena(which) {
      const size = which === 'gradients' ? plan.gradientSize : plan.activationSize;
      return heap.floats(exports.arena(instance, Number(which === 'gradients')), size).slice();
    },
    dispose() {
      dropped.unregister(executor);
      release();
    },
  };
  dropped.register(executor, release, executor);
  return executor;
}

/** Where the arrays that JavaScript and the kernels exchange lie. */
type Places = Readonly<
  Record<
    'parameters' | 'gradients' | 'state' | 'images' | 'labels' | 'partners' | 'weights' | 'out',
    number
  >
>;

function takePlaces(heap: Heap, plan: Plan, model: ModelArrays) {
  const largest = Math.max(...plan.tensors.map((_, id) => elements(plan, id)));
  const words: Places = {
    parameters: model.parameters.length,
    gradients: model.gradients.length,
    state: model.state.length,
    images: plan.batch * elements(plan, plan.input),
    labels: plan.batch,
    partners: plan.batch,
    weights: plan.batch,
    out: plan.batch * largest,
  };
  const at: Record<string, number> = {};
  const give = () => {
    for (const pointer of Object.values(at)) heap.give(pointer);
  };
  try {
    for (const [name, length] of Object.entries(words)) at[name] = heap.take(4 * length);
  } catch (error) {
    give();
    throw error;
  }
  return { at: at as Places, give };
}

function create(exports: WasmExports, heap: Heap, plan: Plan, at: Places, poison: boolean): number {
  const program = encodePlan(plan);
  const place = heap.take(8 * program.length);
  heap.doubles(place, program.length).set(program);
  const { parameters, gradients, state } = at;
  const instance = exports.create(place, parameters, gradients, state, Number(poison)) >>> 0;
  heap.give(place);
  return instance;
}

function elements(plan: Plan, id: number): number {
  const { channels, height, width } = plan.tensors[id]!;
  return channels * height * width;
}

function float32(values: RealArray): Float32Array {
  if (values instanceof Float32Array) return values;
  throw internalError('wasm kernels take float32 arrays');
}
