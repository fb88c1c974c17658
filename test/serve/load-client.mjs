/**
 * Clients in a process of their own, so that they share no event loop with what they measure: each sends one body over
 * and over on a connection that it keeps. Prints one line of JSON.
 */
import { readFileSync } from 'node:fs';
import http from 'node:http';

const { url, clients, timeMs, warmMs = 0, bodyFile, type } = JSON.parse(process.argv[2]);
const body = readFileSync(bodyFile);
const agent = new http.Agent({ keepAlive: true, maxSockets: clients });
const latencies = [];
const failures = {};
const began = performance.now();

/** One request; its status, or the code of its error. */
function send() {
  return new Promise((resolve) => {
    const headers = { 'content-type': type, 'content-length': body.length };
    const request = http.request(
      `${url}/classify`,
      { method: 'POST', agent, headers },
      (response) => {
        response.resume().on('end', () => resolve(response.statusCode));
      },
    );
    request.on('error', (error) => resolve(error.code));
    request.end(body);
  });
}

async function runClient() {
  for (;;) {
    const start = performance.now();
    if (start - began > warmMs + timeMs) return;
    const status = await send();
    if (status !== 200) failures[status] = 1 + (failures[status] ?? 0);
    if (start - began > warmMs) latencies.push(performance.now() - start);
  }
}

await Promise.all(Array.from({ length: clients }, runClient));
agent.destroy();
latencies.sort((a, b) => a - b);
const quantile = (q) => latencies[Math.min(latencies.length - 1, Math.floor(q * latencies.length))];
const { user, system } = process.cpuUsage();
const seconds = (performance.now() - began) / 1000;
const result = {
  requests: latencies.length,
  requestsPerSecond: latencies.length / (timeMs / 1000),
  failures,
  p50Ms: quantile(0.5),
  p99Ms: quantile(0.99),
  /** Cores that the clients kept busy. */
  clientCores: (user + system) / 1e6 / seconds,
};
console.log(JSON.stringify(result));
