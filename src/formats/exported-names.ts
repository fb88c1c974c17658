/**
 * What tensors are called in files for other frameworks: our paths with `.` for `/`, and torch's names for the
 * values of batch norms.
 */

/** Last part of our path → last part of the exported name, where they differ. */
const exportedParts: Readonly<Record<string, string>> = {
  gamma: 'weight',
  beta: 'bias',
  runningMean: 'running_mean',
  runningVariance: 'running_var',
};

/** The other way is by a network's paths: none of them shares its exported name. @example exportedName('stage1/block1/bn/gamma') // 'stage1.block1.bn.weight' */
export function exportedName(path: string): string {
  const parts = path.split('/');
  const last = parts.pop()!;
  return [...parts, exportedParts[last] ?? last].join('.');
}
