import { findInstanceType, unknownInstanceType, type InstanceType } from '../catalog/instance-types';
import { INFERENCE_AMIS } from '../catalog/serving-images';
import { nearestNames } from '../core/nearest';

/** What is checked of an endpoint before it is declared; parts that are only known at deploy time are left out. */
export interface EndpointDeclaration {
  readonly endpointName?: string;
  readonly variantName?: string;
  readonly instanceTypes: readonly string[];
  readonly initialInstanceCount: number;
  readonly maxConcurrencyPerInstance: number;
  readonly provisionTimeoutSeconds: number;
  readonly startupTimeoutSeconds: number;
  readonly modelDownloadTimeoutSeconds: number;
  readonly metricsFrequencySeconds: number;
  readonly batchPercent: number;
  readonly waitIntervalSeconds: number;
  readonly maxErrorRate: number;
  readonly maxModelLatencySeconds: number;
  readonly rollbackAlarms: number;
  readonly inferenceAmi?: string;
  readonly hasEncryptionKey: boolean;
  readonly volumeSizeGb?: number;
}

/** Limits of the SageMaker API reference. */
const NAME = /^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$/;
const METRICS_FREQUENCIES = [10, 30, 60, 120, 180, 240, 300];
const MAX_POOLS = 5;
const MAX_ROLLBACK_ALARMS = 8;

/** Every problem of an endpoint; empty when it can be declared. */
export function checkEndpoint(declared: EndpointDeclaration): string[] {
  return [
    ...checkName('endpointName', declared.endpointName),
    ...checkName('variantName', declared.variantName),
    ...checkPools(declared),
    ...checkWhole('initialInstanceCount', declared.initialInstanceCount, 1, Infinity),
    ...checkWhole('maxConcurrencyPerInstance', declared.maxConcurrencyPerInstance, 1, Infinity),
    ...checkWhole('provisionTimeout', declared.provisionTimeoutSeconds, 300, 3600, 's'),
    ...checkWhole('startupTimeout', declared.startupTimeoutSeconds, 60, 3600, 's'),
    ...checkWhole('modelDownloadTimeout', declared.modelDownloadTimeoutSeconds, 60, 3600, 's'),
    ...(METRICS_FREQUENCIES.includes(declared.metricsFrequencySeconds)
      ? []
      : [
          `metricsFrequency (${declared.metricsFrequencySeconds} s) must be one of ${METRICS_FREQUENCIES.join(', ')} seconds`,
        ]),
    ...checkRollout(declared),
  ];
}

function checkRollout(declared: EndpointDeclaration): string[] {
  const problems = [
    ...checkWhole('rollout.batchPercent', declared.batchPercent, 5, 50, '%'),
    ...checkWhole('rollout.waitInterval', declared.waitIntervalSeconds, 0, 3600, 's'),
  ];
  if (!(declared.maxErrorRate > 0 && declared.maxErrorRate <= 1)) {
    problems.push(`rollout.maxErrorRate (${declared.maxErrorRate}) must be above 0 and at most 1`);
  }
  if (!(declared.maxModelLatencySeconds > 0)) {
    problems.push(`rollout.maxModelLatency (${declared.maxModelLatencySeconds} s) must be above 0`);
  }
  if (declared.rollbackAlarms > MAX_ROLLBACK_ALARMS) {
    problems.push(
      `rollout.alarms has ${declared.rollbackAlarms} alarms; SageMaker takes 10, of which 2 are the endpoint's own`,
    );
  }
  return problems;
}

function checkPools(declared: EndpointDeclaration): string[] {
  const { instanceTypes, inferenceAmi } = declared;
  const problems: string[] = [];
  if (instanceTypes.length < 1 || instanceTypes.length > MAX_POOLS) {
    problems.push(`pools has ${instanceTypes.length} instance types; give 1 to ${MAX_POOLS}, the most wanted first`);
  }
  for (const name of new Set(instanceTypes.filter((type, index) => instanceTypes.indexOf(type) !== index))) {
    problems.push(`pools names ${name} twice; one pool of it is enough`);
  }
  const types: InstanceType[] = [];
  for (const name of new Set(instanceTypes)) {
    const type = findInstanceType(name);
    if (type === undefined) problems.push(unknownInstanceType(name));
    else if (type.burstable)
      problems.push(`${name} is burstable, which endpoint autoscaling refuses; choose a GPU type`);
    else if (type.accelerator === undefined)
      problems.push(`${name} has no accelerator; choose a GPU type, for example ml.g5.xlarge`);
    else types.push(type);
  }
  const kinds = new Set(types.map((type) => type.accelerator?.kind));
  if (kinds.size > 1)
    problems.push('pools mixes GPU and Neuron types, which need different images; make two endpoints');
  problems.push(
    ...checkAmi(inferenceAmi, kinds.size === 1 ? [...kinds][0] : undefined),
    ...checkDisks(declared, types),
  );
  return problems;
}

function checkAmi(inferenceAmi: string | undefined, kind: string | undefined): string[] {
  if (inferenceAmi === undefined) return [];
  if (!INFERENCE_AMIS.includes(inferenceAmi)) {
    return [
      `unknown inferenceAmi '${inferenceAmi}'; nearest known: ${nearestNames(inferenceAmi, INFERENCE_AMIS).join(', ')}`,
    ];
  }
  if (kind !== undefined && !inferenceAmi.includes(`-${kind}-`)) {
    return [
      `the model server's inference AMI ${inferenceAmi} does not run on ${kind} instances; choose other pools or another image`,
    ];
  }
  return [];
}

function checkDisks(declared: EndpointDeclaration, types: readonly InstanceType[]): string[] {
  const nvme = types.filter((type) => type.localNvme).map((type) => type.name);
  const problems: string[] = [];
  if (nvme.length > 0 && declared.hasEncryptionKey) {
    problems.push(
      `encryptionKey cannot be used with ${nvme.join(', ')}: their local NVMe disks are encrypted by the hardware and SageMaker ` +
        'refuses a key; leave encryptionKey out',
    );
  }
  if (declared.volumeSizeGb !== undefined) {
    if (nvme.length > 0) {
      problems.push(
        `volumeSizeGb cannot be used with ${nvme.join(', ')}: the size of their local disks is fixed; leave it out`,
      );
    }
    problems.push(...checkWhole('volumeSizeGb', declared.volumeSizeGb, 1, 512, 'GB'));
  }
  return problems;
}

function checkName(property: string, name: string | undefined): string[] {
  if (name === undefined || NAME.test(name)) return [];
  return [
    `${property} '${name}' must be 1 to 63 letters, digits and hyphens, beginning and ending with a letter or digit`,
  ];
}

function checkWhole(property: string, value: number, least: number, most: number, unit = ''): string[] {
  if (Number.isInteger(value) && value >= least && value <= most) return [];
  const range = most === Infinity ? `${least} or more` : `${least} to ${most}`;
  return [`${property} (${[value, unit].join(' ').trim()}) must be a whole number, ${range}`];
}
