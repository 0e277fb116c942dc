import { createHash } from 'node:crypto';
import { InputError, PermanentError, RetryableError } from '../../lib/core/errors';
import { HOSTED_BY_TAG } from '../../lib/inference/contract';
import {
  type RolloutCandidate,
  formatLiveModel,
  isRolloutState,
  type LiveModelRecord,
  type Outcome,
  parseEvaluationReport,
  parseLiveModel,
  parseRolloutEvent,
  parseRolloutInput,
  REPORT_NAME,
  type RolloutConfiguration,
  type RolloutEvent,
  type RolloutState,
  s3Location,
  type StartedDeployment,
} from '../../lib/rollout/contract';
import { decideProgress } from '../../lib/rollout/decide/deployment';
import { decideGate } from '../../lib/rollout/decide/gate';
import { type EvaluationReport, worstSlice } from '../../lib/rollout/decide/report';
import { decideShadow } from '../../lib/rollout/decide/shadow';
import { decideStart } from '../../lib/rollout/decide/start';
import { PACKAGE_METADATA } from '../../lib/training/contract';
import type { DeploymentConfig, EndpointDeployments, Tag } from '../clients/endpoint-deployments';
import type { ModelVersions } from '../clients/model-registry';
import type { ObjectStore } from '../clients/object-store';
import type { WritableParameters } from '../clients/parameters';
import type { WallClock } from '../support/clock';
import type { Logger } from '../support/logger';
import { alarmLike, configLike, modelLike, variantOf, watchesConfig } from './endpoint-change';

/** Everything outside the handler. */
export interface RolloutDependencies {
  readonly configuration: RolloutConfiguration;
  readonly versions: ModelVersions;
  readonly endpoints: EndpointDeployments;
  readonly parameters: WritableParameters;
  readonly reports: ObjectStore;
  readonly clock: WallClock;
  readonly logger: Logger;
}

/** Next action of the state machine. */
type Action = 'evaluate' | 'shadow' | 'deploy' | 'retry' | 'wait' | 'compare' | 'record' | 'end' | 'fail';

/** Reply of a step: the state, and what the state machine does next. */
export type RolloutReply = Partial<RolloutState> & {
  readonly action: Action;
  /** Output of the execution, where it ends. */
  readonly output?: RolloutOutput;
  /** Reason of a failed execution. */
  readonly cause?: string;
};

/** Output of an execution. */
export interface RolloutOutput {
  readonly Outcome: Outcome;
  readonly ModelPackageArn: string | null;
  readonly ModelDataUrl: string | null;
  readonly LiveModelPackageArn: string | null;
  readonly Reasons: readonly string[];
  readonly NextStep: string;
  readonly Report?: { readonly live: object; readonly candidate: object; readonly rows: number };
  readonly ReportUri?: string;
}

/**
 * Handler of a rollout: each step of the state machine is one call. Every effect is absolute and named after the execution, so that a step that is
 * done twice changes nothing the second time.
 */
export function createHandler(deps: RolloutDependencies): (event: unknown) => Promise<RolloutReply> {
  return async (event) => {
    const parsed = parseRolloutEvent(event);
    const reply = await step(deps, parsed);
    deps.logger.info(`rollout step ${parsed.step}`, { execution: parsed.execution, ...reply });
    return reply;
  };
}

async function step(deps: RolloutDependencies, event: RolloutEvent): Promise<RolloutReply> {
  if (event.step === 'begin') return begin(deps, event.state);
  if (!isRolloutState(event.state)) throw new PermanentError(`step ${event.step} has no state of a rollout`);
  const state = event.state as unknown as RolloutState;
  switch (event.step) {
    case 'judge':
      return judge(deps, state, event);
    case 'shadow':
      return whenFree(deps, state, async () => ({
        ...state,
        shadow: await startShadow(deps, state, event),
        action: 'wait',
      }));
    case 'compare':
      return compare(deps, state);
    case 'deploy':
      return whenFree(deps, state, () => deploy(deps, state, event));
    case 'observe':
      return observe(deps, state);
    case 'record':
      return record(deps, state);
  }
}

/** Lets the state machine try again later where another change of the endpoint is in progress. */
async function whenFree(
  { logger }: RolloutDependencies,
  state: RolloutState,
  change: () => Promise<RolloutReply>,
): Promise<RolloutReply> {
  try {
    return await change();
  } catch (error) {
    if (!(error instanceof RetryableError)) throw error;
    logger.info(error.message);
    return { ...state, action: 'retry' };
  }
}

/** Looks the version and the live model up, and decides what to do with them. */
async function begin(
  { configuration, versions, parameters, endpoints }: RolloutDependencies,
  input: { readonly [member: string]: unknown },
): Promise<RolloutReply> {
  const live = parseLiveModel(await parameters.read(configuration.parameterName));
  const liveModelDataUrl = urlOf(live);
  const { modelPackageArn, restore } = parseRolloutInput(input);
  if (restore) {
    const candidate = { modelPackageArn: live.modelPackageArn, modelDataUrl: liveModelDataUrl };
    const state = { candidate, live, liveModelDataUrl };
    const { configName } = await endpoints.endpoint(configuration.endpointName);
    if ((await servedModel(endpoints, configuration, configName)) === liveModelDataUrl) {
      return end(state, 'UNCHANGED', ['the endpoint serves the live model'], 'There is nothing to do.');
    }
    return { ...state, action: 'deploy' };
  }
  if (modelPackageArn === undefined) {
    throw new InputError(
      'the input of the execution names no version; start it with {"ModelPackageArn": "arn:aws:sagemaker:REGION:ACCOUNT:model-package/GROUP/1"}, ' +
        'which the output of a training with a registry has, or with {"Restore": true}',
    );
  }
  const version = await versions.describe(modelPackageArn);
  if (version.modelDataUrl === undefined) {
    throw new PermanentError(`${modelPackageArn} has no artifact in S3; register one with a ModelDataUrl`);
  }
  const state = { candidate: { modelPackageArn, modelDataUrl: version.modelDataUrl }, live, liveModelDataUrl };
  const hasPassed = version.metadata[PACKAGE_METADATA.evaluationReport] !== undefined;
  const decision = decideStart({ ...version, hasPassed }, live.modelPackageArn, configuration.approval === 'MANUAL');
  if (decision.action !== 'end') return { ...state, action: decision.action };
  const nextSteps = {
    UNCHANGED: 'There is nothing to do.',
    HELD: approveStep(modelPackageArn),
    REFUSED: 'Train or compress another version, or approve this one to roll it out in spite of the gate.',
  };
  return end(state, decision.outcome, [decision.reason], nextSteps[decision.outcome]);
}

/** Artifact that the endpoint's variant serves under a configuration. */
async function servedModel(
  endpoints: EndpointDeployments,
  { variantName }: RolloutConfiguration,
  configName: string,
): Promise<string | undefined> {
  const { config } = await endpoints.config(configName);
  const { PrimaryContainer } = await endpoints.model(variantOf(config, variantName).ModelName!);
  return PrimaryContainer?.ModelDataSource?.S3DataSource?.S3Uri ?? PrimaryContainer?.ModelDataUrl;
}

/** Reads the report of the evaluation, writes it into the registry, and lets the gate decide. */
async function judge(
  { configuration, versions, reports }: RolloutDependencies,
  state: RolloutState,
  { evaluation }: RolloutEvent,
): Promise<RolloutReply> {
  const arn = state.candidate.modelPackageArn!;
  const { limits, approval, shadow } = configuration;
  const key = `${configuration.reports.prefix}${evaluation}/${REPORT_NAME}`;
  const reportUri = `s3://${configuration.reports.bucket}/${key}`;
  const text = await reports.get(key);
  if (text === undefined) throw new PermanentError(`the evaluation left no report at ${reportUri}`);
  const report = parseEvaluationReport(reportUri, text);
  const judged = { ...state, report, reportUri };
  const { passes, reasons } = decideGate(report, limits);
  const metadata = metadataOf(report, limits.minSliceRows, reportUri, state);
  if (!passes) {
    const description = `Refused by the gate: ${reasons.join('; ')}`;
    await versions.update(arn, { metadata, approvalStatus: 'Rejected', approvalDescription: description });
    return end(
      judged,
      'REFUSED',
      reasons,
      `The live model stays. Read ${reportUri}, then train or compress another version; approving this one rolls it out in spite of the gate.`,
    );
  }
  await versions.update(arn, { metadata });
  if (approval === 'MANUAL') {
    return end(judged, 'HELD', ['the version has passed the gate and waits for approval'], approveStep(arn));
  }
  return { ...judged, action: shadow === undefined ? 'deploy' : 'shadow' };
}

function metadataOf(
  report: EvaluationReport,
  minSliceRows: number,
  reportUri: string,
  { live, liveModelDataUrl }: RolloutState,
): { readonly [name: string]: string } {
  const { candidate } = report;
  const worst = worstSlice(report, minSliceRows);
  const keys = PACKAGE_METADATA;
  return {
    [keys.accuracy]: candidate.accuracy.toFixed(6),
    ...(worst !== undefined && { [keys.worstSlice]: `${worst.slice} ${(-worst.loss).toFixed(6)}` }),
    [keys.artifactBytes]: String(candidate.bytes),
    [keys.latencyP50Ms]: (candidate.latencyP50Seconds * 1000).toPrecision(4),
    [keys.latencyP95Ms]: (candidate.latencyP95Seconds * 1000).toPrecision(4),
    [keys.requestsPerSecond]: candidate.requestsPerSecond.toPrecision(5),
    [keys.maxConcurrency]: String(candidate.maxConcurrency),
    ...(candidate.costPer1000Usd !== undefined && {
      [keys.costPer1000Usd]: candidate.costPer1000Usd.toPrecision(4),
    }),
    ...(candidate.dataWatermark !== undefined && { [keys.dataWatermark]: String(candidate.dataWatermark) }),
    [keys.evaluationReport]: reportUri,
    [keys.evaluatedAgainst]: live.modelPackageArn ?? liveModelDataUrl,
  };
}

/** Adds a shadow with the candidate to the endpoint: it receives copies of requests and serves none. */
async function startShadow(
  deps: RolloutDependencies,
  { candidate, live }: RolloutState,
  event: RolloutEvent,
): Promise<StartedDeployment> {
  const { configuration, endpoints } = deps;
  const { samplingPercent, instanceCount } = configuration.shadow!;
  const current = await endpoints.endpoint(configuration.endpointName);
  if (current.configName.startsWith(stemOf(configuration, event))) {
    throw new PermanentError(`the shadow ${current.configName} is on the endpoint already; start another execution`);
  }
  const modelName = nameOf(configuration, event, current.configName);
  const name = `${modelName}${SHADOW_SUFFIX}`;
  const { config, tags } = await endpoints.config(current.configName);
  if ((config.ShadowProductionVariants ?? []).length > 0 || (config.ProductionVariants ?? []).length > 1) {
    throw new PermanentError(
      `SageMaker takes one shadow beside one variant, and ${configuration.endpointName} has ${config.ProductionVariants?.length} variants and ` +
        `${config.ShadowProductionVariants?.length ?? 0} shadows; leave shadow out of the rollout, or remove the others`,
    );
  }
  const variant = variantOf(config, configuration.variantName);
  await createCandidateModel(deps, variant.ModelName!, modelName, candidate);
  await endpoints.createConfig(
    configLike(config, tags, {
      name,
      hostedBy: configuration.hostedBy,
      maxConcurrencyPerInstance: live.maxConcurrencyPerInstance,
      variants: [variant],
      shadows: [
        {
          ...variant,
          VariantName: shadowName(configuration),
          ModelName: modelName,
          InitialInstanceCount: instanceCount,
          InitialVariantWeight: ((variant.InitialVariantWeight ?? 1) * samplingPercent) / 100,
        },
      ],
    }),
  );
  await update(deps, name, []);
  return {
    configName: name,
    previousConfigName: current.configName,
    alarmNames: [],
    maxConcurrencyPerInstance: live.maxConcurrencyPerInstance,
    startedAt: deps.clock.now(),
  };
}

/** Compares the shadow with the live variant over the time that it has served. */
async function compare(
  { configuration, endpoints, clock, versions }: RolloutDependencies,
  state: RolloutState,
): Promise<RolloutReply> {
  const { endpointName, variantName } = configuration;
  const from = state.shadow!.startedAt;
  const load = (variant: string) => endpoints.load(endpointName, variant, from, clock.now());
  const [live, shadow] = await Promise.all([load(variantName), load(shadowName(configuration))]);
  const { passes, reasons } = decideShadow(live, shadow, configuration.shadow!);
  if (passes) return { ...state, action: 'deploy' };
  const description = `Refused by its shadow: ${reasons.join('; ')}`;
  await versions.update(state.candidate.modelPackageArn!, {
    approvalStatus: 'Rejected',
    approvalDescription: description,
  });
  return { ...state, refusedBy: reasons, action: 'deploy' };
}

const shadowName = ({ variantName }: RolloutConfiguration): string => `${variantName.slice(0, 56)}${SHADOW_SUFFIX}`;

/** Rolls the candidate out, or takes its shadow away where that has refused it. */
async function deploy(deps: RolloutDependencies, state: RolloutState, event: RolloutEvent): Promise<RolloutReply> {
  const { configuration, endpoints } = deps;
  const { candidate, live, report, shadow } = state;
  if (shadow !== undefined && state.refusedBy !== undefined) {
    await update(deps, shadow.previousConfigName, []);
    return {
      ...state,
      deployment: { ...shadow, configName: shadow.previousConfigName, previousConfigName: shadow.configName },
      action: 'wait',
    };
  }
  const current = await endpoints.endpoint(configuration.endpointName);
  const maxConcurrencyPerInstance = report?.candidate.maxConcurrency ?? (await measuredBefore(deps, candidate, live));
  const startedAt = deps.clock.now();
  // A step that is done again finds the update of the first time.
  if (isOwn(configuration, event, current.configName)) {
    const { created } = await watchingAlarms(deps, current.configName);
    const { configName } = current;
    const found = {
      configName,
      previousConfigName: configName,
      alarmNames: created,
      maxConcurrencyPerInstance,
      startedAt,
    };
    return { ...state, deployment: found, action: 'wait' };
  }
  const baseName = current.configName === shadow?.configName ? shadow.previousConfigName : current.configName;
  const name = nameOf(configuration, event, baseName);
  const { config, tags } = await endpoints.config(baseName);
  const variant = variantOf(config, configuration.variantName);
  const alarms = await watchingAlarms(deps, name);
  await createCandidateModel(deps, variant.ModelName!, name, candidate);
  await endpoints.createConfig(
    configLike(config, tags, {
      name,
      hostedBy: configuration.hostedBy,
      maxConcurrencyPerInstance,
      variants: config.ProductionVariants!.map((one) => (one === variant ? { ...one, ModelName: name } : one)),
    }),
  );
  await update(deps, name, alarms.all);
  const alarmNames = alarms.created;
  const deployment = {
    configName: name,
    previousConfigName: baseName,
    alarmNames,
    maxConcurrencyPerInstance,
    startedAt,
  };
  return { ...state, deployment, action: 'wait' };
}

/** Concurrency of an approved version that is not evaluated again: that of its evaluation, or else of the live model. */
async function measuredBefore(
  { versions }: RolloutDependencies,
  { modelPackageArn }: RolloutCandidate,
  live: LiveModelRecord,
): Promise<number> {
  if (modelPackageArn === undefined) return live.maxConcurrencyPerInstance;
  const { metadata } = await versions.describe(modelPackageArn);
  const measured = Number(metadata[PACKAGE_METADATA.maxConcurrency]);
  return measured > 0 ? measured : live.maxConcurrencyPerInstance;
}

async function createCandidateModel(
  { endpoints, configuration }: RolloutDependencies,
  modelName: string,
  name: string,
  { modelDataUrl }: RolloutCandidate,
): Promise<void> {
  const tags: Tag[] = [{ Key: HOSTED_BY_TAG, Value: configuration.hostedBy }];
  await endpoints.createModel(modelLike(await endpoints.model(modelName), name, modelDataUrl, tags));
}

/** Alarms that roll the update back: those of the endpoint, and copies of those that watch one configuration alone. */
async function watchingAlarms(
  { endpoints, configuration }: RolloutDependencies,
  name: string,
): Promise<{ readonly all: readonly string[]; readonly created: readonly string[] }> {
  const { AutoRollbackConfiguration } = configuration.deployment as DeploymentConfig;
  const names = (AutoRollbackConfiguration?.Alarms ?? []).flatMap(({ AlarmName }) => AlarmName ?? []);
  const found = await endpoints.alarms(names);
  const all: string[] = [];
  const created: string[] = [];
  for (const [index, alarmName] of names.entries()) {
    const alarm = found.find((one) => one.AlarmName === alarmName);
    if (alarm === undefined || !watchesConfig(alarm)) {
      all.push(alarmName);
      continue;
    }
    const copy = `${name}-${index}`;
    await endpoints.putAlarm(alarmLike(alarm, copy, name));
    all.push(copy);
    created.push(copy);
  }
  return { all, created };
}

async function update(
  { endpoints, configuration }: RolloutDependencies,
  configName: string,
  alarmNames: readonly string[],
): Promise<void> {
  const { AutoRollbackConfiguration: _replaced, ...deployment } = configuration.deployment as DeploymentConfig;
  await endpoints.updateEndpoint({
    EndpointName: configuration.endpointName,
    EndpointConfigName: configName,
    RetainAllVariantProperties: true,
    DeploymentConfig: {
      ...deployment,
      ...(alarmNames.length > 0 && {
        AutoRollbackConfiguration: { Alarms: alarmNames.map((AlarmName) => ({ AlarmName })) },
      }),
    },
  });
}

/** Looks whether the update is over. */
async function observe(deps: RolloutDependencies, state: RolloutState): Promise<RolloutReply> {
  const { configuration, endpoints, versions } = deps;
  const { candidate, shadow, deployment } = state;
  const started = deployment ?? shadow!;
  const seen = await endpoints.endpoint(configuration.endpointName);
  const result = decideProgress(seen, started.configName);
  if (result.progress === 'running') return { ...state, action: 'wait' };
  if (result.progress === 'done') {
    if (deployment === undefined) return { ...state, action: 'compare' };
    if (state.refusedBy === undefined) return { ...state, action: 'record' };
    return end(
      state,
      'REFUSED',
      state.refusedBy,
      'The live model stays. Train or compress another version; approving this one rolls it out in spite of its shadow.',
    );
  }
  await endpoints.deleteAlarms(started.alarmNames);
  const reason = `the endpoint rolled the update back: ${result.reason}`;
  if (candidate.modelPackageArn !== undefined) {
    await versions.update(candidate.modelPackageArn, { approvalStatus: 'Rejected', approvalDescription: reason });
  }
  const nextStep = `The endpoint serves the live model. Look at the metrics of ${started.configName} and the log of ${configuration.endpointName}; approve the version to try again.`;
  return { ...end(state, 'ROLLED_BACK', [reason], nextStep), action: 'fail', cause: `${reason}. ${nextStep}` };
}

/** Writes the parameter, which the next deployment of the stack reads, then the registry. */
async function record(
  { configuration, parameters, versions, endpoints, logger }: RolloutDependencies,
  state: RolloutState,
): Promise<RolloutReply> {
  const { candidate, deployment, report, reportUri } = state;
  const { modelPackageArn, modelDataUrl } = candidate;
  const location = s3Location(modelDataUrl)!;
  const { maxConcurrencyPerInstance } = deployment!;
  await parameters.write(
    configuration.parameterName,
    formatLiveModel({ ...location, modelPackageArn, maxConcurrencyPerInstance }),
  );
  if (modelPackageArn !== undefined) {
    const { approvalStatus } = await versions.describe(modelPackageArn);
    if (approvalStatus !== 'Approved') {
      await versions.update(modelPackageArn, {
        approvalStatus: 'Approved',
        approvalDescription: 'Passed the gate and rolled out',
      });
    }
  }
  await endpoints.deleteAlarms(deployment!.alarmNames);
  logger.info(`${configuration.endpointName} serves ${modelDataUrl}`, { modelPackageArn, report, reportUri });
  return end(
    state,
    'ROLLED_OUT',
    [],
    'The endpoint serves the version. The next deployment of the stack keeps it, and sets the targets of scaling by its measured concurrency.',
  );
}

function end(state: RolloutState, outcome: Outcome, reasons: readonly string[], nextStep: string): RolloutReply {
  const { candidate, live, report, reportUri } = state;
  const summary = ({ slices: _inTheReport, ...measures }: EvaluationReport['live']): object => measures;
  return {
    ...state,
    action: 'end',
    output: {
      Outcome: outcome,
      ModelPackageArn: candidate.modelPackageArn ?? null,
      ModelDataUrl: candidate.modelDataUrl,
      LiveModelPackageArn: (outcome === 'ROLLED_OUT' ? candidate.modelPackageArn : live.modelPackageArn) ?? null,
      Reasons: reasons,
      NextStep: nextStep,
      ...(report !== undefined && {
        Report: { rows: report.rows, live: summary(report.live), candidate: summary(report.candidate) },
      }),
      ...(reportUri !== undefined && { ReportUri: reportUri }),
    },
  };
}

const approveStep = (arn: string): string =>
  `Approve it to roll it out: aws sagemaker update-model-package --model-package-arn ${arn} --model-approval-status Approved`;

const urlOf = ({ bucket, key }: LiveModelRecord): string => `s3://${bucket}/${key}`;

/** Characters of the hashes of the execution and of the former configuration in names. */
const EXECUTION_LENGTH = 12;
const BASE_LENGTH = 4;

const SHADOW_SUFFIX = '-shadow';

/** Beginning of the names of an execution. */
const stemOf = ({ namePrefix }: RolloutConfiguration, { evaluation }: RolloutEvent): string =>
  `${namePrefix}${evaluation.slice(0, EXECUTION_LENGTH)}-`;

/**
 * Name of the model, configuration and alarms that an execution derives from a configuration, within the 63 characters of SageMaker. A deployment
 * that changes the endpoint meanwhile gives another name, because configurations cannot be changed.
 */
function nameOf(configuration: RolloutConfiguration, event: RolloutEvent, baseName: string): string {
  const base = createHash('sha256').update(baseName).digest('hex').slice(0, BASE_LENGTH);
  return `${stemOf(configuration, event)}${base}`;
}

const isOwn = (configuration: RolloutConfiguration, event: RolloutEvent, configName: string): boolean =>
  configName.startsWith(stemOf(configuration, event)) && !configName.endsWith(SHADOW_SUFFIX);
