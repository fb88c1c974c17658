/** The network as ONNX files for the peers that read such, one file for each way to write a permutation. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportOnnx } from '../formats/onnx/export-network.ts';
import { referenceKernels } from '../kernels/reference.ts';
import { initializeModel, makeModel, namedValues } from '../model/model.ts';
import type { Absence, Peer, PeerSetting } from './peer.ts';

/** Starts a peer on such files, which are there as long as it is. */
export async function startOnOnnxFiles(
  setting: PeerSetting,
  start: (request: object) => Promise<Peer | Absence>,
): Promise<Peer | Absence> {
  const directory = mkdtempSync(join(tmpdir(), 'igcnet-bench-'));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  const { channels, height, width } = setting.spec.input;
  const shape = [setting.batch, channels, height, width];
  const files = writeFiles(setting, directory);
  const peer = await start({ files, shape, threads: setting.threads });
  if ('reason' in peer) {
    remove();
    return peer;
  }
  return { ...peer, close: () => peer.close().then(remove) };
}

function writeFiles({ spec, batch }: PeerSetting, directory: string): Record<string, string> {
  const model = makeModel(spec, referenceKernels('float32'));
  initializeModel(model, 0);
  const { epsilon } = spec.batchNorm;
  const network = { name: spec.name, graph: model.graph, epsilon, values: namedValues(model) };
  const write = (permutations: 'gather' | 'transpose') => {
    const file = join(directory, `${permutations}.onnx`);
    writeFileSync(file, exportOnnx(network, { batch, permutations }));
    return file;
  };
  return { gather: write('gather'), transpose: write('transpose') };
}
