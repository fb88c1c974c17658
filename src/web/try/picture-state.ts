/** The picture that is looked at, and what the network says of it. */
import { type Accessor, createEffect, createSignal, on, onCleanup } from 'solid-js';
import type { Classification } from '../../runtime/runtime.ts';
import { startCamera } from './camera.ts';
import type { PageNetwork, Picture } from './sight.tsx';

/** What the network said of a picture. */
export interface Answer {
  readonly classification: Classification;
  /** For this picture alone, its pixels' reading included. */
  readonly timeMs: number;
}

export function createPictures(model: Accessor<PageNetwork | undefined>) {
  const [still, setStill] = createSignal<ImageBitmap>();
  const [camera, setCamera] = createSignal<{ readonly video: HTMLVideoElement; stop(): void }>();
  const [answer, setAnswer] = createSignal<Answer>();
  const [problem, setProblem] = createSignal<unknown>();
  const classify = async (image: Picture) => {
    const network = model();
    if (!network) return;
    const began = performance.now();
    const classification = await network.classify(image);
    // Another network may have been chosen meanwhile.
    if (network === model()) setAnswer({ classification, timeMs: performance.now() - began });
  };
  const stopCamera = () => {
    camera()?.stop();
    setCamera(undefined);
  };
  let isLeft = false;
  let isOpening = false;
  onCleanup(() => {
    isLeft = true;
    stopCamera();
    still()?.close();
  });
  const again = async () => {
    const shown = still();
    setAnswer(undefined);
    // The first picture would be told the time of the engine's compiling.
    await model()
      ?.classify(new ImageData(8, 8))
      .catch(() => {});
    if (shown && !camera()) classify(shown).catch(setProblem);
  };
  createEffect(on(model, again));
  return {
    picture: () => camera()?.video ?? still(),
    isCameraOn: () => camera() !== undefined,
    answer,
    problem,
    async show(file: File) {
      stopCamera();
      setProblem(undefined);
      setAnswer(undefined);
      try {
        const bitmap = await createImageBitmap(file).catch(() => {
          throw new Error(`${file.name}: must be an image that this browser can decode`);
        });
        still()?.close();
        setStill(bitmap);
        await classify(bitmap);
      } catch (error) {
        setProblem(error);
      }
    },
    async toggleCamera() {
      setProblem(undefined);
      if (camera()) return stopCamera();
      if (isOpening) return;
      isOpening = true;
      try {
        const opened = await startCamera(classify);
        // The browser may have asked for leave until the view was left.
        if (isLeft) opened.stop();
        else setCamera(opened);
      } catch (error) {
        setProblem(error);
      }
      isOpening = false;
    },
  };
}
