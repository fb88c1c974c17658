/** The camera as a stream of pictures: each is looked at when the one before is done with. */

/** Starts the camera and calls `look` with its video again and again until `stop`. */
export async function startCamera(
  look: (video: HTMLVideoElement) => Promise<void>,
): Promise<{ readonly video: HTMLVideoElement; stop(): void }> {
  const { mediaDevices } = navigator;
  if (!mediaDevices) throw new Error('camera: needs a page from https or from this machine');
  const stream = await mediaDevices
    .getUserMedia({ video: { facingMode: 'environment', width: 640, height: 640 } })
    .catch((cause: unknown) => {
      const reason = cause instanceof DOMException ? cause.message : String(cause);
      throw new Error(`camera: cannot be opened, the browser says "${reason}"`);
    });
  const video = document.createElement('video');
  video.muted = true;
  video.playsInline = true;
  video.srcObject = stream;
  const stopTracks = () => {
    for (const track of stream.getTracks()) track.stop();
  };
  await video.play().catch((error: unknown) => {
    stopTracks();
    throw error;
  });
  let isOn = true;
  const next = async () => {
    if (!isOn) return;
    if (video.videoWidth > 0) await look(video).catch(() => {});
    requestAnimationFrame(next);
  };
  next();
  return {
    video,
    stop() {
      isOn = false;
      stopTracks();
    },
  };
}
