/** Networks that were trained in this page, for its other parts to use. */
import { createSignal } from 'solid-js';

export interface TrainedHere {
  readonly name: string;
  /** A model.safetensors. */
  readonly file: Blob;
}

const [networks, setNetworks] = createSignal<readonly TrainedHere[]>([]);

/** Newest first. */
export const handedOver = networks;

export function handOver(network: TrainedHere): void {
  setNetworks([network, ...networks().filter(({ name }) => name !== network.name)]);
}
