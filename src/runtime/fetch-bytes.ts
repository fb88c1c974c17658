/** What lies at a URL; the only way by which the runtime asks a server for anything but its kernels. */
import { dataError } from '../core/errors.ts';

/** The bytes at a URL. Throws a data error that names it and says what the server or the network said. */
export async function fetchBytes(url: URL | string): Promise<Uint8Array> {
  const response = await fetch(url).catch((cause: unknown) => {
    const got = cause instanceof Error ? `"${cause.message}"` : 'no answer';
    throw dataError({ path: `${url}`, rule: 'must be reachable', got }, cause);
  });
  if (!response.ok) {
    throw dataError({ path: `${url}`, rule: 'must be there', got: `${response.status}` });
  }
  return new Uint8Array(await response.arrayBuffer());
}
