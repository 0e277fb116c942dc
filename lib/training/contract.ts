/** Keys of the metadata of a model package (`CustomerMetadataProperties`). Values are texts of at most 256 characters. */
export const PACKAGE_METADATA = {
  trainingJob: 'tidegate:training-job',
  /** Optimisation job that made a language model smaller, and the number format of its weights. */
  optimizationJob: 'tidegate:optimization-job',
  quantization: 'tidegate:quantization',
  /** Artifact of the model that it was trained or compressed from. */
  parentModelData: 'tidegate:parent-model-data',
  /** ARN of the package of that model; absent where the execution named none. */
  parentPackage: 'tidegate:parent-model-package',
  /** Largest time of the rows that it has learned, epoch seconds. */
  dataWatermark: 'tidegate:data-watermark',
  accuracy: 'tidegate:accuracy',
  worstSlice: 'tidegate:worst-slice',
  artifactBytes: 'tidegate:artifact-bytes',
  latencyP50Ms: 'tidegate:latency-p50-ms',
  latencyP95Ms: 'tidegate:latency-p95-ms',
  requestsPerSecond: 'tidegate:requests-per-second',
  /** Generated tokens a second, of a language model. */
  tokensPerSecond: 'tidegate:tokens-per-second',
  maxConcurrency: 'tidegate:max-concurrency-per-instance',
  costPer1000Usd: 'tidegate:cost-per-1000-requests-usd',
  /** Location of the report of its evaluation. */
  evaluationReport: 'tidegate:evaluation-report',
  /** Model beside which it was evaluated. */
  evaluatedAgainst: 'tidegate:evaluated-against',
} as const;
