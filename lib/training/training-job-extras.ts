import { SizeRoundingBehavior, Token } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { sageMakerLogGroupArn } from '../runtime/sagemaker-container';
import { ecrImage } from '../runtime/sagemaker-images';
import type { DebugHook, TrainingInstanceGroup, TrainingJobOptions, TrainingRule } from './training-job-options';

/** Key prefix of the output of SageMaker Debugger in the model bucket. */
const DEBUG_PREFIX = 'debug/';

/** Key prefix of the output for TensorBoard in the model bucket. */
const TENSOR_BOARD_PREFIX = 'tensorboard/';

/** Parts of a request that come from the options, by the member of CreateTrainingJob that they are merged into. */
export interface TrainingJobExtras {
  readonly request: { readonly [member: string]: unknown };
  readonly algorithm: { readonly [member: string]: unknown };
  readonly resources: { readonly [member: string]: unknown };
  readonly stop: { readonly [member: string]: unknown };
  readonly checkpoints: { readonly [member: string]: unknown };
  readonly instanceGroups?: readonly TrainingInstanceGroup[];
}

/** The members that have a value. */
export function given(members: { readonly [name: string]: unknown }): { readonly [name: string]: unknown } {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

/** Renders the options as CreateTrainingJob takes them; `bucketName` is that of the models. */
export function trainingJobExtras(options: TrainingJobOptions, bucketName: string): TrainingJobExtras {
  const { debugHook, profiler, experiment, mlflow, tensorBoard } = options;
  const at = (prefix: string): string => `s3://${bucketName}/${prefix}`;
  return {
    instanceGroups: options.instanceGroups,
    resources: given({
      InstancePlacementConfig:
        options.ultraServers === undefined
          ? undefined
          : {
              EnableMultipleJobs: options.sharedUltraServers ?? false,
              PlacementSpecifications: options.ultraServers.map(({ ultraServerId, instanceCount }) =>
                given({ UltraServerId: ultraServerId, InstanceCount: instanceCount }),
              ),
            },
    }),
    algorithm: given({
      ContainerEntrypoint: options.containerEntrypoint,
      ContainerArguments: options.containerArguments,
      EnableSageMakerMetricsTimeSeries: options.metricsTimeSeries,
    }),
    stop: given({ MaxPendingTimeInSeconds: options.maxPendingTime?.toSeconds() }),
    checkpoints: given({ LocalPath: options.checkpointLocalPath }),
    request: given({
      InfraCheckConfig: options.infraCheck === undefined ? undefined : { EnableInfraCheck: options.infraCheck },
      RemoteDebugConfig: options.remoteDebug === undefined ? undefined : { EnableRemoteDebug: options.remoteDebug },
      SessionChainingConfig:
        options.sessionTagChaining === undefined ? undefined : { EnableSessionTagChaining: options.sessionTagChaining },
      TensorBoardOutputConfig:
        tensorBoard && given({ S3OutputPath: at(TENSOR_BOARD_PREFIX), LocalPath: tensorBoard.localPath }),
      DebugHookConfig: debugHook && hookConfig(debugHook, at(`${DEBUG_PREFIX}tensors/`)),
      DebugRuleConfigurations: rules(debugHook?.rules, at(`${DEBUG_PREFIX}rules/`)),
      ProfilerConfig: profilerConfig(options, at(`${DEBUG_PREFIX}profiler/`)),
      ProfilerRuleConfigurations: rules(profiler?.rules, at(`${DEBUG_PREFIX}rules/`)),
      ExperimentConfig:
        experiment &&
        given({
          ExperimentName: experiment.experimentName,
          TrialName: experiment.trialName,
          TrialComponentDisplayName: experiment.displayName,
          RunName: experiment.runName,
        }),
      MlflowConfig:
        mlflow &&
        given({
          MlflowResourceArn: mlflow.resourceArn,
          MlflowExperimentName: mlflow.experimentName,
          MlflowRunName: mlflow.runName,
        }),
      Tags: options.jobTags && Object.entries(options.jobTags).map(([Key, Value]) => ({ Key, Value })),
    }),
  };
}

function hookConfig(hook: DebugHook, S3OutputPath: string): object {
  return given({
    S3OutputPath,
    LocalPath: hook.localPath,
    HookParameters: hook.parameters,
    CollectionConfigurations:
      hook.collections &&
      Object.entries(hook.collections).map(([CollectionName, CollectionParameters]) => ({
        CollectionName,
        CollectionParameters,
      })),
  });
}

function profilerConfig({ profiler, disableProfiler }: TrainingJobOptions, S3OutputPath: string): object | undefined {
  if (disableProfiler === true) return { DisableProfiler: true };
  return (
    profiler &&
    given({
      S3OutputPath,
      ProfilingIntervalInMilliseconds: profiler.interval?.toMilliseconds(),
      ProfilingParameters: profiler.parameters,
      DisableProfiler: disableProfiler,
    })
  );
}

function rules(named: { readonly [name: string]: TrainingRule } | undefined, S3OutputPath: string) {
  return (
    named &&
    Object.entries(named).map(([name, rule]) =>
      given({
        RuleConfigurationName: name,
        RuleEvaluatorImage: rule.image,
        S3OutputPath,
        LocalPath: rule.localPath,
        InstanceType: rule.instanceType,
        VolumeSizeInGB: rule.volumeSize?.toGibibytes(),
        RuleParameters: rule.parameters,
      }),
    )
  );
}

/** Key prefixes below which the jobs write by their options. */
export function extraPrefixes({ tensorBoard, debugHook, profiler }: TrainingJobOptions): string[] {
  return [
    ...(debugHook === undefined && profiler === undefined ? [] : [DEBUG_PREFIX]),
    ...(tensorBoard === undefined ? [] : [TENSOR_BOARD_PREFIX]),
  ];
}

/** Calls by which a script reports to MLflow. Source: https://docs.aws.amazon.com/sagemaker/latest/dg/mlflow-create-tracking-server-iam.html */
const MLFLOW_ACTIONS = [
  'CreateExperiment',
  'CreateRun',
  'GetExperiment',
  'GetExperimentByName',
  'GetRun',
  'LogBatch',
  'LogInputs',
  'LogMetric',
  'LogModel',
  'LogParam',
  'SetTag',
  'UpdateRun',
].map((action) => `sagemaker-mlflow:${action}`);

/** Channels that the agent of Systems Manager opens. Source: https://docs.aws.amazon.com/sagemaker/latest/dg/train-remote-debugging.html */
const REMOTE_DEBUG_ACTIONS = ['CreateControlChannel', 'CreateDataChannel', 'OpenControlChannel', 'OpenDataChannel'].map(
  (action) => `ssmmessages:${action}`,
);

/** Permissions of the role of the jobs by their options. */
export function extraStatements(
  scope: Construct,
  { mlflow, remoteDebug, debugHook, profiler }: TrainingJobOptions,
): iam.PolicyStatement[] {
  const watching = { ...debugHook?.rules, ...profiler?.rules };
  const images = Object.entries(watching).map(
    ([name, { image }]) => ecrImage(scope, `image of the rule ${name}`, image).repositoryArn,
  );
  return [
    ...(images.length === 0
      ? []
      : [
          new iam.PolicyStatement({
            sid: 'PullRules',
            actions: ['ecr:BatchCheckLayerAvailability', 'ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
            resources: [...new Set(images)],
          }),
          new iam.PolicyStatement({
            sid: 'LogRules',
            actions: ['logs:CreateLogGroup', 'logs:CreateLogStream', 'logs:DescribeLogStreams', 'logs:PutLogEvents'],
            resources: [sageMakerLogGroupArn(scope, 'ProcessingJobs')],
          }),
        ]),
    ...(mlflow === undefined
      ? []
      : [
          new iam.PolicyStatement({
            sid: 'ReportToMlflow',
            actions: MLFLOW_ACTIONS,
            resources: [mlflow.resourceArn],
          }),
        ]),
    ...(remoteDebug === true
      ? [new iam.PolicyStatement({ sid: 'OpenShells', actions: REMOTE_DEBUG_ACTIONS, resources: ['*'] })]
      : []),
  ];
}

/** Ranges and lengths of the API reference of CreateTrainingJob and of its types. */
const MAX_GROUPS = 5;
const MAX_ULTRA_SERVERS = 10;
const PENDING_SECONDS = { min: 1800, max: 2_419_200 };
const MAX_COMMAND = { texts: 100, characters: 256 };
const MAX_CONFIG = { entries: 20, characters: 256 };
const MAX_RULE_PARAMETERS = 100;
const MAX_TAGS = 50;
const PROFILING_MILLISECONDS = [100, 200, 500, 1000, 5000, 60_000];
const EXPERIMENT_NAME = /^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,119}$/;
const MLFLOW_ARN = /^arn:aws[a-z-]*:sagemaker:[a-z0-9-]*:[0-9]{12}:mlflow-[a-zA-Z-]*\/./;
const TAG_TEXT = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

/** Other properties of the pipeline that an option excludes or needs. */
export interface TrainingJobSetting {
  readonly instanceCount?: number;
  readonly instanceTypes?: readonly string[];
  readonly keepsAlive: boolean;
  readonly hasTrainingPlan: boolean;
  readonly isIsolated: boolean;
  readonly hasCheckpoints: boolean;
}

/** Problems of the options that do not concern the cluster. */
export function checkJobOptions(options: TrainingJobOptions, setting: TrainingJobSetting): string[] {
  return [
    ...checkPlacement(options, setting),
    ...checkTimes(options),
    ...checkCommand('containerEntrypoint', options.containerEntrypoint),
    ...checkCommand('containerArguments', options.containerArguments),
    ...checkDebugging(options, setting),
    ...checkTracking(options),
    ...checkTags(options.jobTags ?? {}),
    ...(options.checkpointLocalPath !== undefined && !setting.hasCheckpoints
      ? ['checkpointLocalPath has no effect without checkpoints; turn checkpoints on or leave it out']
      : []),
    ...checkLocalPaths({
      checkpointLocalPath: options.checkpointLocalPath,
      'tensorBoard.localPath': options.tensorBoard?.localPath,
      'debugHook.localPath': options.debugHook?.localPath,
    }),
  ];
}

function checkLocalPaths(paths: { readonly [property: string]: string | undefined }): string[] {
  return Object.entries(paths).flatMap(([property, path]) =>
    path === undefined || Token.isUnresolved(path) || path.startsWith('/')
      ? []
      : [`${property} ('${path}') is not absolute; begin it with /, as /opt/ml/checkpoints`],
  );
}

/** Problems of the groups of a heterogeneous cluster, apart from their instance types. */
export function checkInstanceGroups(
  groups: readonly TrainingInstanceGroup[],
  { instanceCount, instanceTypes, keepsAlive }: TrainingJobSetting,
): string[] {
  const problems: string[] = [];
  if (instanceTypes !== undefined) {
    problems.push(
      'instanceTypes and instanceGroups exclude each other; a heterogeneous cluster has its types in its groups',
    );
  }
  if (instanceCount !== undefined) {
    problems.push('instanceCount is that of instanceTypes; give each of instanceGroups its own');
  }
  if (keepsAlive) problems.push('keepAlive keeps no heterogeneous cluster; leave keepAlive or instanceGroups out');
  if (groups.length === 0 || groups.length > MAX_GROUPS) {
    problems.push(`there are ${groups.length} instanceGroups; 1 to ${MAX_GROUPS} are allowed`);
  }
  const names = groups.map(({ name }) => name);
  for (const [index, { name, instanceCount: count }] of groups.entries()) {
    if (!/^.{1,64}$/.test(name) || names.indexOf(name) !== index) {
      problems.push(
        `instanceGroups[${index}].name ('${name}') must have 1 to 64 characters, and be the name of no other group`,
      );
    }
    if (!Token.isUnresolved(count) && !(Number.isInteger(count) && count >= 1)) {
      problems.push(`instanceGroups[${index}].instanceCount (${count}) must be a whole number from 1`);
    }
  }
  return problems;
}

function checkPlacement(
  { ultraServers, sharedUltraServers, instanceGroups }: TrainingJobOptions,
  { hasTrainingPlan, instanceCount = 1 }: TrainingJobSetting,
): string[] {
  if (ultraServers === undefined) {
    return sharedUltraServers === undefined
      ? []
      : ['sharedUltraServers belongs to ultraServers; give these, or omit it'];
  }
  const problems: string[] = [];
  if (ultraServers.length === 0 || ultraServers.length > MAX_ULTRA_SERVERS) {
    problems.push(`there are ${ultraServers.length} ultraServers; 1 to ${MAX_ULTRA_SERVERS} are allowed`);
  }
  if (!hasTrainingPlan) problems.push('ultraServers are reserved by a training plan; give trainingPlanArn');
  if (instanceGroups !== undefined) problems.push('ultraServers are not for instanceGroups; leave one of both out');
  for (const [index, { instanceCount: count }] of ultraServers.entries()) {
    if (Number.isInteger(count) && count >= 1) continue;
    problems.push(`ultraServers[${index}].instanceCount (${count}) must be a whole number from 1`);
  }
  const placed = ultraServers.reduce((sum, server) => sum + server.instanceCount, 0);
  if (!Token.isUnresolved(instanceCount) && placed > instanceCount) {
    problems.push(
      `ultraServers place ${placed} instances, and instanceCount is ${instanceCount}; raise it or place fewer`,
    );
  }
  return problems;
}

function checkTimes({ maxPendingTime, profiler }: TrainingJobOptions): string[] {
  const problems: string[] = [];
  if (maxPendingTime !== undefined && !maxPendingTime.isUnresolved()) {
    const seconds = maxPendingTime.toSeconds({ integral: false });
    const { min, max } = PENDING_SECONDS;
    if (!Number.isInteger(seconds) || seconds < min || seconds > max) {
      problems.push(`maxPendingTime (${seconds} s) must be ${min} to ${max} whole seconds (30 minutes to 28 days)`);
    }
  }
  if (profiler?.interval !== undefined && !profiler.interval.isUnresolved()) {
    const milliseconds = profiler.interval.toMilliseconds();
    if (!PROFILING_MILLISECONDS.includes(milliseconds)) {
      problems.push(
        `profiler.interval (${milliseconds} ms) is not allowed; use ${PROFILING_MILLISECONDS.join(', ')} ms`,
      );
    }
  }
  return problems;
}

function checkCommand(property: string, texts: readonly string[] | undefined): string[] {
  if (texts === undefined) return [];
  const { texts: most, characters } = MAX_COMMAND;
  if (
    texts.length >= 1 &&
    texts.length <= most &&
    texts.every((text) => Token.isUnresolved(text) || text.length <= characters)
  ) {
    return [];
  }
  return [`${property} has ${texts.length} texts; 1 to ${most} of at most ${characters} characters are allowed`];
}

function checkDebugging(
  { debugHook, profiler, disableProfiler, remoteDebug }: TrainingJobOptions,
  { isIsolated }: TrainingJobSetting,
): string[] {
  const problems: string[] = [];
  const most = (property: string, map: object | undefined, limit: number): void => {
    const count = Object.keys(map ?? {}).length;
    if (count > limit) problems.push(`${property} has ${count} entries; at most ${limit} are allowed`);
  };
  const settings = (property: string, map: { readonly [name: string]: string } | undefined, limit: number): void => {
    most(property, map, limit);
    for (const [name, value] of Object.entries(map ?? {})) {
      const { characters } = MAX_CONFIG;
      if (name.length >= 1 && name.length <= characters && (Token.isUnresolved(value) || value.length <= characters))
        continue;
      problems.push(`${property}.${name} is too long; names and values have at most ${characters} characters`);
    }
  };
  if (profiler !== undefined && disableProfiler === true) {
    problems.push('profiler and disableProfiler exclude each other; leave one of both out');
  }
  if (remoteDebug === true && isIsolated) {
    problems.push(
      'remoteDebug opens a channel to Systems Manager, and network.isolation forbids it; leave one of both out',
    );
  }
  settings('debugHook.parameters', debugHook?.parameters, MAX_CONFIG.entries);
  most('debugHook.collections', debugHook?.collections, MAX_CONFIG.entries);
  for (const [name, parameters] of Object.entries(debugHook?.collections ?? {})) {
    settings(`debugHook.collections.${name}`, parameters, MAX_CONFIG.entries);
  }
  settings('profiler.parameters', profiler?.parameters, MAX_CONFIG.entries);
  const named = { debugHook: debugHook?.rules, profiler: profiler?.rules };
  for (const [owner, watching] of Object.entries(named)) {
    most(`${owner}.rules`, watching, MAX_CONFIG.entries);
    for (const [name, rule] of Object.entries(watching ?? {})) {
      settings(`${owner}.rules.${name}.parameters`, rule.parameters, MAX_RULE_PARAMETERS);
      problems.push(...checkRuleVolume(`${owner}.rules.${name}.volumeSize`, rule));
    }
  }
  const both = Object.keys(debugHook?.rules ?? {}).filter((name) => name in (profiler?.rules ?? {}));
  if (both.length > 0) problems.push(`rules ${both.join(', ')} are in debugHook and profiler; name every rule once`);
  return problems;
}

function checkRuleVolume(property: string, { volumeSize }: TrainingRule): string[] {
  if (volumeSize === undefined || volumeSize.isUnresolved()) return [];
  const gib = volumeSize.toGibibytes({ rounding: SizeRoundingBehavior.NONE });
  return Number.isInteger(gib) && gib >= 1 ? [] : [`${property} (${gib} GiB) must be a whole number of GiB from 1`];
}

function checkTracking({ experiment, mlflow }: TrainingJobOptions): string[] {
  const problems: string[] = [];
  for (const [name, value] of Object.entries(experiment ?? {}) as [string, string | undefined][]) {
    if (value === undefined || Token.isUnresolved(value) || EXPERIMENT_NAME.test(value)) continue;
    problems.push(`experiment.${name} ('${value}') is not allowed; use 1 to 120 letters, digits and hyphens`);
  }
  if (experiment?.trialName !== undefined && experiment.experimentName === undefined) {
    problems.push('experiment.trialName is a trial of an experiment; give experiment.experimentName');
  }
  if (mlflow === undefined) return problems;
  if (!Token.isUnresolved(mlflow.resourceArn) && !MLFLOW_ARN.test(mlflow.resourceArn)) {
    problems.push(
      `mlflow.resourceArn ('${mlflow.resourceArn}') is no MLflow of SageMaker; expected is arn:aws:sagemaker:REGION:ACCOUNT:mlflow-tracking-server/NAME`,
    );
  }
  for (const name of ['experimentName', 'runName'] as const) {
    const value = mlflow[name];
    if (value === undefined || Token.isUnresolved(value) || /^.{1,256}$/.test(value)) continue;
    problems.push(`mlflow.${name} must have 1 to 256 characters`);
  }
  return problems;
}

function checkTags(tags: { readonly [key: string]: string }): string[] {
  const problems: string[] = [];
  const count = Object.keys(tags).length;
  if (count > MAX_TAGS) problems.push(`there are ${count} jobTags; at most ${MAX_TAGS} are allowed`);
  for (const [key, value] of Object.entries(tags)) {
    const isKey = key.length >= 1 && key.length <= 128 && TAG_TEXT.test(key) && !/^aws:/i.test(key);
    const isValue = Token.isUnresolved(value) || (value.length <= 256 && TAG_TEXT.test(value));
    if (isKey && isValue) continue;
    problems.push(
      `jobTags.${key} is not allowed; a key has 1 to 128 and a value at most 256 letters, digits, spaces and _.:/=+-@, and aws: is reserved`,
    );
  }
  return problems;
}
