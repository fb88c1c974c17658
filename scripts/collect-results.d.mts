import type { RecordedResult } from '../src/theory/tables/results.ts';

export function collectResults(): readonly RecordedResult[];
