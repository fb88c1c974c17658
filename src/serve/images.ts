/**
 * The thread in which pictures become a network's pixels, as seen from outside: decoding never holds up the requests, nor
 * the network.
 */
import { workerUrl } from '../core/worker-url.ts';
import type { ImageShape } from '../data/images/resize.ts';
import { startWorkerCalls } from './worker-calls.ts';

/** A picture of a request; `place` names it in errors. */
export type SentImage =
  | { readonly kind: 'file'; readonly place: string; readonly bytes: Uint8Array }
  | {
      readonly kind: 'pixels';
      readonly place: string;
      readonly width: number;
      readonly height: number;
      /** 1, 3 or 4 bytes a pixel. */
      readonly data: Uint8Array;
    };

/** How pictures are brought to the network's size. */
export interface ImageTarget {
  readonly shape: ImageShape;
  /** Share of the largest centred square's side that is kept. */
  readonly cropShare: number | undefined;
}

/** Turns pictures into pixels. */
export interface ImageReader {
  /** Planar C×H×W bytes, one picture behind the other. Throws a data or usage error that names the picture. */
  read(images: readonly SentImage[]): Promise<Uint8Array>;
  close(): Promise<void>;
  /** Rejects when the thread is lost. */
  readonly failed: Promise<never>;
}

/** Starts the thread. */
export function startImageReader(target: ImageTarget): ImageReader {
  const { call, close, failed } = startWorkerCalls<readonly SentImage[], Uint8Array>(
    workerUrl(import.meta.url, 'image-worker'),
    { name: 'images', data: target },
  );
  const read = (images: readonly SentImage[]) => {
    const buffers = images.map(
      (image) => (image.kind === 'file' ? image.bytes : image.data).buffer,
    );
    return call(images, [...new Set(buffers)] as ArrayBuffer[]);
  };
  return { read, close, failed };
}
