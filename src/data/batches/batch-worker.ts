/**
 * Entry of a producer's thread; batches.ts starts it.
 */

import { workerData } from 'node:worker_threads';
import { type ProducerTask, produceBatches } from './batch-producer.ts';

await produceBatches(workerData as ProducerTask);
