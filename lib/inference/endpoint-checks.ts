import { Token } from 'aws-cdk-lib';
import { findInstanceType, unknownInstanceType, type InstanceType } from '../catalog/instance-types';
import { INFERENCE_AMIS } from '../catalog/serving-images';
import { nearestNames } from '../core/nearest';
import { checkName, checkWhole } from './value-checks';
import type { VariantTiming } from './production-variant';
import type { Rollout } from './rollout';

/** What is checked of the instance types, and of what they have to fit. */
export interface PoolsDeclaration {
  readonly instanceTypes: readonly string[];
  readonly inferenceAmi?: string;
  readonly hasEncryptionKey: boolean;
  readonly volumeSizeGb?: number;
  readonly hasCapacityReservation: boolean;
}

/** What is checked of an endpoint before it is declared; parts that are only known at deploy time are left out. */
export interface EndpointDeclaration extends PoolsDeclaration, VariantTiming, RoutingDeclaration {
  readonly endpointName?: string;
  readonly variantName?: string;
  readonly initialInstanceCount: number;
  readonly maxConcurrencyPerInstance: number;
  readonly metricsFrequencySeconds: number;
  readonly rollout: Rollout;
  readonly samplingPercent?: number;
}

/** What is checked of a shadow variant. */
export interface ShadowDeclaration {
  readonly variantName: string;
  readonly instanceTypes: readonly string[];
  readonly initialInstanceCount: number;
  readonly trafficPercent: number;
}

/** Limits of the SageMaker API reference. */
const METRICS_FREQUENCIES = [10, 30, 60, 120, 180, 240, 300];
const MAX_POOLS = 5;
const MAX_VARIANTS = 10;
const MAX_ROLLBACK_ALARMS = 8;

/** Every problem of an endpoint; empty when it can be declared. */
export function checkEndpoint(declared: EndpointDeclaration): string[] {
  return [
    ...checkName('endpointName', declared.endpointName),
    ...checkName('variantName', declared.variantName),
    ...checkPools(declared),
    ...checkCounts(declared),
    ...checkTimes(declared),
    ...checkMetricsFrequency(declared.metricsFrequencySeconds),
    ...checkRollout(declared.rollout),
    ...checkRouting(declared),
    ...checkCapture(declared.samplingPercent),
  ];
}

/** How often metrics may be published. */
export function checkMetricsFrequency(seconds: number): string[] {
  if (METRICS_FREQUENCIES.includes(seconds)) return [];
  return [`metricsFrequency (${seconds} s) must be one of ${METRICS_FREQUENCIES.join(', ')} seconds`];
}

/** An endpoint that begins with more instances than the account may have. */
export function checkQuotaOfStart(initialInstanceCount: number, quota: number | undefined): string[] {
  if (quota === undefined || Token.isUnresolved(initialInstanceCount) || initialInstanceCount <= quota) return [];
  return [
    `initialInstanceCount (${initialInstanceCount}) is above ${quota}, all instances that the quotas of the capacity ladder allow; lower ` +
      'it, add a pool, or ask for quota in Service Quotas',
  ];
}

/** What is checked of a further production variant. */
export interface VariantDeclaration extends PoolsDeclaration, VariantTiming {
  readonly initialInstanceCount: number;
  readonly maxConcurrencyPerInstance: number;
  readonly weight?: number;
}

/** Every problem of a further production variant's own settings. */
export function checkVariant(declared: VariantDeclaration): string[] {
  return [
    ...checkPools(declared),
    ...checkCounts(declared),
    ...checkTimes(declared),
    ...checkWeight('weight', declared.weight),
  ];
}

/** Why one more variant cannot be added; empty when it can. */
export function checkFurtherVariant(declared: {
  readonly variantName: string;
  readonly present: readonly string[];
  readonly hasShadow: boolean;
  readonly isRolling: boolean;
}): string[] {
  const { variantName, present } = declared;
  const problems = checkName('variantName', variantName);
  if (present.includes(variantName)) {
    problems.push(
      `variantName '${variantName}' is taken; the endpoint has ${present.join(', ')}, so give this variant another name`,
    );
  }
  if (present.length >= MAX_VARIANTS) {
    problems.push(
      `variant '${variantName}' is one too many: SageMaker takes ${MAX_VARIANTS} variants of an endpoint; make a second endpoint`,
    );
  }
  if (declared.hasShadow) {
    problems.push(
      `variant '${variantName}' cannot be added beside a shadow, which SageMaker takes beside one variant only; leave shadow out`,
    );
  }
  if (declared.isRolling) {
    problems.push(
      'rollout.strategy (ROLLING) knows one variant only: with several SageMaker would replace all instances at once and watch no alarm; ' +
        'set RolloutStrategy.CANARY or LINEAR, or leave strategy out, which is a canary then',
    );
  }
  return problems;
}

/** A share of the traffic, relative to those of the other variants. */
export function checkWeight(property: string, weight: number | undefined): string[] {
  if (weight === undefined || Token.isUnresolved(weight) || (Number.isFinite(weight) && weight >= 0)) return [];
  return [`${property} (${weight}) must be 0 or more; 0 keeps requests away from the variant unless they name it`];
}

/** Every problem of a shadow variant beside a production variant. */
export function checkShadow(shadow: ShadowDeclaration, productionVariant: string): string[] {
  const problems = [
    ...checkName('shadow.variantName', shadow.variantName),
    ...checkInstanceTypes('shadow.pools', shadow.instanceTypes).problems,
    ...checkWhole('shadow.initialInstanceCount', shadow.initialInstanceCount, 1, Infinity),
  ];
  if (!(shadow.trafficPercent > 0 && shadow.trafficPercent <= 100)) {
    problems.push(`shadow.trafficPercent (${shadow.trafficPercent}) must be above 0 and at most 100`);
  }
  if (shadow.variantName === productionVariant) {
    problems.push(`shadow.variantName '${shadow.variantName}' is the variant's own name; give the shadow another`);
  }
  return problems;
}

function checkCounts(
  declared: Pick<VariantDeclaration, 'initialInstanceCount' | 'maxConcurrencyPerInstance'>,
): string[] {
  return [
    ...checkWhole('initialInstanceCount', declared.initialInstanceCount, 1, Infinity),
    ...checkWhole('maxConcurrencyPerInstance', declared.maxConcurrencyPerInstance, 1, Infinity),
  ];
}

function checkTimes(declared: VariantTiming): string[] {
  return [
    ...checkWhole('provisionTimeout', declared.provisionTimeoutSeconds, 300, 3600, 's'),
    ...checkWhole('startupTimeout', declared.startupTimeoutSeconds, 60, 3600, 's'),
    ...checkWhole('modelDownloadTimeout', declared.modelDownloadTimeoutSeconds, 60, 3600, 's'),
  ];
}

/** How requests are spread, as it is checked. */
export interface RoutingDeclaration {
  readonly prefixAwareRouting?: { readonly prefixLength: number; readonly concurrencyThreshold: number };
  readonly isPrefixAware: boolean;
}

/** Problems of prefixes that are not asked for, or out of bounds. */
export function checkRouting({ isPrefixAware, prefixAwareRouting }: RoutingDeclaration): string[] {
  if (prefixAwareRouting === undefined) return [];
  if (!isPrefixAware) {
    return [
      'prefixAwareRouting is given, but routing is not RoutingStrategy.PREFIX_AWARE; set it or leave the prefixes out',
    ];
  }
  return [
    ...checkWhole('prefixAwareRouting.prefixLength', prefixAwareRouting.prefixLength, 1024, 65536, 'bytes'),
    ...checkWhole('prefixAwareRouting.concurrencyThreshold', prefixAwareRouting.concurrencyThreshold, 1, 1024),
  ];
}

function checkCapture(samplingPercent: number | undefined): string[] {
  return samplingPercent === undefined ? [] : checkWhole('dataCapture.samplingPercent', samplingPercent, 0, 100, '%');
}

/** The smallest and the largest share of one step, by how the new version takes over (API reference: deployment policies). */
const STEP_PERCENT: { readonly [strategy: string]: readonly [least: number, most: number] } = {
  ROLLING: [5, 50],
  CANARY: [1, 50],
  LINEAR: [10, 50],
  ALL_AT_ONCE: [1, 100],
};

/** Problems of how a new version takes over, and of what takes it back. */
export function checkRollout(rollout: Rollout): string[] {
  const { strategy, batchPercent, waitInterval, maxErrorRate, maxModelLatency, alarms } = rollout;
  const problems = [
    ...checkWhole('rollout.batchPercent', batchPercent, ...STEP_PERCENT[strategy]!, '%'),
    ...checkWhole('rollout.waitInterval', waitInterval.toSeconds({ integral: false }), 0, 3600, 's'),
  ];
  if (!Token.isUnresolved(maxErrorRate) && !(maxErrorRate > 0 && maxErrorRate <= 1)) {
    problems.push(`rollout.maxErrorRate (${maxErrorRate}) must be above 0 and at most 1`);
  }
  if (!maxModelLatency.isUnresolved() && !(maxModelLatency.toMilliseconds({ integral: false }) > 0)) {
    problems.push(`rollout.maxModelLatency (${maxModelLatency.toSeconds({ integral: false })} s) must be above 0`);
  }
  if (alarms.length > MAX_ROLLBACK_ALARMS) {
    problems.push(`rollout.alarms has ${alarms.length} alarms; SageMaker takes 10, of which 2 are the endpoint's own`);
  }
  return problems;
}

/** Every problem of the instance types, and of what they have to fit. */
export function checkPools(declared: PoolsDeclaration): string[] {
  const { types, problems } = checkInstanceTypes('pools', declared.instanceTypes);
  const kinds = new Set(types.map((type) => type.accelerator?.kind));
  if (declared.hasCapacityReservation && declared.instanceTypes.length > 1) {
    problems.push(
      `capacityReservationArn reserves one instance type, but pools has ${declared.instanceTypes.length}; keep the reserved one`,
    );
  }
  return [
    ...problems,
    ...checkAmi(declared.inferenceAmi, kinds.size === 1 ? [...kinds][0] : undefined),
    ...checkDisks(declared, types),
  ];
}

/** Problems of an ordered list of GPU types, and the types of it that are known. */
export function checkInstanceTypes(
  property: string,
  instanceTypes: readonly string[],
): { readonly types: InstanceType[]; readonly problems: string[] } {
  const problems: string[] = [];
  if (instanceTypes.length < 1 || instanceTypes.length > MAX_POOLS) {
    problems.push(
      `${property} has ${instanceTypes.length} instance types; give 1 to ${MAX_POOLS}, the most wanted first`,
    );
  }
  for (const name of new Set(instanceTypes.filter((type, index) => instanceTypes.indexOf(type) !== index))) {
    problems.push(`${property} names ${name} twice; one pool of it is enough`);
  }
  const types: InstanceType[] = [];
  for (const name of new Set(instanceTypes)) {
    if (Token.isUnresolved(name)) continue;
    const type = findInstanceType(name);
    if (type === undefined) problems.push(unknownInstanceType(name));
    else if (type.burstable)
      problems.push(`${name} is burstable, which endpoint autoscaling refuses; choose a GPU type`);
    else if (type.accelerator === undefined)
      problems.push(`${name} has no accelerator; choose a GPU type, for example ml.g5.xlarge`);
    else types.push(type);
  }
  if (new Set(types.map((type) => type.accelerator?.kind)).size > 1)
    problems.push(`${property} mixes GPU and Neuron types, which need different images; make two endpoints`);
  return { types, problems };
}

/** An inference AMI that SageMaker knows and that runs on the accelerators. */
export function checkAmi(inferenceAmi: string | undefined, kind: string | undefined): string[] {
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

function checkDisks(declared: PoolsDeclaration, types: readonly InstanceType[]): string[] {
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
