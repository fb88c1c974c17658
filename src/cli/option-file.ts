/** Files that people write: configurations and networks in JSON or YAML. */
import { readFileSync } from 'node:fs';
import { usageError } from '../core/errors.ts';
import { type OwnNetwork, readOwnNetwork } from '../spec/own-network.ts';

/** What a file holds. Throws a usage error naming `flag` when it cannot be read, or the file when it is neither. */
export async function readOptionFile(flag: string, file: string): Promise<unknown> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw usageError({ path: flag, rule: `${file} must be readable`, got: reason });
  }
  return parseYaml(text, file);
}

/** YAML 1.2, of which JSON is a part; no tags that run code. Throws a usage error naming `what`. */
export async function parseYaml(text: string, what: string): Promise<unknown> {
  const { parse } = await import('yaml');
  try {
    return parse(text, { maxAliasCount: 100 }) as unknown;
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0]!.replace(/:$/, '') : '';
    throw usageError({ path: what, rule: 'must be JSON or YAML', got: reason });
  }
}

/** Whether a network is given as a file, by the end of its name. */
export function isNetworkFile(net: string): boolean {
  return /\.(?:ya?ml|json)$/i.test(net);
}

/** Somebody's own network from a file. Throws usage errors that name the file and the place in it. */
export async function readNetworkFile(file: string): Promise<OwnNetwork> {
  const value = await readOptionFile('--net', file);
  return readOwnNetwork(value, { prefix: `${file}: `, whole: file });
}
