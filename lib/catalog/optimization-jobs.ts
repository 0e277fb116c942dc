/**
 * Instance types that host what an optimisation job makes (`DeploymentInstanceType`); SageMaker chooses the type that the job itself runs on.
 * Source: API reference of CreateOptimizationJob, 2026-08.
 */
export const OPTIMIZATION_INSTANCE_TYPES: readonly string[] = [
  ...sizes('g4dn', '', 2, 4, 8, 12, 16),
  ...sizes('g5', '', 2, 4, 8, 12, 16, 24, 48),
  ...sizes('g6', '', 2, 4, 8, 12, 16, 24, 48),
  ...sizes('g6e', '', 2, 4, 8, 12, 16, 24, 48),
  ...sizes('g7', 2, 4, 8, 12, 24, 48),
  ...sizes('g7e', 2, 4, 8, 12, 24, 48),
  ...sizes('p4d', 24),
  ...sizes('p4de', 24),
  ...sizes('p5', 48),
  ...sizes('p5e', 48),
  ...sizes('p5en', 48),
  ...sizes('p6-b200', 48),
  ...sizes('inf2', '', 8, 24, 48),
  ...sizes('trn1', 2, 32),
  ...sizes('trn1n', 32),
];

function sizes(family: string, ...multiples: readonly (number | '')[]): string[] {
  return multiples.map((multiple) => `ml.${family}.${multiple}xlarge`);
}

/**
 * True for the types on which AWS quantises no model: Neuron compiles only. Source: rules of the SageMaker Python SDK,
 * https://github.com/aws/sagemaker-python-sdk/blob/master/src/sagemaker/serve/validations/optimization.py
 */
export function lacksQuantization(instanceType: string): boolean {
  return /^ml\.(inf|trn)/.test(instanceType);
}

/** Limits of the variables of a container (API reference, ModelQuantizationConfig): entries, and characters of a name and of a value. */
export const OPTIMIZATION_ENVIRONMENT = { maxEntries: 25, maxLength: 256 } as const;

/** Maximum length of the image's URI (API reference, ModelQuantizationConfig). */
export const MAX_OPTIMIZATION_IMAGE_LENGTH = 255;

/**
 * Namespaces of the metrics of a job's instances. AWS publishes no name for those of optimisation jobs; the metrics of all jobs of SageMaker
 * begin like this.
 */
export const OPTIMIZATION_JOBS_NAMESPACES = '/aws/sagemaker/*';
