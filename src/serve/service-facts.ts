/** What a service says of itself: at / and /model. */
import { endpoints } from './endpoints.ts';
import type { NetworkFacts } from './network.ts';
import type { ServeSettings } from './settings.ts';

/** For somebody who opens the address. */
export function describeService({ net, depth, classes, dataset }: NetworkFacts) {
  const paths = Object.entries(endpoints).map(([path, { method, summary }]) => {
    return [`${method} ${path}`, summary];
  });
  const service = 'igcnet: image classification';
  return {
    service,
    net,
    depth,
    dataset,
    classes: classes.length,
    paths: Object.fromEntries(paths),
  };
}

/** For a program that wants to know what it may send, and what comes back. */
export function describeModel(facts: NetworkFacts, settings: ServeSettings) {
  const { net, depth, classes, preprocessing, dataset, epoch, kernels } = facts;
  const { channels, height, width } = preprocessing;
  const { batch, maxImages, maxBodyBytes, maxPixels, timeoutMs } = settings;
  return {
    ...{ net, depth, dataset, epoch, classes },
    input: { channels, height, width },
    preprocessing,
    kernels: { name: kernels.name, threads: kernels.threads },
    limits: { batch, maxImages, maxBodyBytes, maxPixels, timeoutMs },
  };
}
