/** Every path of a service, its method, and each status that it answers with: what routing and openapi.ts go by. */

/** One path. */
export interface Endpoint {
  /** GET stands for HEAD too. */
  readonly method: 'GET' | 'POST';
  readonly summary: string;
  /** What each status means here. */
  readonly statuses: Readonly<Record<number, string>>;
}

const wrongMethod = { 405: 'another method; Allow names those that there are' } as const;

/** In the order of the documentation. */
export const endpoints = {
  '/classify': {
    method: 'POST',
    summary: 'classifies one picture or several',
    statuses: {
      200: 'the likeliest classes, likeliest first',
      400: 'the query or the body is malformed, or a picture cannot be decoded',
      ...wrongMethod,
      408: 'the body did not arrive in time',
      413: 'the body, the number of pictures or their pixels are beyond the limits',
      415: 'a Content-Type or Content-Encoding that is not taken',
      500: 'the service failed',
      503: 'too much waits already, the answer was not ready in time, or the service stops',
    },
  },
  '/': {
    method: 'GET',
    summary: 'what is served',
    statuses: { 200: 'the network and the paths', ...wrongMethod },
  },
  '/model': {
    method: 'GET',
    summary: 'the network: classes, input, kernels, limits',
    statuses: { 200: 'the network', ...wrongMethod },
  },
  '/healthz': {
    method: 'GET',
    summary: 'whether requests are taken',
    statuses: { 200: 'they are', ...wrongMethod, 503: 'the service stops' },
  },
  '/metrics': {
    method: 'GET',
    summary: 'counters, for Prometheus',
    statuses: { 200: 'text, version 0.0.4', ...wrongMethod },
  },
  '/openapi.json': {
    method: 'GET',
    summary: 'this description',
    statuses: { 200: 'OpenAPI 3.1', ...wrongMethod },
  },
} as const satisfies Record<string, Endpoint>;

/** A path of the table. */
export type EndpointPath = keyof typeof endpoints;

/** Whether there is such a path. */
export function isEndpoint(path: string): path is EndpointPath {
  return Object.hasOwn(endpoints, path);
}

/** The methods of a path, as Allow lists them. */
export function methodsOf(path: EndpointPath, hasCors: boolean): readonly string[] {
  const own = endpoints[path].method === 'GET' ? ['GET', 'HEAD'] : ['POST'];
  return hasCors ? [...own, 'OPTIONS'] : own;
}
