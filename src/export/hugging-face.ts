/**
 * A network as a folder in Hugging Face's layout: config.json, model.safetensors with torch's names, preprocessor_config.json,
 * a model card, and a PyTorch file that loads it.
 */
import { readFileSync } from 'node:fs';
import type { FileContent } from '../core/durable-files.ts';
import { jsonText } from '../core/json-file.ts';
import type { WeightStorage } from '../formats/weight-storage.ts';
import type { Model } from '../model/model.ts';
import type { ModelCard, Preprocessing } from '../model/model-card.ts';
import { encodeModel } from '../model/model-file.ts';
import type { RunConfig } from '../train/config.ts';
import { packageVersion } from '../train/environment.ts';
import type { Measured } from './export-run.ts';
import { modelCardText } from './model-card-text.ts';

/** What a folder is made of. */
export interface Exported {
  readonly model: Model;
  readonly card: ModelCard;
  readonly weights: WeightStorage;
  readonly measured: Measured;
  /** Undefined for a network that is no run's. */
  readonly run: { readonly name: string; readonly config: RunConfig } | undefined;
}

/** Seen from src/export and dist/export alike. */
const torchFile = new URL('../../python/igcnet_torch.py', import.meta.url);

/** The folder's files. */
export function huggingFaceFiles(exported: Exported): readonly FileContent[] {
  const { model, card, weights } = exported;
  return [
    { name: 'README.md', bytes: modelCardText(exported) },
    { name: 'config.json', bytes: jsonText(configuration(exported)) },
    { name: 'preprocessor_config.json', bytes: jsonText(processor(card.preprocessing)) },
    { name: 'igcnet_torch.py', bytes: readFileSync(torchFile) },
    { name: 'model.safetensors', bytes: encodeModel(model, card, { names: 'torch', weights }) },
  ];
}

function configuration({ model: { graph, spec }, card: { classes }, weights }: Exported) {
  const numbered = classes.map((name, i) => [`${i}`, name] as const);
  return {
    model_type: 'igcnet',
    architectures: ['IGCNet'],
    igcnet_version: packageVersion(),
    torch_dtype: weights === 'float16' ? 'float16' : 'float32',
    weights,
    num_labels: classes.length,
    num_channels: spec.input.channels,
    image_size: [spec.input.height, spec.input.width],
    id2label: Object.fromEntries(numbered),
    label2id: Object.fromEntries(numbered.map(([i, name]) => [name, Number(i)])),
    batch_norm_epsilon: spec.batchNorm.epsilon,
    network: spec,
    graph: graph.nodes,
  };
}

/** PIL's bilinear. @source pillow.readthedocs.io, Resampling */
const bilinear = 2;

/** As torchvision and transformers say it: resize the shorter side, crop the centre, scale, normalise. */
function processor({ height, width, mean, std, cropShare = 1 }: Preprocessing) {
  return {
    image_processor_type: 'CLIPImageProcessor',
    do_convert_rgb: mean.length === 3,
    do_resize: true,
    // The whole crop lies in the picture whatever its form; igcnet_torch.py takes the least that does.
    size: { shortest_edge: Math.round(Math.max(height, width) / cropShare) },
    igcnet_crop_share: cropShare,
    resample: bilinear,
    do_center_crop: true,
    crop_size: { height, width },
    do_rescale: true,
    rescale_factor: 1 / 255, // files hold bytes, whatever range the training images had
    do_normalize: true,
    image_mean: mean,
    image_std: std.map((deviation) => (deviation > 0 ? deviation : 1)),
  };
}
