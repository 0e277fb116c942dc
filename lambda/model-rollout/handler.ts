import { InputError, PermanentError, RetryableError } from '../../lib/core/errors';
import {
  type RolloutCandidate,
  formatLiveModel,
  isFolder,
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
import type { EndpointDeployments } from '../clients/endpoint-deployments';
import type { ModelVersions } from '../clients/model-registry';
import type { ObjectStore } from '../clients/object-store';
import type { WritableParameters } from '../clients/parameters';
import type { WallClock } from '../support/clock';
import type { Logger } from '../support/logger';
import { configLike, variantOf } from './endpoint-change';
import { createCandidateModel, servedModel, update, watchingAlarms } from './endpoint-update';
import { leaveEndpoint, withoutShadow } from './leave';
import { evaluationOf, isOwn, isShadow, nameOf, SHADOW_SUFFIX, shadowName } from './names';

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
type Action = 'evaluate' | 'shadow' | 'deploy' | 'retry' | 'wait' | 'compare' | 'record' | 'leave' | 'end' | 'fail';

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
    case 'leave':
      return whenFree(deps, state, () => leave(deps, state, event));
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
async function begin(deps: RolloutDependencies, input: { readonly [member: string]: unknown }): Promise<RolloutReply> {
  const { configuration, versions, parameters, endpoints } = deps;
  const live = parseLiveModel(await parameters.read(configuration.parameterName));
  const liveModelDataUrl = urlOf(live);
  const { modelPackageArn, restore, abandonedArn } = parseRolloutInput(input);
  if (restore) {
    const candidate = { modelPackageArn: live.modelPackageArn, modelDataUrl: liveModelDataUrl };
    const state = { candidate, live, liveModelDataUrl };
    if (abandonedArn !== undefined) return { ...state, abandoned: evaluationOf(abandonedArn), action: 'leave' };
    const { configName } = await endpoints.endpoint(configuration.endpointName);
    return restored(deps, state, configName);
  }
  if (modelPackageArn === undefined) {
    throw new InputError(
      'the input of the execution names no version; start it with {"ModelPackageArn": "arn:aws:sagemaker:REGION:ACCOUNT:model-package/GROUP/1"}, ' +
        'which the output of a training with a registry has, or with {"Restore": true}',
    );
  }
  const version = await versions.describe(modelPackageArn);
  if (version.modelDataUrl === undefined) {
    throw new PermanentError(
      `${modelPackageArn} has no artifact in S3; register one with a ModelDataUrl or a ModelDataSource`,
    );
  }
  if (isFolder(version.modelDataUrl) !== isFolder(liveModelDataUrl)) {
    const form = (uri: string): string => (isFolder(uri) ? `a folder (${uri})` : `an archive (${uri})`);
    throw new PermanentError(
      `${modelPackageArn} is ${form(version.modelDataUrl)} and the live model ${form(liveModelDataUrl)}, which one endpoint cannot serve in turns; register versions in the form of initialModel`,
    );
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

/** Ends where the endpoint serves the live model, and deploys it otherwise. */
async function restored(deps: RolloutDependencies, state: RolloutState, configName: string): Promise<RolloutReply> {
  if ((await servedModel(deps, configName)) !== state.liveModelDataUrl) return { ...state, action: 'deploy' };
  return end(state, 'UNCHANGED', ['the endpoint serves the live model'], 'There is nothing to do.');
}

/** Leaves the endpoint as it was before an execution: this one, which fails, or one that ended without doing so. */
async function leave(deps: RolloutDependencies, state: RolloutState, event: RolloutEvent): Promise<RolloutReply> {
  const { abandoned } = state;
  const configName = await leaveEndpoint(deps, abandoned ?? event.evaluation);
  if (configName === undefined) return { ...state, action: 'retry' };
  if (abandoned === undefined) return { ...state, action: 'fail' };
  // Another execution or a deployment may have changed the endpoint since.
  if (isOwn(deps.configuration, abandoned, configName)) return restored(deps, state, configName);
  return end(
    state,
    'UNCHANGED',
    ['the endpoint has nothing of the execution that ended early'],
    'There is nothing to do.',
  );
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
    ...(candidate.tokensPerSecond !== undefined && {
      [keys.tokensPerSecond]: candidate.tokensPerSecond.toPrecision(4),
    }),
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
  const started = (configName: string, previousConfigName: string): StartedDeployment => ({
    configName,
    previousConfigName,
    alarmNames: [],
    maxConcurrencyPerInstance: live.maxConcurrencyPerInstance,
    startedAt: deps.clock.now(),
  });
  // A step that is done again finds the shadow of the first time.
  if (isShadow(configuration, event.evaluation, current.configName)) {
    return started(current.configName, await withoutShadow(deps, current.configName));
  }
  const modelName = nameOf(configuration, event.evaluation, current.configName);
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
      shadowOf: current.configName,
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
  return started(name, current.configName);
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
  if (isOwn(configuration, event.evaluation, current.configName)) {
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
  const name = nameOf(configuration, event.evaluation, baseName);
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
