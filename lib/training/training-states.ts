import { Aws, Duration, Names, Token } from 'aws-cdk-lib';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { findInstanceType } from '../catalog/instance-types';
import { ADMISSION_PATH, admissionTask, TRAINING_STARTS } from '../cost/contract';
import { PACKAGE_METADATA } from './contract';
import { CAPACITY_FAILURE_PATTERNS } from './decide/capacity-failure';
import { runAloneStates } from './run-alone-states';
import { failureStates } from './training-failure-states';
import { given, type TrainingJobExtras } from './training-job-extras';

/** Settings of the attempts of a job. Values may be tokens. */
export interface JobPlan {
  /** Prefix with its terminator. */
  readonly jobNamePrefix: string;
  readonly instanceTypes: readonly string[];
  readonly instanceCount: number;
  /** Parts of the request that come from options. */
  readonly extras?: TrainingJobExtras;
  readonly volumeSizeGib: number;
  readonly volumeKeyArn?: string;
  readonly keepAliveSeconds?: number;
  readonly trainingPlanArn?: string;
  readonly retryAttempts?: number;
  readonly vpcConfig?: object;
  readonly isolation: boolean;
  readonly encryptTraffic: boolean;
  readonly outputKeyArn?: string;
  readonly trainingImage: string;
  readonly trainingRoleArn: string;
  readonly hyperparameters: { readonly [name: string]: string };
  /** Path that the input of an execution has to have; undefined where any input will do. */
  readonly inputPath?: string;
  /** Input channels as CreateTrainingJob takes them. */
  readonly channels: readonly object[];
  readonly environment: { readonly [name: string]: string };
  readonly metricDefinitions: { readonly [name: string]: string };
  readonly outputUri: string;
  readonly maxRuntimeSeconds: number;
  /** Set for spot capacity. */
  readonly maxWaitSeconds?: number;
  /** Set with checkpoints; each execution has a folder below it. */
  readonly checkpointsUri?: string;
  /** Name of the table of the cost guard that admits jobs; undefined without a guard. */
  readonly guardTableName?: string;
}

/** Settings of the states of a pipeline. Values may be tokens. */
export interface TrainingPlan extends JobPlan {
  readonly inferenceImage: string;
  readonly inferenceEnvironment: { readonly [name: string]: string };
  readonly modelRoleArn: string;
  /** True where executions may train at the same time. */
  readonly concurrentRuns: boolean;
  /** Group of the registry in which the model becomes a version; undefined without a registry. */
  readonly modelPackageGroupName?: string;
}

/** Id of the execution, in characters that names allow. */
const EXECUTION_ID = "States.Hash($$.Execution.Id, 'MD5')";
/** Random id of the attempt, so that retries and redrives create jobs with new names. */
const ATTEMPT_ID = "States.ArrayGetItem(States.StringSplit(States.UUID(), '-'), 0)";

/**
 * End of a prefix of job names. A prefix has single hyphens only, so the names of one pipeline never begin with the prefix of another:
 * `prod--` is no beginning of `prod-b--`. SageMaker allows several hyphens in a row (API reference of CreateTrainingJob,
 * https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html).
 */
export const JOB_NAME_TERMINATOR = '--';

/** Channel of the source, where the containers have no network to fetch it. */
export const SOURCE_CHANNEL = 'code';

/** Environment variable of the script with the artifact that the input of the execution names, for the lineage of what it makes of it. */
export const MODEL_DATA_URL_VARIABLE = 'TIDEGATE_MODEL_DATA_URL';

/** Maximum length of the prefix, with its terminator and both ids within the 63 characters of a job's name. */
export const MAX_JOB_NAME_PREFIX_LENGTH = 63 - JOB_NAME_TERMINATOR.length - 32 - 8;

/** Returns a beginning of job names that no other construct of the account has. */
export function uniqueJobNamePrefix(scope: Construct): string {
  const name = Names.uniqueResourceName(scope, { maxLength: MAX_JOB_NAME_PREFIX_LENGTH, separator: '-' });
  return Token.isUnresolved(name) ? name : name.toLowerCase().replace(/^-+|-+$/g, '');
}

/** Retries of transient errors and throttling; a permanent error costs two short delays. */
const RETRY: sfn.RetryProps = {
  errors: ['SageMaker.AmazonSageMakerException'],
  interval: Duration.seconds(5),
  maxAttempts: 2,
  backoffRate: 2,
};

/** Retries of a call of the SDK integration, whose errors have another name. */
const SDK_RETRY: sfn.RetryProps = { ...RETRY, errors: ['SageMaker.SageMakerException'] };

/** Retries of the read of the guard's table. */
const GUARD_RETRY: sfn.RetryProps = { ...RETRY, errors: [sfn.Errors.TASKS_FAILED] };

function trainingJob(plan: JobPlan, instanceType: string): object {
  const isSpot = plan.maxWaitSeconds !== undefined;
  const { extras } = plan;
  return {
    Type: 'Task',
    Resource: `arn:${Aws.PARTITION}:states:::sagemaker:createTrainingJob.sync`,
    Parameters: {
      'TrainingJobName.$': `States.Format('${plan.jobNamePrefix}{}{}', ${EXECUTION_ID}, ${ATTEMPT_ID})`,
      RoleArn: plan.trainingRoleArn,
      AlgorithmSpecification: {
        TrainingImage: plan.trainingImage,
        TrainingInputMode: 'FastFile',
        MetricDefinitions: Object.entries(plan.metricDefinitions).map(([Name, Regex]) => ({ Name, Regex })),
        ...extras?.algorithm,
      },
      HyperParameters: plan.hyperparameters,
      ...environmentOf(plan),
      InputDataConfig: plan.channels,
      OutputDataConfig: given({ S3OutputPath: plan.outputUri, KmsKeyId: plan.outputKeyArn }),
      ResourceConfig: given({
        ...clusterOf(plan, instanceType),
        VolumeSizeInGB: plan.volumeSizeGib,
        KeepAlivePeriodInSeconds: plan.keepAliveSeconds,
        TrainingPlanArn: plan.trainingPlanArn,
        ...extras?.resources,
      }),
      ...(plan.vpcConfig === undefined ? {} : { VpcConfig: plan.vpcConfig }),
      ...(plan.isolation ? { EnableNetworkIsolation: true } : {}),
      ...(isCluster(plan) && plan.encryptTraffic ? { EnableInterContainerTrafficEncryption: true } : {}),
      ...(plan.retryAttempts === undefined ? {} : { RetryStrategy: { MaximumRetryAttempts: plan.retryAttempts } }),
      StoppingCondition: {
        MaxRuntimeInSeconds: plan.maxRuntimeSeconds,
        ...(isSpot ? { MaxWaitTimeInSeconds: plan.maxWaitSeconds } : {}),
        ...extras?.stop,
      },
      ...(isSpot ? { EnableManagedSpotTraining: true } : {}),
      ...(plan.checkpointsUri === undefined
        ? {}
        : {
            CheckpointConfig: {
              'S3Uri.$': `States.Format('${plan.checkpointsUri}{}', ${EXECUTION_ID})`,
              ...extras?.checkpoints,
            },
          }),
      ...extras?.request,
    },
    ResultSelector: {
      'TrainingJobName.$': '$.TrainingJobName',
      'TrainingJobArn.$': '$.TrainingJobArn',
      'ModelDataUrl.$': '$.ModelArtifacts.S3ModelArtifacts',
      InstanceType: instanceType === GROUPS ? plan.instanceTypes.join(', ') : instanceType,
    },
    ResultPath: '$.Training',
  };
}

/** Instances of a job: of one type, or those of its groups. Types with NVMe disks take no key. */
function clusterOf({ extras, instanceCount, volumeKeyArn }: JobPlan, instanceType: string): object {
  const groups = extras?.instanceGroups;
  const encryptedByKey = (type: string): boolean => findInstanceType(type)?.localNvme !== true;
  if (groups === undefined) {
    return {
      InstanceType: instanceType,
      InstanceCount: instanceCount,
      VolumeKmsKeyId: encryptedByKey(instanceType) ? volumeKeyArn : undefined,
    };
  }
  return {
    InstanceGroups: groups.map((group) => ({
      InstanceGroupName: group.name,
      InstanceType: group.instanceType,
      InstanceCount: group.instanceCount,
    })),
    VolumeKmsKeyId: groups.some((group) => encryptedByKey(group.instanceType)) ? volumeKeyArn : undefined,
  };
}

function isCluster({ extras, instanceCount }: JobPlan): boolean {
  const counts = extras?.instanceGroups?.map((group) => group.instanceCount) ?? [instanceCount];
  return counts.length > 1 || counts[0]! > 1;
}

/** Name of the only attempt of a heterogeneous cluster. */
const GROUPS = 'instance groups';

/** Variables of the script, among them the artifact that the input of the execution names. */
function environmentOf({ environment, inputPath }: JobPlan): object {
  const variables = {
    ...environment,
    ...(inputPath === undefined ? {} : { [`${MODEL_DATA_URL_VARIABLE}.$`]: inputPath }),
  };
  return Object.keys(variables).length === 0 ? {} : { Environment: variables };
}

function createModel(plan: TrainingPlan): object {
  return {
    Type: 'Task',
    Resource: `arn:${Aws.PARTITION}:states:::sagemaker:createModel`,
    Parameters: {
      'ModelName.$': '$.Training.TrainingJobName',
      ExecutionRoleArn: plan.modelRoleArn,
      EnableNetworkIsolation: true,
      PrimaryContainer: {
        Image: plan.inferenceImage,
        'ModelDataUrl.$': '$.Training.ModelDataUrl',
        Environment: plan.inferenceEnvironment,
      },
    },
    ResultSelector: { 'ModelArn.$': '$.ModelArn' },
    ResultPath: '$.Model',
  };
}

/** Registers the model as a version in the registry, with the job and the model that it comes from. */
function createModelPackage(plan: TrainingPlan, parent: { readonly [key: string]: string }): object {
  return {
    Type: 'Task',
    Resource: `arn:${Aws.PARTITION}:states:::aws-sdk:sagemaker:createModelPackage`,
    Parameters: {
      ModelPackageGroupName: plan.modelPackageGroupName,
      ModelApprovalStatus: 'PendingManualApproval',
      InferenceSpecification: {
        Containers: [
          {
            Image: plan.inferenceImage,
            'ModelDataUrl.$': '$.Training.ModelDataUrl',
            Environment: plan.inferenceEnvironment,
          },
        ],
        SupportedContentTypes: ['application/json', 'application/octet-stream'],
        SupportedResponseMIMETypes: ['application/json', 'application/octet-stream'],
      },
      CustomerMetadataProperties: {
        [`${PACKAGE_METADATA.trainingJob}.$`]: '$.Training.TrainingJobName',
        ...parent,
      },
    },
    ResultSelector: { 'ModelPackageArn.$': '$.ModelPackageArn' },
    ResultPath: '$.Package',
  };
}

/** Path of the package in the input of an execution, which the output of a pipeline with a registry has. */
const PARENT_PACKAGE_PATH = '$$.Execution.Input.ModelPackageArn';

/** States that register the version: with the package of the parent where the input of the execution names it. */
function registration(
  scope: Construct,
  plan: TrainingPlan,
  failed: sfn.IChainable,
  next: sfn.IChainable,
): sfn.IChainable {
  const register = (id: string, parent: { readonly [key: string]: string }): sfn.IChainable =>
    task(scope, id, createModelPackage(plan, parent), failed, SDK_RETRY).next(next);
  if (plan.inputPath === undefined) return register('Register the version', {});
  const data = { [`${PACKAGE_METADATA.parentModelData}.$`]: plan.inputPath };
  const isNamed = sfn.Condition.and(
    sfn.Condition.isPresent(PARENT_PACKAGE_PATH),
    sfn.Condition.isString(PARENT_PACKAGE_PATH),
  );
  return new sfn.Choice(scope, 'Names the input a version?')
    .when(
      isNamed,
      register('Register the version with its parent', {
        ...data,
        [`${PACKAGE_METADATA.parentPackage}.$`]: PARENT_PACKAGE_PATH,
      }),
    )
    .otherwise(register('Register the version', data));
}

/**
 * Builds the states of the pipeline: train on the first type, without capacity on the next one, then register the model. Any other
 * failure ends the execution with the error and cause of the task.
 */
export function trainingStates(scope: Construct, plan: TrainingPlan): sfn.IChainable {
  const failed = failureStates(scope);
  const output = new sfn.Pass(scope, 'Output', {
    parameters: {
      'ModelName.$': '$.Training.TrainingJobName',
      'ModelArn.$': '$.Model.ModelArn',
      'ModelDataUrl.$': '$.Training.ModelDataUrl',
      'TrainingJobName.$': '$.Training.TrainingJobName',
      'TrainingJobArn.$': '$.Training.TrainingJobArn',
      'InstanceType.$': '$.Training.InstanceType',
      ...(plan.modelPackageGroupName === undefined ? {} : { 'ModelPackageArn.$': '$.Package.ModelPackageArn' }),
    },
  });
  const register = task(scope, 'Register the model', createModel(plan), failed);
  register.next(plan.modelPackageGroupName === undefined ? output : registration(scope, plan, failed, output));
  const first = jobAttempts(scope, plan, { then: register, failed });
  // The input of the execution is not passed on: what a channel takes of it is in the context object.
  const begin = new sfn.Pass(scope, 'Begin', { result: sfn.Result.fromObject({}) });
  const alone = plan.concurrentRuns ? first : runAloneStates(scope, { then: first, onFailure: failed });
  if (plan.inputPath === undefined) return begin.next(alone);
  const nameless = new sfn.Fail(scope, 'Lacks a model', {
    error: 'Tidegate.NoModel',
    cause: 'The input of the execution names no model. Start it with {"ModelDataUrl": "s3://BUCKET/KEY"}.',
  });
  begin.next(
    new sfn.Choice(scope, 'Names the input a model?')
      // A comparison with a path that is not there would end the execution with an error of Step Functions.
      .when(sfn.Condition.and(sfn.Condition.isPresent(plan.inputPath), sfn.Condition.isString(plan.inputPath)), alone)
      .otherwise(nameless),
  );
  return begin;
}

/**
 * Builds the attempts of a job: on the first type, without capacity on the next one. The job is in `$.Training` at `then`; the error of any
 * other failure is in `$.Failure` at `failed`. With a guard each attempt begins with a look at its table: where growth is frozen, or the
 * table cannot be read, the execution fails without a job.
 *
 * @param verb first word of the names of the states
 */
export function jobAttempts(
  scope: Construct,
  plan: JobPlan,
  { then, failed }: { readonly then: sfn.IChainable; readonly failed: sfn.IChainable },
  verb = 'Train',
): sfn.IChainable {
  const refused =
    plan.guardTableName === undefined
      ? undefined
      : new sfn.Fail(scope, 'Refused', {
          error: 'Tidegate.GrowthFrozen',
          cause:
            'The cost guard has frozen growth, so no training job may start. Raise the budget or wait for its next period, then start again.',
        });

  // From the last type to the first, because each state needs its successor.
  let next: sfn.IChainable | undefined;
  const attempts = plan.extras?.instanceGroups === undefined ? plan.instanceTypes : [GROUPS];
  for (const instanceType of [...attempts].reverse()) {
    const onFailure =
      next === undefined
        ? failed
        : new sfn.Choice(scope, `Lacks ${instanceType}?`).when(lacksCapacity(), next).otherwise(failed);
    const train = task(scope, `${verb} on ${instanceType}`, trainingJob(plan, instanceType), onFailure);
    train.next(then);
    next =
      refused === undefined ? train : admission(scope, plan.guardTableName!, instanceType, { train, refused, failed });
  }
  return next!;
}

/** States before an attempt: read the guard's table, and train unless it refuses. A guard that has not evaluated yet refuses nothing. */
function admission(
  scope: Construct,
  tableName: string,
  instanceType: string,
  then: { readonly train: sfn.IChainable; readonly refused: sfn.IChainable; readonly failed: sfn.IChainable },
): sfn.CustomState {
  const isRefused = sfn.Condition.and(
    sfn.Condition.isPresent(ADMISSION_PATH),
    sfn.Condition.stringEquals(ADMISSION_PATH, TRAINING_STARTS.refused),
  );
  const read = task(
    scope,
    `Read the guard before ${instanceType}`,
    admissionTask(Aws.PARTITION, tableName),
    then.failed,
    GUARD_RETRY,
  );
  read.next(new sfn.Choice(scope, `May ${instanceType} start?`).when(isRefused, then.refused).otherwise(then.train));
  return read;
}

/** Task that is tried again after transient errors, and whose other errors are in `$.Failure`. */
export function task(
  scope: Construct,
  id: string,
  stateJson: object,
  onFailure: sfn.IChainable,
  retry: sfn.RetryProps = RETRY,
): sfn.CustomState {
  return new sfn.CustomState(scope, id, { stateJson: stateJson as { [member: string]: unknown } })
    .addRetry(retry)
    .addCatch(onFailure, { errors: [sfn.Errors.ALL], resultPath: '$.Failure' });
}

function lacksCapacity(): sfn.Condition {
  return sfn.Condition.or(
    ...CAPACITY_FAILURE_PATTERNS.cause.map((pattern) => sfn.Condition.stringMatches('$.Failure.Cause', pattern)),
    ...CAPACITY_FAILURE_PATTERNS.error.map((pattern) => sfn.Condition.stringMatches('$.Failure.Error', pattern)),
  );
}
