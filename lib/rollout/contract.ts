import { isObject, parseJson, parseValue, type JsonNode } from '../core/parse';
import type { EpochSeconds } from '../core/time';
import type { GateLimits } from './decide/gate';
import type { EvaluationReport, Measured } from './decide/report';
import type { ShadowLimits } from './decide/shadow';

/** Model that an endpoint serves, as the parameter of a `LiveModel` has it. */
export interface LiveModelRecord {
  /** Bucket and key of the artifact; of a folder of files the key ends with a slash. */
  readonly bucket: string;
  readonly key: string;
  /** Version in the registry; undefined for the model that the stack declares. */
  readonly modelPackageArn?: string;
  /** Concurrent requests of an instance, as measured or declared. */
  readonly maxConcurrencyPerInstance: number;
}

/** Writes the value of the parameter. */
export function formatLiveModel(record: LiveModelRecord): string {
  const { bucket, key, modelPackageArn, maxConcurrencyPerInstance } = record;
  return JSON.stringify({ bucket, key, modelPackageArn, maxConcurrencyPerInstance });
}

/** Parses the value of the parameter. */
export function parseLiveModel(json: string): LiveModelRecord {
  return parseJson('the parameter of the live model', json, 'a model', (root) => ({
    bucket: root.at('bucket').text(),
    key: root.at('key').text(),
    modelPackageArn: root.at('modelPackageArn').optional((arn) => arn.text()),
    maxConcurrencyPerInstance: root.at('maxConcurrencyPerInstance').number('a number above 0', (value) => value > 0),
  }));
}

/** Attributes of the custom resource that reads the parameter at every deployment that changes the endpoint. */
export const LIVE_MODEL_ATTRIBUTES = {
  bucket: 'Bucket',
  key: 'Key',
  modelPackageArn: 'ModelPackageArn',
  maxConcurrencyPerInstance: 'MaxConcurrencyPerInstance',
  targetPerInstance: 'TargetPerInstance',
} as const;

/** Properties of the custom resource of a live model. */
export interface LiveModelProperties {
  readonly parameterName: string;
  /** Share of the measured concurrency that scaling aims at. */
  readonly targetRatio: number;
}

/**
 * Reads the properties of the custom resource.
 *
 * @throws InputError for a property that is missing or of another form
 */
export function parseLiveModelProperties(properties: { readonly [name: string]: unknown }): LiveModelProperties {
  return parseValue('the properties of the custom resource', properties, (root) => ({
    parameterName: root.at('ParameterName').text(),
    // CloudFormation passes numbers as text.
    targetRatio: parseValue('TargetRatio', Number(root.at('TargetRatio').text()), (ratio) =>
      ratio.number('a share above 0 and at most 1', (share) => share > 0 && share <= 1),
    ),
  }));
}

/** Way in which a version that passes the gate is approved. */
export type ApprovalMode = 'AUTOMATIC' | 'MANUAL';

/** Deployment of an endpoint as UpdateEndpoint takes it. */
export type DeploymentSettings = { readonly [member: string]: unknown };

/** Settings of the handler of a rollout, as its construct writes them. */
export interface RolloutConfiguration {
  readonly endpointName: string;
  readonly variantName: string;
  readonly parameterName: string;
  /** Beginning of the names of the models, configurations and alarms that a rollout creates. */
  readonly namePrefix: string;
  /** Value of the tag by which replaced configurations and models are swept. */
  readonly hostedBy: string;
  readonly approval: ApprovalMode;
  readonly limits: GateLimits;
  readonly reports: { readonly bucket: string; readonly prefix: string };
  readonly deployment: DeploymentSettings;
  readonly shadow?: ShadowSettings;
}

/** Settings of the shadow before a rollout. */
export interface ShadowSettings extends ShadowLimits {
  readonly samplingPercent: number;
  readonly instanceCount: number;
}

/** Environment variable of the handler with its {@link RolloutConfiguration}. */
export const ROLLOUT_ENVIRONMENT = { configuration: 'TIDEGATE_ROLLOUT' } as const;

const above0 = (node: JsonNode): number => node.number('a number above 0', (value) => value > 0);

/** Parses the configuration that {@link ROLLOUT_ENVIRONMENT} has. */
export function parseRolloutConfiguration(json: string): RolloutConfiguration {
  return parseJson(ROLLOUT_ENVIRONMENT.configuration, json, 'the configuration of a rollout', (root) => ({
    endpointName: root.at('endpointName').text(),
    variantName: root.at('variantName').text(),
    parameterName: root.at('parameterName').text(),
    namePrefix: root.at('namePrefix').text(),
    hostedBy: root.at('hostedBy').text(),
    approval: root.at('approval').oneOf(['AUTOMATIC', 'MANUAL'] as const),
    limits: {
      maxAccuracyLoss: root.at('limits').at('maxAccuracyLoss').number(),
      maxSliceLoss: root.at('limits').at('maxSliceLoss').number(),
      minSliceRows: root.at('limits').at('minSliceRows').count(),
      maxLatencyGrowth: root.at('limits').at('maxLatencyGrowth').number(),
      maxCostGrowth: root.at('limits').at('maxCostGrowth').number(),
      maxSizeGrowth: root
        .at('limits')
        .at('maxSizeGrowth')
        .optional((value) => value.number()),
    },
    reports: { bucket: root.at('reports').at('bucket').text(), prefix: root.at('reports').at('prefix').text() },
    deployment: root.at('deployment').object(),
    shadow: root.at('shadow').optional((shadow) => ({
      samplingPercent: above0(shadow.at('samplingPercent')),
      instanceCount: above0(shadow.at('instanceCount')),
      minRequests: shadow.at('minRequests').count(),
      maxErrorRatio: shadow.at('maxErrorRatio').number(),
      maxLatencyGrowth: shadow.at('maxLatencyGrowth').number(),
    })),
  }));
}

/** Tag of a configuration with a shadow: the configuration to return to without it. */
export const SHADOW_OF_TAG = 'tidegate:shadow-of';

/** Name of the report in the folder of an evaluation. */
export const REPORT_NAME = 'report.json';

/** Parses the report of an evaluation. */
export function parseEvaluationReport(name: string, json: string): EvaluationReport {
  return parseJson(name, json, 'the report of an evaluation', (root) => ({
    rows: root.at('rows').count(),
    live: measured(root.at('models').at('live')),
    candidate: measured(root.at('models').at('candidate')),
  }));
}

function measured(node: JsonNode): Measured {
  return {
    accuracy: node.at('accuracy').number(),
    slices: node.at('slices').map((slice) => ({
      rows: slice.at('rows').count(),
      accuracy: slice.at('accuracy').number(),
    })),
    bytes: node.at('bytes').count(),
    latencyP50Seconds: above0(node.at('latencySeconds').at('p50')),
    latencyP95Seconds: above0(node.at('latencySeconds').at('p95')),
    requestsPerSecond: above0(node.at('requestsPerSecond')),
    maxConcurrency: above0(node.at('maxConcurrency')),
    costPer1000Usd: node.at('costPer1000Usd').optional((value) => value.number()),
    dataWatermark: node.at('dataWatermark').optional((value) => value.number()),
    tokensPerSecond: node.at('tokensPerSecond').optional((value) => value.number()),
  };
}

/** Step of a rollout that the state machine calls the handler for. */
const ROLLOUT_STEPS = ['begin', 'judge', 'shadow', 'compare', 'deploy', 'observe', 'record', 'leave'] as const;

export type RolloutStep = (typeof ROLLOUT_STEPS)[number];

/** Version whose rollout an execution decides about. */
export interface RolloutCandidate {
  /** Undefined where the live model of the stack itself is restored. */
  readonly modelPackageArn?: string;
  readonly modelDataUrl: string;
}

/** Changes of an endpoint that a rollout has begun. */
export interface StartedDeployment {
  readonly configName: string;
  readonly previousConfigName: string;
  readonly alarmNames: readonly string[];
  readonly maxConcurrencyPerInstance: number;
  readonly startedAt: EpochSeconds;
}

/** State of an execution between its steps. */
export interface RolloutState {
  readonly candidate: RolloutCandidate;
  readonly live: LiveModelRecord;
  /** Path of the live artifact, for the channel of the evaluation. */
  readonly liveModelDataUrl: string;
  readonly report?: EvaluationReport;
  readonly reportUri?: string;
  readonly shadow?: StartedDeployment;
  readonly deployment?: StartedDeployment;
  /** Reasons for which the shadow has refused the candidate. */
  readonly refusedBy?: readonly string[];
  /** Folder of the evaluation of another execution, which ended without taking away what it had put on the endpoint. */
  readonly abandoned?: string;
}

/** Event of the handler: the step, the id of the execution, and the state so far. */
export interface RolloutEvent {
  readonly step: RolloutStep;
  readonly execution: string;
  /** Folder of the evaluation's report below the prefix of reports. */
  readonly evaluation: string;
  readonly state: { readonly [member: string]: unknown };
}

/** Parses the event of the handler. */
export function parseRolloutEvent(event: unknown): RolloutEvent {
  return parseValue('the event', event, (root) => ({
    step: root.at('step').oneOf(ROLLOUT_STEPS),
    execution: root.at('execution').text(),
    evaluation: root.at('evaluation').text(),
    state: root.at('state').object(),
  }));
}

/** Input of an execution: a version of the registry, or the wish to restore the live model. */
export interface RolloutInput {
  readonly modelPackageArn?: string;
  readonly restore: boolean;
  /** ARN of an execution that ended early, whose shadow and alarms are taken away first. */
  readonly abandonedArn?: string;
}

/** Parses the input of an execution, which may have further members, as the output of a training has. */
export function parseRolloutInput(input: { readonly [name: string]: unknown }): RolloutInput {
  const text = (member: string): string | undefined => {
    const value = input[member];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  return {
    modelPackageArn: text('ModelPackageArn'),
    restore: input['Restore'] === true,
    abandonedArn: text('Abandoned'),
  };
}

/** Result of an execution. */
export type Outcome = 'ROLLED_OUT' | 'REFUSED' | 'HELD' | 'UNCHANGED' | 'ROLLED_BACK';

/** Splits an S3 URI; undefined for a text that is none. */
export function s3Location(uri: string): { readonly bucket: string; readonly key: string } | undefined {
  const [, bucket, key] = /^s3:\/\/([^/]+)\/(.+)$/.exec(uri) ?? [];
  return bucket === undefined || key === undefined ? undefined : { bucket, key };
}

/** True for the location of a folder of files, and false for that of one archive. */
export const isFolder = (uri: string): boolean => uri.endsWith('/');

/** True for a state that a former step has returned. */
export function isRolloutState(state: { readonly [member: string]: unknown }): boolean {
  return isObject(state['candidate']) && isObject(state['live']);
}
