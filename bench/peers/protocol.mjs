/** One JSON object per line of standard input, one answer per line of standard output, as bench/torch_peer.py. */
import { createInterface } from 'node:readline';

/**
 * @typedef {object} Engine
 * @property {Record<'train' | 'inference', readonly string[]>} layouts Ways in which it runs the network.
 * @property {(what: string, layout: string) => Promise<() => unknown>} prepare A function that does one step.
 */

/**
 * Answers {do: 'start', …} with version and layouts, and {do: 'train' | 'inference', layout, steps} with the
 * milliseconds of each step, or with the error for which a layout cannot run.
 * @param {string} version
 * @param {(request: object) => Promise<Engine>} start
 */
export async function serve(version, start) {
  let engine;
  const steps = new Map();
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    let answer;
    try {
      if (request.do === 'start') {
        engine = await start(request);
        answer = { version, layouts: engine.layouts };
      } else {
        const key = `${request.do}/${request.layout}`;
        if (!steps.has(key)) steps.set(key, await engine.prepare(request.do, request.layout));
        answer = { ms: await time(steps.get(key), request.steps) };
      }
    } catch (error) {
      answer = { error: String(error).split('\n')[0] };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}

async function time(step, count) {
  const ms = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    await step();
    ms.push(performance.now() - start);
  }
  return ms;
}

/** Normal numbers, the same every time. */
export function randomNumbers(length, deviation = 1) {
  let state = 1;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 1) / 4294967297;
  };
  return Float32Array.from(
    { length },
    () => deviation * Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
}
