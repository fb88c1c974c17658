/** What is chosen in the design, and what follows from it. */
import { createMemo } from 'solid-js';
import { createStore } from 'solid-js/store';
import { networkSvg } from '../../draw/network.ts';
import { networkBlockSvg } from '../../draw/network-block.ts';
import { namedNetwork } from '../../spec/named-networks.ts';
import { countCost } from '../../theory/cost.ts';
import { designBlocks } from '../../theory/design.ts';
import { messageOf } from '../shared/problem.tsx';

export interface DesignChoice {
  /** Parameters of one block. */
  readonly budget: number;
  /** Side of the primary kernel. */
  readonly kernel: number;
  readonly L: number;
  readonly M: number;
  readonly depth: number;
  /** Of the images, in pixels. */
  readonly side: number;
  readonly classes: number;
}

/** What `make` gives, or why it gives nothing. */
export type Attempt<T> =
  | { readonly value: T; readonly error?: undefined }
  | { readonly value?: undefined; readonly error: string };

function attempt<T>(make: () => T): Attempt<T> {
  try {
    return { value: make() };
  } catch (error) {
    return { error: messageOf(error) };
  }
}

/** Table 1 (i), and the block that the paper advises there. */
const first: DesignChoice = {
  budget: 4672,
  kernel: 3,
  L: 40,
  M: 2,
  depth: 20,
  side: 32,
  classes: 10,
};

export function createDesign() {
  const [choice, choose] = createStore<DesignChoice>(first);
  const blocks = createMemo(() => {
    const { budget, kernel } = choice;
    return attempt(() => designBlocks({ budget: { params: budget }, kernel: [kernel, kernel] }));
  });
  const network = createMemo(() => {
    const { L, M, depth, side, classes, kernel } = choice;
    const input = { channels: 3, height: side, width: side };
    const variant = kernel === 3 ? {} : { primaryKernel: kernel };
    return attempt(() => namedNetwork({ net: `IGC-L${L}M${M}`, depth, input, classes, variant }));
  });
  /** What needs a network says why there is none. */
  const ofNetwork = <T>(make: (spec: NonNullable<ReturnType<typeof network>['value']>) => T) =>
    createMemo((): Attempt<T> => {
      const { value, error } = network();
      return value ? attempt(() => make(value)) : { error: error ?? '' };
    });
  return {
    choice,
    choose,
    blocks,
    network,
    cost: ofNetwork((spec) => countCost(spec, 'paper')),
    block: ofNetwork((spec) => networkBlockSvg(spec)),
    picture: ofNetwork(networkSvg),
  };
}

/** What trains the chosen network on a command line. */
export function commandOf({ L, M, depth, kernel, side }: DesignChoice): string {
  const size = side === 32 ? '' : ` --img-size ${side}`;
  const variant = kernel === 3 ? '' : ` --variant primaryKernel=${kernel}`;
  return `npx igc train --net IGC-L${L}M${M} --depth ${depth}${variant}${size} --data cifar10`;
}

/** Its blocks as a file, to go on from. */
export function fileOf({ L, M, kernel }: DesignChoice): string {
  return [
    `name: IGC-L${L}M${M}-own`,
    'blocks:',
    `  - { kind: regular, outChannels: ${L * M} }`,
    `  - { kind: igc, L: ${L}, M: ${M}, kernel: ${kernel} }`,
    `  - { kind: igc, L: ${L}, M: ${2 * M}, kernel: ${kernel}, stride: 2 }`,
  ].join('\n');
}
