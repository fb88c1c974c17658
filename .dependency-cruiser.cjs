/**
 * Imports point one way:
 *   core ← spec ← theory ← plan ← kernels, data, formats, team ← model ← train ← experiment, export ← ui ← cli
 *                                                          model ← runtime ← serve ← cli
 *                                                          experiment ← slurm ← cli
 *   web, the page, stands beside them: what it takes of them must need nothing of Node
 * `draw` hangs off spec, `bench` off train; src/index.ts may import everything but cli. Each row says what a folder may import.
 */
const mayImport = {
  core: [],
  draw: ['core', 'spec'],
  spec: ['core'],
  theory: ['core', 'spec'],
  plan: ['core', 'draw', 'spec', 'theory'],
  kernels: ['core', 'spec', 'plan'],
  data: ['core'],
  team: ['core'],
  formats: ['core', 'spec'],
  model: ['core', 'spec', 'plan', 'kernels', 'formats'],
  runtime: ['core', 'spec', 'plan', 'kernels', 'data', 'formats', 'model'],
  serve: ['core', 'spec', 'plan', 'kernels', 'data', 'formats', 'model', 'runtime'],
  train: ['core', 'spec', 'theory', 'plan', 'kernels', 'data', 'formats', 'model', 'team'],
  bench: [
    ...['core', 'draw', 'spec', 'theory', 'plan', 'kernels', 'data', 'formats', 'model', 'team'],
    'train',
  ],
  experiment: [
    ...['core', 'draw', 'spec', 'theory', 'plan', 'kernels', 'data', 'formats', 'model', 'train'],
  ],
  slurm: ['core', 'experiment'],
  export: ['core', 'draw', 'spec', 'theory', 'kernels', 'formats', 'model', 'train'],
  cli: [
    ...['core', 'draw', 'spec', 'theory', 'plan', 'kernels', 'data', 'formats', 'model', 'train'],
    ...['experiment', 'slurm', 'export', 'serve', 'team', 'ui'],
  ],
  ui: ['core', 'data', 'kernels', 'model', 'train', 'experiment'],
  web: [
    ...['core', 'draw', 'spec', 'theory', 'plan', 'kernels', 'data', 'formats', 'model', 'runtime'],
    ...['train', 'ui'],
  ],
};

const oneWay = Object.entries(mayImport).map(([folder, allowed]) => ({
  name: `${folder}-imports`,
  severity: 'error',
  comment: `src/${folder} may import only ${allowed.join(', ') || 'nothing'} and itself`,
  from: { path: `^src/${folder}/` },
  to: { path: '^src/', pathNot: `^src/(${[folder, ...allowed].join('|')})/` },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...oneWay,
    {
      name: 'library-without-command',
      severity: 'error',
      comment: 'the library must not load the command line',
      from: { path: '^src/index\\.ts$' },
      to: { path: '^src/cli/' },
    },
    {
      name: 'every-folder-has-a-row',
      severity: 'error',
      comment: 'a new folder needs a row in mayImport',
      from: {
        path: '^src/[^/]+/',
        pathNot: `^src/(${Object.keys(mayImport).join('|')})/`,
      },
      to: {},
    },
    {
      name: 'no-cycles',
      severity: 'error',
      comment: 'a cycle through a type-only import exists for the compiler alone, and is allowed',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-unresolved',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-development-packages',
      severity: 'error',
      comment: 'what is shipped may need only dependencies (sharp and koffi are optional peers)',
      from: { path: '^src/', pathNot: '^src/web/' }, // which is bundled
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg'], pathNot: 'node_modules/(sharp|koffi)/' },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'default'],
      extensions: ['.ts', '.js', '.json'],
    },
  },
};
