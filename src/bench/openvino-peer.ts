/** OpenVINO as a peer, where a python has it. */
import { fileURLToPath } from 'node:url';
import { startOnOnnxFiles } from './onnx-files.ts';
import { type Absence, type Peer, type PeerSetting, startPeer } from './peer.ts';
import { hasModule, startProcess } from './peer-process.ts';

const script = fileURLToPath(new URL('../../bench/openvino_peer.py', import.meta.url));

export async function startOpenvino(setting: PeerSetting): Promise<Peer | Absence> {
  const candidates = [process.env.IGCNET_OPENVINO_PYTHON, '/usr/bin/python3', 'python3'];
  const python = candidates.find((path) => path && hasModule(path, 'openvino'));
  if (!python) {
    const reason = 'no python3 with openvino; IGCNET_OPENVINO_PYTHON names one';
    return { name: 'openvino', reason };
  }
  return startOnOnnxFiles(setting, async (request) => {
    const started = await startPeer('openvino', startProcess(python, [script]), request);
    return 'reason' in started ? started : started.peer;
  });
}
