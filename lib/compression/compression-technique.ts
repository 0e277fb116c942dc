import { InputError } from '../core/errors';

/** Settings of pruning. */
export interface PruningOptions {
  /**
   * Share of the weights, or of the units of a hidden layer, that is removed, above 0 and below 1.
   *
   * @default 0.5
   */
  readonly sparsity?: number;
}

/**
 * Way to make a model smaller or faster. Pruning and distillation need the weights, which the artifact of the classifier has; an ONNX file can
 * only be quantised.
 *
 * @example
 * compression.CompressionTechnique.distil([64, 32]).thenInt8Static();
 */
export class CompressionTechnique {
  /** Weights in INT8; activations are quantised while the model runs. */
  public static int8Dynamic(): CompressionTechnique {
    return new CompressionTechnique(['int8-dynamic'], {});
  }

  /** Weights and activations in INT8, by the ranges of calibration rows. */
  public static int8Static(): CompressionTechnique {
    return new CompressionTechnique(['int8-static'], {});
  }

  /**
   * The smallest weights become zero, then fine-tuning. The file stays as large; it compresses better.
   *
   * @param options share of the weights
   */
  public static pruneWeights(options: PruningOptions = {}): CompressionTechnique {
    return new CompressionTechnique(['prune-unstructured'], sparsity(options));
  }

  /**
   * The weakest units of the hidden layers are removed, then fine-tuning.
   *
   * @param options share of the units
   */
  public static pruneUnits(options: PruningOptions = {}): CompressionTechnique {
    return new CompressionTechnique(['prune-structured'], sparsity(options));
  }

  /**
   * A smaller network learns the answers of the model.
   *
   * @param hiddenWidths widths of its hidden layers
   */
  public static distil(hiddenWidths: number[]): CompressionTechnique {
    if (hiddenWidths.length === 0 || hiddenWidths.some((width) => !Number.isInteger(width) || width < 1)) {
      throw new InputError(`hiddenWidths (${hiddenWidths.join(', ')}) must be whole numbers from 1, at least one`);
    }
    return new CompressionTechnique(['distil'], { 'student-hidden': hiddenWidths.join(',') });
  }

  /** The network as it is: only its layout changes. Its size and speed count as those of the model. */
  public static unchanged(): CompressionTechnique {
    return new CompressionTechnique(['unchanged'], {});
  }

  /** @internal */
  public readonly _settings: { readonly [hyperparameter: string]: string };

  private readonly steps: readonly string[];

  private constructor(steps: readonly string[], settings: { readonly [hyperparameter: string]: string }) {
    this.steps = steps;
    this._settings = settings;
  }

  /** Name of the technique in the report, its steps joined by `+`. */
  public get techniqueName(): string {
    return this.steps.join('+');
  }

  /** @internal */
  public get _isQuantised(): boolean {
    return this.steps.some((name) => name.startsWith('int8-'));
  }

  /** Quantises the result by {@link int8Dynamic}. */
  public thenInt8Dynamic(): CompressionTechnique {
    return this.then('int8-dynamic');
  }

  /** Quantises the result by {@link int8Static}. */
  public thenInt8Static(): CompressionTechnique {
    return this.then('int8-static');
  }

  private then(step: string): CompressionTechnique {
    if (this._isQuantised) {
      throw new InputError(`${this.techniqueName} is quantised already; leave ${step} out`);
    }
    if (this.techniqueName === 'unchanged') {
      throw new InputError(`unchanged stands alone; take ${step} without it`);
    }
    return new CompressionTechnique([...this.steps, step], this._settings);
  }
}

function sparsity({ sparsity: share }: PruningOptions): { readonly [hyperparameter: string]: string } {
  if (share === undefined) return {};
  if (!(share > 0 && share < 1)) throw new InputError(`sparsity (${share}) must be above 0 and below 1`);
  return { sparsity: String(share) };
}
