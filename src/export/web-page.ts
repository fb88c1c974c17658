import type { FileContent } from '../core/durable-files.ts';
import type { Exported } from './hugging-face.ts';
export function webPageFiles(_exported: Exported): readonly FileContent[] {
  return [];
}
