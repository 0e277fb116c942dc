import { Aws, Duration } from 'aws-cdk-lib';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import type { Construct } from 'constructs';
import { CAPACITY_FAILURE_PATTERNS } from './decide/capacity-failure';

/** What the states need to know. Values may hold tokens. */
export interface TrainingPlan {
  readonly jobNamePrefix: string;
  readonly instanceTypes: readonly string[];
  readonly volumeSizeInGb: number;
  readonly trainingImage: string;
  readonly trainingRoleArn: string;
  readonly hyperparameters: { readonly [name: string]: string };
  readonly dataUri: string;
  readonly outputUri: string;
  readonly maxRuntimeSeconds: number;
  /** Given for spot capacity. */
  readonly maxWaitSeconds?: number;
  /** Given with checkpoints; each execution has a folder below it. */
  readonly checkpointsUri?: string;
  readonly inferenceImage: string;
  readonly inferenceEnvironment: { readonly [name: string]: string };
  readonly modelRoleArn: string;
}

/** The same for the whole execution, and of characters that names allow. */
const EXECUTION_ID = "States.Hash($$.Execution.Id, 'MD5')";
/** New for every attempt, so that retries and redrives meet no job of the same name. */
const ATTEMPT_ID = "States.ArrayGetItem(States.StringSplit(States.UUID(), '-'), 0)";

/** The longest prefix that leaves room for both ids in the 63 characters of a job's name. */
export const LONGEST_JOB_NAME_PREFIX = 63 - 1 - 32 - 1 - 8;

/** SageMaker's own hiccups and throttling; refusals come back at once and fail after two short waits. */
const RETRY: sfn.RetryProps = {
  errors: ['SageMaker.AmazonSageMakerException'],
  interval: Duration.seconds(5),
  maxAttempts: 2,
  backoffRate: 2,
};

function trainingJob(plan: TrainingPlan, instanceType: string): object {
  const isSpot = plan.maxWaitSeconds !== undefined;
  return {
    Type: 'Task',
    Resource: `arn:${Aws.PARTITION}:states:::sagemaker:createTrainingJob.sync`,
    Parameters: {
      'TrainingJobName.$': `States.Format('${plan.jobNamePrefix}-{}-{}', ${EXECUTION_ID}, ${ATTEMPT_ID})`,
      RoleArn: plan.trainingRoleArn,
      AlgorithmSpecification: {
        TrainingImage: plan.trainingImage,
        TrainingInputMode: 'FastFile',
        MetricDefinitions: [
          { Name: 'holdout:rmse', Regex: 'holdout_rmse=([0-9.e+-]+)' },
          { Name: 'holdout:r2', Regex: 'holdout_r2=([0-9.e+-]+)' },
        ],
      },
      HyperParameters: plan.hyperparameters,
      InputDataConfig: [
        {
          ChannelName: 'train',
          ContentType: 'application/jsonlines',
          DataSource: {
            S3DataSource: {
              S3DataType: 'S3Prefix',
              S3Uri: plan.dataUri,
              S3DataDistributionType: 'FullyReplicated',
            },
          },
        },
      ],
      OutputDataConfig: { S3OutputPath: plan.outputUri },
      ResourceConfig: { InstanceType: instanceType, InstanceCount: 1, VolumeSizeInGB: plan.volumeSizeInGb },
      StoppingCondition: {
        MaxRuntimeInSeconds: plan.maxRuntimeSeconds,
        ...(isSpot ? { MaxWaitTimeInSeconds: plan.maxWaitSeconds } : {}),
      },
      ...(isSpot ? { EnableManagedSpotTraining: true } : {}),
      ...(plan.checkpointsUri === undefined
        ? {}
        : { CheckpointConfig: { 'S3Uri.$': `States.Format('${plan.checkpointsUri}{}', ${EXECUTION_ID})` } }),
    },
    ResultSelector: {
      'TrainingJobName.$': '$.TrainingJobName',
      'TrainingJobArn.$': '$.TrainingJobArn',
      'ModelDataUrl.$': '$.ModelArtifacts.S3ModelArtifacts',
      InstanceType: instanceType,
    },
    ResultPath: '$.Training',
  };
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

/**
 * The states of the pipeline: train on the first type, on the next one whenever there is no capacity, then register the model. Any
 * other failure ends the execution with the error and cause of the task.
 */
export function trainingStates(scope: Construct, plan: TrainingPlan): sfn.IChainable {
  const failed = new sfn.Fail(scope, 'Failed', { errorPath: '$.Failure.Error', causePath: '$.Failure.Cause' });
  const output = new sfn.Pass(scope, 'Output', {
    parameters: {
      'ModelName.$': '$.Training.TrainingJobName',
      'ModelArn.$': '$.Model.ModelArn',
      'ModelDataUrl.$': '$.Training.ModelDataUrl',
      'TrainingJobName.$': '$.Training.TrainingJobName',
      'TrainingJobArn.$': '$.Training.TrainingJobArn',
      'InstanceType.$': '$.Training.InstanceType',
    },
  });
  const register = task(scope, 'Register the model', createModel(plan), failed);
  register.next(output);

  // From the last type to the first, so that each knows what follows it.
  let next: sfn.CustomState | undefined;
  for (const instanceType of [...plan.instanceTypes].reverse()) {
    const onFailure =
      next === undefined
        ? failed
        : new sfn.Choice(scope, `Lacks ${instanceType}?`).when(lacksCapacity(), next).otherwise(failed);
    next = task(scope, `Train on ${instanceType}`, trainingJob(plan, instanceType), onFailure);
    next.next(register);
  }
  // The input is whatever started it; the states begin from nothing.
  return new sfn.Pass(scope, 'Begin', { result: sfn.Result.fromObject({}) }).next(next!);
}

function task(scope: Construct, id: string, stateJson: object, onFailure: sfn.IChainable): sfn.CustomState {
  return new sfn.CustomState(scope, id, { stateJson: stateJson as { [member: string]: unknown } })
    .addRetry(RETRY)
    .addCatch(onFailure, { errors: [sfn.Errors.ALL], resultPath: '$.Failure' });
}

function lacksCapacity(): sfn.Condition {
  return sfn.Condition.or(
    ...CAPACITY_FAILURE_PATTERNS.cause.map((pattern) => sfn.Condition.stringMatches('$.Failure.Cause', pattern)),
    ...CAPACITY_FAILURE_PATTERNS.error.map((pattern) => sfn.Condition.stringMatches('$.Failure.Error', pattern)),
  );
}
