/** README.md of an exported network: what it is, how good it was measured to be, and how to use it. */
import { formatCount, markdownTable } from '../draw/text-table.ts';
import { countCost } from '../theory/cost.ts';
import type { RunConfig } from '../train/config.ts';
import { packageVersion } from '../train/environment.ts';
import type { RunEvaluation } from '../train/load.ts';
import type { Exported } from './hugging-face.ts';

/** Markdown with the front matter that Hugging Face reads. */
export function modelCardText(exported: Exported): string {
  const { card, model, run } = exported;
  const { spec } = card;
  const title = run?.name ?? spec.name;
  return [
    ...frontMatter(exported),
    `# ${markdownText(title)}`,
    '',
    `${markdownText(spec.name)}, depth ${spec.depth}: an image classifier of interleaved group convolutions ([Zhang et al., ICCV 2017](https://arxiv.org/abs/1707.02725)), trained with igcnet ${packageVersion()}.`,
    '',
    ...facts(exported, model.layout.parameterSize),
    '## How good it is',
    '',
    ...accuracies(exported),
    '',
    ...training(exported),
    '## How to use it',
    '',
    ...usage(exported),
  ].join('\n');
}

function frontMatter({ card, measured, run }: Exported): readonly string[] {
  const test = measured.evaluations.at(-1);
  const text = (value: string) => JSON.stringify(value);
  const result = test && [
    'model-index:',
    `  - name: ${text(run?.name ?? card.spec.name)}`,
    '    results:',
    '      - task: { type: image-classification }',
    `        dataset: { name: ${text(card.dataset)}, type: ${text(card.dataset)}, split: test }`,
    '        metrics:',
    `          - { type: accuracy, value: ${round(test.top1 / 100, 6)} }`,
  ];
  return [
    '---',
    'library_name: igcnet',
    'pipeline_tag: image-classification',
    'tags: [image-classification, igcnet, interleaved-group-convolution]',
    ...(card.dataset === '' ? [] : [`datasets: [${text(card.dataset)}]`]),
    ...(result ? ['metrics: [accuracy]', ...result] : []),
    '---',
    '',
  ];
}

function facts({ card, weights }: Exported, values: number): readonly string[] {
  const { spec, preprocessing } = card;
  const { channels, height, width } = spec.input;
  const paper = countCost(spec, 'paper');
  const rows = [
    ['images', `${channels}×${height}×${width}`],
    ['classes', `${spec.classes}: ${nameSome(card.classes)}`],
    ['parameters', `${formatCount(values)} (${formatCount(paper.params)} without batch norm)`],
    ['multiply-adds', `${formatCount(paper.macs)} per image`],
    ['weights', weights === 'int8' ? 'int8, a factor for each output channel' : weights],
    ['mean', preprocessing.mean.map((value) => round(value, 6)).join(', ')],
    ['deviation', preprocessing.std.map((value) => round(value, 6)).join(', ')],
  ];
  return [...markdownTable(['', ''], rows), ''];
}

function accuracies({ measured }: Exported): readonly string[] {
  const { evaluations } = measured;
  // Why is not said: a reason may name places of somebody's machine.
  if (evaluations.length === 0) return ['Not measured at export.'];
  const rows = evaluations.map((evaluation) => [
    evaluation.weights,
    `${evaluation.top1.toFixed(2)} %`,
    evaluation.k < evaluation.classes.length ? `${evaluation.topK.toFixed(2)} %` : '–',
    evaluation.loss.toFixed(4),
  ]);
  const first = evaluations[0]!;
  const heads = ['weights', 'top-1', `top-${first.k}`, 'loss'];
  return [
    `On the ${formatCount(first.images)} test images of ${markdownText(first.dataset)}, one run, after epoch ${first.epoch} (${first.which} checkpoint), measured at export with ${first.kernels.name} kernels:`,
    '',
    ...markdownTable(heads, rows, new Set([1, 2, 3])),
    ...weakest(evaluations.at(-1)!),
  ];
}

function weakest({ perClass }: RunEvaluation): readonly string[] {
  const known = perClass.filter(({ accuracy }) => accuracy !== null);
  const sorted = known.toSorted((a, b) => a.accuracy! - b.accuracy!);
  const text = sorted
    .slice(0, 3)
    .map(({ name, accuracy }) => `${markdownText(name)} ${accuracy!.toFixed(1)} %`);
  return text.length === 0 ? [] : ['', `Weakest classes: ${text.join(', ')}.`];
}

function training({ card, run }: Exported): readonly string[] {
  if (!run) return [];
  const { config } = run;
  return [
    '## How it was trained',
    '',
    `On ${markdownText(card.dataset)}, recipe \`${config.recipe}\`, seed ${config.seed}, ${card.epoch} of ${config.epochs} epochs of batches of ${config.batchSize ?? 'a size by the number of images'}: ${optimizerText(config)}.`,
    '',
  ];
}

function optimizerText({ optimizer, schedule }: RunConfig): string {
  const { learningRate, momentum, nesterov, weightDecay } = optimizer;
  return `SGD, learning rate ${learningRate} (${schedule.kind}), ${nesterov ? 'Nesterov ' : ''}momentum ${momentum}, weight decay ${weightDecay}`;
}

function usage({ card }: Exported): readonly string[] {
  const first = card.classes[0] ?? '';
  return [
    'In TypeScript, in Node and in the browser:',
    '',
    '```ts',
    "import { load } from 'igcnet/runtime';",
    "const model = await load('model.safetensors'); // a path or URL",
    `const { top } = await model.classify('image.png'); // [{ name: ${JSON.stringify(first)}, probability: … }, …]`,
    '```',
    '',
    'On the command line:',
    '',
    '```sh',
    'npx igc predict . image.png',
    'python3 igcnet_torch.py image.png   # PyTorch and Pillow; no other package',
    '```',
    '',
    '`igcnet_torch.py` has `load(folder)`, which gives a `torch.nn.Module` of this network and these weights.',
    '',
  ];
}

function nameSome(classes: readonly string[]): string {
  const most = 12;
  const names = classes.slice(0, most).map(markdownText).join(', ');
  return classes.length > most ? `${names}, …` : names;
}

/** A name as Markdown shows it: no line ends, no HTML. */
function markdownText(name: string): string {
  return name.replace(/\p{Cc}/gu, ' ').replace(/[<>&`*_[\]\\]/g, (c) => `&#${c.charCodeAt(0)};`);
}

const round = (value: number, digits: number) => Number(value.toFixed(digits));
