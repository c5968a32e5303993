import type { ArgsDef, CommandDef } from 'citty';

/** A command as citty knows it, with what its help and the check of its arguments need besides. */
export interface CliCommand<T extends ArgsDef = ArgsDef> extends CommandDef<T> {
  readonly meta: { readonly name: string; readonly description: string };
  readonly args: T;
  readonly examples: readonly string[];
  /** Paragraphs of the help between flags and examples. */
  readonly notes?: readonly string[];
  /** Flags that may be given several times. */
  readonly repeatable?: readonly string[];
  /** More positional arguments may follow the declared ones. */
  readonly variadic?: boolean;
}

/** Defines a command; its `run` gives the exit status, 0 where it gives none. */
export function command<const T extends ArgsDef>(definition: CliCommand<T>): CliCommand {
  return definition as unknown as CliCommand;
}

/** `--json` of every command that has it. */
export const jsonFlag = {
  type: 'boolean',
  description: 'Print one JSON value on stdout and everything else on stderr',
  default: false,
} as const;

/** What REF means in the commands that take a trained model. */
export const REF_HELP =
  'A run folder, an exported folder, a folder of transformers, timm or transformers.js, a .safetensors or .onnx file, or hf:org/name[@revision]';

/** The same where weights are wanted, which an ONNX file is not: it is the export. */
export const WEIGHTS_HELP = REF_HELP.replace(', timm or transformers.js', ' or timm').replace(' or .onnx', '');

/** Where the commands say what they say about models that others have trained. */
export const refNotes = 'Weights of others and of the Hugging Face Hub as REF: understudy inspect --help';

/** It in full. */
export const foreignNotes =
  'Weights of transformers, timm and torchvision (ViT, DeiT, ResNet, RegNetY) are recognised by their names and shapes,\nand encoders without classes (DINOv2, DINOv3, the image towers of CLIP and SigLIP) by config.json too.\nhf:org/name is downloaded once into the cache of huggingface_hub (HF_HOME, HF_HUB_CACHE; HF_TOKEN or hf auth login for gated\nmodels; HF_HUB_OFFLINE=1 asks nobody; HF_ENDPOINT names a mirror).';
