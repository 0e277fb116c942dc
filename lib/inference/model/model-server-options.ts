/** Options of every model server. */
export interface ModelServerOptions {
  /**
   * Environment variables of the container.
   *
   * @default - the server's own only
   */
  readonly environment?: { [key: string]: string };

  /**
   * Inference AMI, which brings the GPU driver: a value of `ProductionVariantInferenceAmiVersion`.
   *
   * @default - the one that the image needs, or SageMaker's default for images that the catalog does not contain
   */
  readonly inferenceAmi?: string;
}

/** Options of servers whose image AWS publishes. */
export interface PublishedServerOptions extends ModelServerOptions {
  /**
   * Tag of the image. Tags are mutable in practice: name the one that you have tested.
   *
   * @default - the newest tag of the catalog
   */
  readonly tag?: string;

  /**
   * Account that publishes the image.
   *
   * @default - the account that AWS lists for the image in the stack's region; a region without it is refused
   */
  readonly account?: string;
}

/** Options of the Triton model server. */
export interface TritonOptions extends PublishedServerOptions {
  /**
   * Model of the repository that handles `InvokeEndpoint`.
   *
   * @default - Triton serves the one model of the repository
   */
  readonly defaultModelName?: string;

  /**
   * Number of threads for HTTP requests.
   *
   * @default - chosen by Triton
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
   * Script of the artifact that loads the model and handles requests.
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
   * Model of the artifact that handles `InvokeEndpoint`.
   *
   * @default - the one model of the artifact
   */
  readonly defaultModelName?: string;

  /**
   * Maximum number of requests in one batch.
   *
   * @default - requests are not batched
   */
  readonly maxBatchSize?: number;
}

/** Dimensions of a language model that decide how much memory it needs on the accelerators. */
export interface ModelMemoryProps {
  /** Parameters of the model, in billions. */
  readonly billionParameters: number;

  /**
   * Bytes of one parameter: 2 for 16-bit weights, 1 for 8-bit, 0.5 for 4-bit.
   *
   * @default 2
   */
  readonly bytesPerParameter?: number;

  /** Layers of the model (`num_hidden_layers`). */
  readonly layers: number;

  /** Key-value heads of a layer (`num_key_value_heads`). */
  readonly keyValueHeads: number;

  /** Dimension of one head (`head_dim`, or `hidden_size / num_attention_heads`). */
  readonly headDimension: number;

  /**
   * Bytes of one value in the KV cache.
   *
   * @default 2
   */
  readonly bytesPerCacheValue?: number;
}

/** Dimensions of a language model, and the tokens that it keeps in the accelerators' memory at once. */
export interface ModelMemoryNeeds extends ModelMemoryProps {
  /**
   * Maximum context in tokens.
   *
   * @default 4096
   */
  readonly maxContextTokens?: number;

  /**
   * Maximum number of concurrent requests.
   *
   * @default 1
   */
  readonly maxSequences?: number;
}

/** Options of the servers of language models. */
export interface LanguageModelOptions extends PublishedServerOptions {
  /**
   * Name of the model at Hugging Face. The server fetches it at its start, for which network isolation has to be off. Gated models need a
   * token: put those into S3 and give the artifact instead.
   *
   * @default - the model artifact
   */
  readonly modelId?: string;

  /**
   * Maximum context, prompt and response, in tokens.
   *
   * @default - the model's own
   */
  readonly maxContextTokens?: number;

  /**
   * Maximum number of concurrent requests.
   *
   * @default - chosen by the server
   */
  readonly maxSequences?: number;

  /**
   * Number of accelerators that one copy of the model is spread over.
   *
   * @default - all of the instance, or of the component's copy
   */
  readonly tensorParallelDegree?: number;

  /**
   * Quantization of the weights by the server's name for it, for example `awq` or `fp8`.
   *
   * @default - read from the artifact
   */
  readonly quantization?: string;

  /**
   * Dimensions of the model. With them, instance types that cannot hold the weights and the KV cache of maxSequences × maxContextTokens
   * are refused at synth.
   *
   * @default - not checked
   */
  readonly memory?: ModelMemoryProps;
}
