/** Peers from npm, which `npm run bench:peers` installs beside the package: both ONNX Runtimes and jax-js. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ruleOf } from '../spec/graph.ts';
import { buildGraph } from '../spec/network.ts';
import { startOnOnnxFiles } from './onnx-files.ts';
import { type Absence, type Peer, type PeerName, type PeerSetting, startPeer } from './peer.ts';
import { startProcess } from './peer-process.ts';

const folder = fileURLToPath(new URL('../../bench/peers/', import.meta.url));

const packages = {
  'onnxruntime-node': 'onnxruntime-node',
  'onnxruntime-web': 'onnxruntime-web',
  'jax-js': '@jax-js/jax',
} as const satisfies Partial<Record<PeerName, string>>;

export type JavaScriptPeerName = keyof typeof packages;

export function isJavaScriptPeer(name: PeerName): name is JavaScriptPeerName {
  return Object.hasOwn(packages, name);
}

/** Starts a peer on a network of random weights. */
export async function startJavaScriptPeer(
  name: JavaScriptPeerName,
  setting: PeerSetting,
): Promise<Peer | Absence> {
  if (!existsSync(join(folder, 'node_modules', packages[name]))) {
    return { name, reason: 'npm run bench:peers installs it' };
  }
  const start = async (request: object) => {
    const child = startProcess(process.execPath, [join(folder, `${name}-peer.mjs`)]);
    const started = await startPeer(name, child, request);
    return 'reason' in started ? started : started.peer;
  };
  if (name === 'jax-js') return start(graphRequest(setting));
  return startOnOnnxFiles(setting, start);
}

/** The graph without its loss, with what its parameters are drawn from. */
function graphRequest({ spec, batch }: PeerSetting): object {
  const parameters: { shape: readonly number[]; deviation: number; mean: number }[] = [];
  const graph = buildGraph(spec).nodes.filter(({ op }) => op.kind !== 'softmaxCrossEntropy');
  const nodes = graph.map((node) => {
    const input = graph[node.inputs[0] ?? 0]!.shape;
    const own = node.op.kind === 'input' ? [] : ruleOf(node.op).parameters(node.op, input);
    const places = own.map(({ shape, init }) => {
      const isConstant = init.kind === 'constant';
      const deviation = isConstant ? 0 : Math.sqrt(2 / init.fanIn);
      return parameters.push({ shape, deviation, mean: isConstant ? init.value : 0 }) - 1;
    });
    return { op: node.op, inputs: node.inputs, shape: node.shape, parameters: places };
  });
  const { epsilon } = spec.batchNorm;
  return { nodes, parameters, epsilon, batch, classes: spec.classes };
}
