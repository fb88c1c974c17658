/**
 * @jax-js/jax on its wasm backend (one thread): the same graph as one jitted function, its gradient by autodiff,
 * Nesterov SGD with decay. Running averages are left out, in its favour.
 * Arrays are consumed by what they are passed to; `.ref` keeps one.
 */
import { readFileSync } from 'node:fs';
import {
  blockUntilReady,
  defaultDevice,
  init,
  jit,
  lax,
  nn,
  numpy as np,
  valueAndGrad,
} from '@jax-js/jax';
import { randomNumbers, serve } from './protocol.mjs';

const packageFile = new URL('./node_modules/@jax-js/jax/package.json', import.meta.url);
const { version } = JSON.parse(readFileSync(packageFile, 'utf8'));
const perChannel = [1, -1, 1, 1];

/** One row per op: inputs and parameters → value. */
const rows = {
  conv: ({ groups, stride, pad: [y, x] }, [input], [weight]) =>
    lax.convGeneralDilated(
      input,
      weight,
      [stride, stride],
      [
        [y, y],
        [x, x],
      ],
      {
        featureGroupCount: groups,
      },
    ),
  permute({ map }, [input]) {
    const [batch, channels, height, width] = input.shape;
    const b = map[1] ?? 1;
    const a = channels / b;
    if (!map.every((source, c) => source === (c % a) * b + Math.floor(c / a))) {
      return np.take(input, np.array(map, { dtype: np.int32 }), 1);
    }
    const matrix = input.reshape([batch, a, b, height, width]);
    return np.transpose(matrix, [0, 2, 1, 3, 4]).reshape([batch, channels, height, width]);
  },
  batchNorm({ epsilon }, [input], [gamma, beta]) {
    const over = { keepdims: true };
    const centred = input.ref.sub(np.mean(input, [0, 2, 3], over));
    const variance = np.mean(np.square(centred.ref), [0, 2, 3], over);
    const scale = gamma.reshape(perChannel).div(np.sqrt(variance.add(epsilon)));
    return centred.mul(scale).add(beta.reshape(perChannel));
  },
  relu: (_, [input]) => nn.relu(input),
  add: (_, inputs) => inputs.reduce((sum, input) => sum.add(input)),
  averagePool({ kernel }, [input]) {
    const [, , height, width] = input.shape;
    if (kernel[0] !== height || kernel[1] !== width) throw new Error('pools of parts are left out');
    return np.mean(input, [2, 3]);
  },
  linear: (_, [input], [weight, bias]) => np.matmul(input, weight.transpose()).add(bias),
};

/** Logits of a graph whose values are used up as they are read. */
function forward(nodes, epsilon, parameters, images) {
  const readers = nodes.map(() => 0);
  for (const { inputs } of nodes) for (const i of inputs) readers[i]++;
  const values = [images];
  const read = (i) => (--readers[i] > 0 ? values[i].ref : values[i]);
  for (const { op, inputs, parameters: own } of nodes.slice(1)) {
    const row = rows[op.kind];
    if (!row) throw new Error(`no ${op.kind} in this peer`);
    values.push(
      row(
        { ...op, epsilon },
        inputs.map(read),
        own.map((i) => parameters[i]),
      ),
    );
  }
  return values.at(-1);
}

/** @param request.nodes the graph without its loss; every node with the indices of its `parameters` */
async function start({ nodes, parameters: shapes, epsilon, batch, classes }) {
  if (!(await init('wasm')).includes('wasm')) throw new Error('no wasm backend');
  defaultDevice('wasm');
  const { channels, height, width } = nodes[0].shape;
  const tensor = (shape, values) => np.array(values).reshape(shape);
  const size = (shape) => shape.reduce((product, n) => product * n, 1);
  const images = tensor(
    [batch, channels, height, width],
    randomNumbers(batch * channels * height * width),
  );
  const targets = tensor(
    [batch, classes],
    Float32Array.from({ length: batch * classes }, (_, i) => Number(i % classes === 0)),
  );
  const loss = (parameters, x, t) => {
    const logits = forward(nodes, epsilon, parameters, x);
    return np.sum(t.mul(nn.logSoftmax(logits, 1))).mul(-1 / batch);
  };
  const step = jit((parameters, moments, x, t) => {
    const [value, gradients] = valueAndGrad(loss)(
      parameters.map((w) => w.ref),
      x,
      t,
    );
    const decayed = gradients.map((g, i) => g.add(parameters[i].ref.mul(1e-4)));
    const next = moments.map((m, i) => m.mul(0.9).add(decayed[i].ref));
    const moved = parameters.map((w, i) => w.sub(decayed[i].add(next[i].ref.mul(0.9)).mul(0.001)));
    return [value, moved, next];
  });
  let parameters = shapes.map(({ shape, deviation, mean }) =>
    tensor(
      shape,
      randomNumbers(size(shape), deviation).map((x) => x + mean),
    ),
  );
  let moments = shapes.map(({ shape }) => np.zeros(shape));
  return {
    layouts: { train: ['jit'], inference: [] },
    prepare: async () => async () => {
      const [value, moved, next] = step(parameters, moments, images.ref, targets.ref);
      [parameters, moments] = [moved, next];
      await blockUntilReady([value, ...parameters, ...moments]);
      if (!Number.isFinite(value.item())) throw new Error('its loss is no number');
    },
  };
}

await serve(version, start);
