/** What every model server may be given. */
export interface ModelServerOptions {
  /**
   * Environment variables of the container.
   *
   * @default - none beside the server's own
   */
  readonly environment?: { [key: string]: string };

  /**
   * The inference AMI, which brings the GPU driver: a value of `ProductionVariantInferenceAmiVersion`.
   *
   * @default - what the image needs, or SageMaker's default for images that the catalog does not know
   */
  readonly inferenceAmi?: string;
}

/** What every server whose image AWS publishes may be given. */
export interface PublishedServerOptions extends ModelServerOptions {
  /**
   * The tag of the image. Tags are mutable in practice: name the one you have tested.
   *
   * @default - the newest tag of the catalog
   */
  readonly tag?: string;

  /**
   * The account that publishes the image.
   *
   * @default - the account of AWS's Deep Learning Containers in the stack's region
   */
  readonly account?: string;
}

/** Options of the Triton model server. */
export interface TritonOptions extends PublishedServerOptions {
  /**
   * The model of the repository that answers `InvokeEndpoint`.
   *
   * @default - Triton serves the one model of the repository
   */
  readonly defaultModelName?: string;

  /**
   * Threads that take HTTP requests.
   *
   * @default - Triton's own number
   */
  readonly threadCount?: number;

  /**
   * Log every request.
   *
   * @default false
   */
  readonly verboseLogging?: boolean;
}

/** Options of TorchServe. */
export interface TorchServeOptions extends PublishedServerOptions {
  /**
   * The script of the artifact that loads the model and answers.
   *
   * @default - inference.py
   */
  readonly entryPoint?: string;

  /**
   * Worker processes for each model.
   *
   * @default - one for each accelerator
   */
  readonly workersPerModel?: number;
}

/** Options of TensorFlow Serving. */
export interface TensorFlowServingOptions extends PublishedServerOptions {
  /**
   * The model of the artifact that answers `InvokeEndpoint`.
   *
   * @default - the one model of the artifact
   */
  readonly defaultModelName?: string;

  /**
   * Requests that are put together into one batch.
   *
   * @default - requests are not batched
   */
  readonly maxBatchSize?: number;
}

/** What a language model needs of the accelerators' memory. */
export interface ModelMemoryProps {
  /** The model's parameters, in billions. */
  readonly billionParameters: number;

  /**
   * Bytes of one parameter: 2 for 16-bit weights, 1 for 8-bit, 0.5 for 4-bit.
   *
   * @default 2
   */
  readonly bytesPerParameter?: number;

  /** The layers of the model (`num_hidden_layers`). */
  readonly layers: number;

  /** The key-value heads of a layer (`num_key_value_heads`). */
  readonly keyValueHeads: number;

  /** The numbers of one head (`head_dim`, or `hidden_size / num_attention_heads`). */
  readonly headDimension: number;

  /**
   * Bytes of one number in the KV cache.
   *
   * @default 2
   */
  readonly bytesPerCacheValue?: number;
}

/** What a language model keeps in the accelerators' memory, and for how many tokens at once. */
export interface ModelMemoryNeeds extends ModelMemoryProps {
  /**
   * The longest context in tokens.
   *
   * @default 4096
   */
  readonly maxContextTokens?: number;

  /**
   * Requests at once.
   *
   * @default 1
   */
  readonly maxSequences?: number;
}

/** Options of the servers of language models. */
export interface LanguageModelOptions extends PublishedServerOptions {
  /**
   * The model's name at Hugging Face; fetched as the server starts, for which network isolation has to be off. Gated models need a token:
   * put those into S3 and give the artifact instead.
   *
   * @default - the model artifact
   */
  readonly modelId?: string;

  /**
   * The longest context, prompt and answer, in tokens.
   *
   * @default - the model's own
   */
  readonly maxContextTokens?: number;

  /**
   * The requests that are worked on at once.
   *
   * @default - the server's own number
   */
  readonly maxSequences?: number;

  /**
   * The accelerators that one copy of the model is spread over.
   *
   * @default - all of the instance, or of the component's copy
   */
  readonly tensorParallelDegree?: number;

  /**
   * How the weights are quantised, as the server calls it, for example `awq` or `fp8`.
   *
   * @default - as the artifact says
   */
  readonly quantization?: string;

  /**
   * What the model needs of the accelerators' memory. With it, instance types that cannot hold the weights and the KV cache of
   * maxSequences × maxContextTokens are refused at synth.
   *
   * @default - not checked
   */
  readonly memory?: ModelMemoryProps;
}
