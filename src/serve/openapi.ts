/** The OpenAPI 3.1 description of a service: its table of endpoints, with what bodies and answers look like. */
import { takenTypes } from './classify-request.ts';
import { type Endpoint, endpoints } from './endpoints.ts';
import type { ServeSettings } from './settings.ts';

type Json = Readonly<Record<string, unknown>>;

/** JSON that describes the service of these settings. */
export function openApi(settings: ServeSettings, hasWebp: boolean): Json {
  return {
    openapi: '3.1.0',
    info: {
      title: 'igcnet image classification',
      version: '1',
      description:
        'Errors are {"error": "<place>: <rule>, got <value>"}. Unknown paths are answered by 404; what is no HTTP by 400, ' +
        'headers that are too slow by 408 and too long by 431, and the connection is closed.',
    },
    paths: Object.fromEntries(
      Object.entries(endpoints).map(([path, endpoint]) => [
        path,
        describePath(path, endpoint, settings, hasWebp),
      ]),
    ),
    components: { schemas: schemas(settings) },
  };
}

function describePath(path: string, endpoint: Endpoint, settings: ServeSettings, hasWebp: boolean) {
  const { method, summary } = endpoint;
  const operation = { summary, responses: describeResponses(path, endpoint.statuses) };
  const preflight = {
    options: { summary: 'a preflight', responses: { 204: { description: 'allowed' } } },
  };
  const own =
    method === 'GET'
      ? { get: operation, head: operation }
      : { post: { ...operation, parameters: [topParameter], requestBody: requestBody(hasWebp) } };
  return { ...own, ...(settings.cors !== undefined && preflight) };
}

function describeResponses(path: string, statuses: Endpoint['statuses']): Json {
  const described = Object.entries(statuses).map(([status, description]) => {
    const isError = Number(status) >= 400 && path !== '/healthz';
    const schema = isError || status === '405' ? reference('Error') : answerSchemas[path];
    const type = path === '/metrics' && status === '200' ? 'text/plain' : 'application/json';
    const content = { [type]: { schema: schema ?? { type: 'object' } } };
    const headers = {
      ...(status === '405' && { allow: textHeader }),
      ...(status === '503' && path === '/classify' && { 'retry-after': textHeader }),
    };
    return [status, { description, content, headers }];
  });
  return Object.fromEntries(described);
}

const reference = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const textHeader = { schema: { type: 'string' } } as const;

const answerSchemas: Readonly<Record<string, Json>> = {
  '/classify': { oneOf: [reference('Classification'), reference('Classifications')] },
  '/metrics': { type: 'string' },
};

const topParameter = {
  ...{ name: 'top', in: 'query', description: 'how many classes to answer' },
  schema: { type: 'integer', minimum: 1, default: 5 },
} as const;

function requestBody(hasWebp: boolean): Json {
  const contents = takenTypes(hasWebp).map((type) => {
    const schema = type === 'application/json' ? reference('Request') : {};
    return [type, { schema }] as const;
  });
  return { required: true, content: Object.fromEntries(contents) };
}

function objectOf(properties: Json, required: readonly string[] = Object.keys(properties)): Json {
  return { type: 'object', properties, required, additionalProperties: false };
}

function schemas({ maxImages }: ServeSettings): Json {
  const base64 = { type: 'string', contentEncoding: 'base64', minLength: 4 };
  const size = { type: 'integer', minimum: 1 };
  const image = { oneOf: [base64, reference('Pixels')] };
  const images = { type: 'array', items: image, minItems: 1, maxItems: maxImages };
  const predictions = { type: 'array', items: reference('Prediction') };
  const timeMs = { type: 'number', description: 'from the first byte to the answer' };
  return {
    Request: {
      oneOf: [
        objectOf({ image: base64 }),
        objectOf({ images }),
        objectOf({ pixels: reference('Pixels') }),
      ],
    },
    Pixels: {
      ...objectOf({ width: size, height: size, data: base64 }),
      description: 'row by row; grey, RGB or RGBA, by the length of the data',
    },
    Prediction: objectOf({
      name: { type: 'string' },
      probability: { type: 'number', minimum: 0, maximum: 1 },
    }),
    Classification: objectOf({ predictions, timeMs }),
    Classifications: objectOf({
      results: { type: 'array', items: objectOf({ predictions }) },
      timeMs,
    }),
    Error: objectOf({ error: { type: 'string' } }),
  };
}
