/** The picture beside what the network sees of it: cropped at its centre, and as small as its input. */
import { createEffect, onMount } from 'solid-js';
import { resizeToCover } from '../../data/images/resize.ts';
import type { ImageInput } from '../../runtime/browser-image.ts';
import { rgbOf } from '../../runtime/image-input.ts';
import type { RuntimeModel } from '../../runtime/runtime.ts';

/** A network in this page. */
export type PageNetwork = RuntimeModel<ImageInput>;
export type Picture = ImageBitmap | HTMLVideoElement;

export function Sight(props: {
  readonly picture: Picture | undefined;
  readonly model: PageNetwork | undefined;
  /** Changes when the picture was looked at anew. */
  readonly at: unknown;
}) {
  let whole: HTMLCanvasElement | undefined;
  let seen: HTMLCanvasElement | undefined;
  onMount(() => {
    createEffect(() => {
      const { picture, model, at: _at } = props;
      if (!picture || !whole || !seen) return;
      const [width, height] =
        picture instanceof HTMLVideoElement
          ? [picture.videoWidth, picture.videoHeight]
          : [picture.width, picture.height];
      if (!(width > 0 && height > 0)) return;
      whole.width = width;
      whole.height = height;
      const context = whole.getContext('2d', { willReadFrequently: true })!;
      context.drawImage(picture, 0, 0, width, height);
      if (model) drawSeen(seen, context.getImageData(0, 0, width, height), model);
    });
  });
  return (
    <section class="card seen" aria-label="The picture">
      <figure>
        <canvas ref={whole} width="320" height="320" aria-label="The picture as it is" role="img" />
        <figcaption>The picture</figcaption>
      </figure>
      <figure>
        <canvas
          ref={seen}
          class="pixels"
          width="32"
          height="32"
          aria-label="The picture as the network sees it"
          role="img"
        />
        <figcaption>What the network sees</figcaption>
      </figure>
    </section>
  );
}

function drawSeen(canvas: HTMLCanvasElement, image: ImageData, model: PageNetwork): void {
  const { input } = model.spec;
  const planar = resizeToCover(rgbOf(image), input, model.preprocessing.cropShare);
  const area = input.width * input.height;
  const out = new ImageData(input.width, input.height);
  for (let i = 0; i < area; i++) {
    for (let c = 0; c < 3; c++) {
      out.data[4 * i + c] = planar[(input.channels === 1 ? 0 : c) * area + i]!;
    }
    out.data[4 * i + 3] = 255;
  }
  canvas.width = input.width;
  canvas.height = input.height;
  canvas.getContext('2d')!.putImageData(out, 0, 0);
}
