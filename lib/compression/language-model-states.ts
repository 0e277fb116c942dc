import { ADMISSION_PATH, admissionTask, TRAINING_STARTS } from '../cost/contract';
import { PACKAGE_METADATA } from '../training/contract';
import {
  OPTIMIZATION_FAILED,
  OPTIMIZATION_FAILURES,
  OPTIMIZATION_STOPPED,
  OPTIMIZATION_TIMED_OUT,
} from './decide/optimization-failure';

/** Settings of the states. Values may be tokens. */
export interface LanguageModelPlan {
  readonly partition: string;
  /** Prefix of the names of jobs and models, with its terminator. */
  readonly jobNamePrefix: string;
  /** Location below which the models to compress are, with a slash at its end. */
  readonly modelsUri: string;
  /** Location below which the compressed models are, with a slash at its end. */
  readonly outputUri: string;
  readonly outputKeyArn?: string;
  readonly roleArn: string;
  readonly modelRoleArn: string;
  readonly image: string;
  /** Image without its tag. */
  readonly imageRepository: string;
  readonly deploymentInstanceType: string;
  readonly technique: string;
  readonly environment: { readonly [name: string]: string };
  readonly acceptEula: boolean;
  readonly maxRuntimeSeconds: number;
  readonly vpcConfig?: object;
  readonly modelPackageGroupName?: string;
  readonly guardTableName?: string;
}

/** Variable of LMI containers that names the number format. */
const QUANTIZE_VARIABLE = 'OPTION_QUANTIZE';

/** Time between two looks at a job, seconds. An execution has at most 25,000 events, of which a look takes nine. */
const LOOK_SECONDS = 60;
const MAX_LOOKS = 2000;

const expression = (text: string): string => `{% ${text} %}`;

/** Retries of throttling and of errors that pass. */
const RETRY = [{ ErrorEquals: ['States.TaskFailed'], IntervalSeconds: 5, MaxAttempts: 2, BackoffRate: 2 }];
const CATCH = [
  {
    ErrorEquals: ['States.ALL'],
    Next: 'Explain the failure',
    Output: expression('{"Error": $states.errorOutput.Error, "Reason": $string($states.errorOutput.Cause)}'),
  },
];

/**
 * Definition of the state machine: starts an optimisation job of the model that the input of an execution names, looks at it until it ends, because
 * Step Functions waits for no such job, and registers what it made.
 */
export function languageModelStates(plan: LanguageModelPlan): object {
  const task = (resource: string, parameters: object, output: string, next: string): object => ({
    Type: 'Task',
    QueryLanguage: 'JSONata',
    Resource: `arn:${plan.partition}:states:::${resource}`,
    Arguments: parameters,
    Output: expression(output),
    Retry: RETRY,
    Catch: CATCH,
    Next: next,
  });
  const sageMaker = (operation: string): string => `aws-sdk:sagemaker:${operation}`;
  const merged = (members: string): string => `$merge([$states.input, {${members}}])`;
  const isRegistered = plan.modelPackageGroupName !== undefined;

  return {
    Comment: 'Quantises a language model by an optimisation job',
    StartAt: 'Names the input a model?',
    States: {
      'Names the input a model?': {
        Type: 'Choice',
        QueryLanguage: 'JSONata',
        Choices: [
          { Condition: expression(`${modelUri} and ${endsPacked}`), Next: 'Has a packed model' },
          { Condition: expression(`${modelUri} and ${isBelow(plan.modelsUri)}`), Next: 'Begin' },
        ],
        Default: 'Lacks a model',
      },
      'Lacks a model': {
        Type: 'Fail',
        Error: 'Tidegate.NoModel',
        Cause: `The input of the execution names no model below ${plan.modelsUri}. Start it with {"ModelDataUrl": "${plan.modelsUri}FOLDER/"}.`,
      },
      'Has a packed model': {
        Type: 'Fail',
        Error: 'Tidegate.ModelPacked',
        Cause:
          'The input of the execution names an archive, and optimisation jobs read the files of a model. Unpack it, copy the folder to the bucket, and name the folder.',
      },
      Begin: {
        Type: 'Pass',
        QueryLanguage: 'JSONata',
        Output: {
          JobName: expression(
            `'${plan.jobNamePrefix}' & $hash($states.context.Execution.Id, 'MD5') & $substring($uuid(), 0, 8)`,
          ),
          Source: expression(`$substring(${INPUT_URI}, -1) = '/' ? ${INPUT_URI} : ${INPUT_URI} & '/'`),
        },
        Next: plan.guardTableName === undefined ? 'Start the job' : 'Read the guard',
      },
      ...(plan.guardTableName === undefined ? {} : admission(plan.partition, plan.guardTableName)),
      'Start the job': task(
        sageMaker('createOptimizationJob'),
        optimizationJob(plan),
        merged(`"Data": '${plan.outputUri}' & $states.input.JobName & '/'`),
        'Wait',
      ),
      Wait: {
        Type: 'Wait',
        QueryLanguage: 'JSONata',
        Seconds: Math.max(LOOK_SECONDS, Math.ceil(plan.maxRuntimeSeconds / MAX_LOOKS)),
        Next: 'Look at the job',
      },
      'Look at the job': task(
        sageMaker('describeOptimizationJob'),
        { OptimizationJobName: expression('$states.input.JobName') },
        merged(
          '"Status": $states.result.OptimizationJobStatus, "JobArn": $states.result.OptimizationJobArn, ' +
            '"Reason": $exists($states.result.FailureReason) ? $states.result.FailureReason : "no reason was given", ' +
            '"Seconds": $exists($states.result.OptimizationEndTime) and $exists($states.result.OptimizationStartTime) ? ' +
            '($toMillis($states.result.OptimizationEndTime) - $toMillis($states.result.OptimizationStartTime)) / 1000 : 0, ' +
            `"Image": $exists($states.result.OptimizationOutput.RecommendedInferenceImage) and $substringBefore($states.result.OptimizationOutput.RecommendedInferenceImage, ':') = '${plan.imageRepository}' ? ` +
            `$states.result.OptimizationOutput.RecommendedInferenceImage : '${plan.image}'`,
        ),
        'Is the job over?',
      ),
      'Is the job over?': {
        Type: 'Choice',
        QueryLanguage: 'JSONata',
        Choices: [
          { Condition: expression('$states.input.Status = "COMPLETED"'), Next: 'Register the model' },
          { Condition: expression('$states.input.Status in ["FAILED", "STOPPED"]'), Next: 'Explain the failure' },
        ],
        Default: 'Wait',
      },
      'Register the model': task(
        'sagemaker:createModel',
        {
          ModelName: expression('$states.input.JobName'),
          ExecutionRoleArn: plan.modelRoleArn,
          EnableNetworkIsolation: true,
          PrimaryContainer: containerOf(plan),
        },
        merged('"ModelArn": $states.result.ModelArn'),
        isRegistered ? 'Register the version' : 'Output',
      ),
      ...(isRegistered
        ? {
            'Register the version': task(
              sageMaker('createModelPackage'),
              {
                ModelPackageGroupName: plan.modelPackageGroupName,
                ModelApprovalStatus: 'PendingManualApproval',
                InferenceSpecification: {
                  Containers: [containerOf(plan)],
                  SupportedContentTypes: ['application/json'],
                  SupportedResponseMIMETypes: ['application/json'],
                },
                CustomerMetadataProperties: expression(lineage(plan.technique)),
              },
              merged('"ModelPackageArn": $states.result.ModelPackageArn'),
              'Output',
            ),
          }
        : {}),
      Output: {
        Type: 'Pass',
        QueryLanguage: 'JSONata',
        Output: {
          ModelName: expression('$states.input.JobName'),
          ModelArn: expression('$states.input.ModelArn'),
          ModelDataUrl: expression('$states.input.Data'),
          OptimizationJobName: expression('$states.input.JobName'),
          OptimizationJobArn: expression('$states.input.JobArn'),
          InferenceImage: expression('$states.input.Image'),
          ...(isRegistered ? { ModelPackageArn: expression('$states.input.ModelPackageArn') } : {}),
        },
        End: true,
      },
      'Explain the failure': {
        Type: 'Pass',
        QueryLanguage: 'JSONata',
        Output: expression(explanation(plan.maxRuntimeSeconds)),
        Next: 'Failed',
      },
      Failed: {
        Type: 'Fail',
        QueryLanguage: 'JSONata',
        Error: expression('$states.input.Error'),
        Cause: expression('$states.input.Cause'),
      },
    },
  };
}

/** Location of the model in the input of an execution. */
const INPUT_URI = '$states.context.Execution.Input.ModelDataUrl';
const modelUri = `$type(${INPUT_URI}) = 'string'`;
const endsPacked = `$contains(${INPUT_URI}, /\\.(tar\\.gz|tgz|tar|zip)$/)`;

const isBelow = (uri: string): string =>
  `$contains(${INPUT_URI}, '${uri}') and $substringBefore(${INPUT_URI}, '${uri}') = ''`;

/** States before a job: read the guard's table, and start the job unless it refuses. A guard that has not evaluated yet refuses nothing. */
function admission(partition: string, tableName: string): object {
  return {
    'Read the guard': {
      ...admissionTask(partition, tableName),
      Retry: RETRY,
      Catch: [{ ErrorEquals: ['States.ALL'], Next: 'Guard is unreadable', ResultPath: '$.Failure' }],
      Next: 'May the job start?',
    },
    'Guard is unreadable': {
      Type: 'Pass',
      QueryLanguage: 'JSONata',
      Output: expression('{"Error": $states.input.Failure.Error, "Reason": $string($states.input.Failure.Cause)}'),
      Next: 'Explain the failure',
    },
    'May the job start?': {
      Type: 'Choice',
      Choices: [
        {
          And: [
            { Variable: ADMISSION_PATH, IsPresent: true },
            { Variable: ADMISSION_PATH, StringEquals: TRAINING_STARTS.refused },
          ],
          Next: 'Refused',
        },
      ],
      Default: 'Start the job',
    },
    Refused: {
      Type: 'Fail',
      Error: 'Tidegate.GrowthFrozen',
      Cause:
        'The cost guard has frozen growth, so no optimisation job may start. Raise the budget or wait for its next period, then start again.',
    },
  };
}

function optimizationJob(plan: LanguageModelPlan): object {
  return {
    OptimizationJobName: expression('$states.input.JobName'),
    RoleArn: plan.roleArn,
    ModelSource: {
      S3: {
        S3Uri: expression('$states.input.Source'),
        ...(plan.acceptEula ? { ModelAccessConfig: { AcceptEula: true } } : {}),
      },
    },
    DeploymentInstanceType: plan.deploymentInstanceType,
    OptimizationEnvironment: plan.environment,
    OptimizationConfigs: [
      {
        ModelQuantizationConfig: {
          Image: plan.image,
          OverrideEnvironment: { [QUANTIZE_VARIABLE]: plan.technique },
        },
      },
    ],
    OutputConfig: {
      S3OutputLocation: expression(`'${plan.outputUri}' & $states.input.JobName & '/'`),
      ...(plan.outputKeyArn === undefined ? {} : { KmsKeyId: plan.outputKeyArn }),
    },
    StoppingCondition: { MaxRuntimeInSeconds: plan.maxRuntimeSeconds },
    ...(plan.vpcConfig === undefined ? {} : { VpcConfig: plan.vpcConfig }),
  };
}

/** Container that hosts the files that the job has left. */
function containerOf(plan: LanguageModelPlan): object {
  return {
    Image: expression('$states.input.Image'),
    ModelDataSource: {
      S3DataSource: {
        S3Uri: expression('$states.input.Data'),
        S3DataType: 'S3Prefix',
        CompressionType: 'None',
      },
    },
    Environment: { ...plan.environment, [QUANTIZE_VARIABLE]: plan.technique },
  };
}

/** Metadata of a version: its job, the artifact that it comes from, and the version of that, where the input of the execution names it. */
function lineage(technique: string): string {
  const parent = '$states.context.Execution.Input.ModelPackageArn';
  return (
    `$merge([{"${PACKAGE_METADATA.optimizationJob}": $states.input.JobName, "${PACKAGE_METADATA.quantization}": '${technique}', ` +
    `"${PACKAGE_METADATA.parentModelData}": $states.input.Source}, ` +
    `$type(${parent}) = 'string' ? {"${PACKAGE_METADATA.parentPackage}": ${parent}} : {}])`
  );
}

/** `explainOptimizationFailure` as an expression of Step Functions, on a job or a caught error. */
function explanation(maxRuntimeSeconds: number): string {
  return `(
  $in := $states.input;
  $text := ($exists($in.Error) ? $in.Error : '') & ' ' & $in.Reason;
  $found := $filter(${JSON.stringify(OPTIMIZATION_FAILURES)}, function($class) {
    $count($filter($class.texts, function($sign) { $contains($text, $sign) })) > 0
  })[0];
  $class := $in.Status = 'STOPPED'
    ? ($in.Seconds >= ${maxRuntimeSeconds} ? ${JSON.stringify(OPTIMIZATION_TIMED_OUT)} : ${JSON.stringify(OPTIMIZATION_STOPPED)})
    : $exists($found) ? $found : ${JSON.stringify(OPTIMIZATION_FAILED)};
  {"Error": $class.error, "Cause": 'The run failed: ' & $class.what & '.' & ($exists($in.Status) ? ' Job: ' & $in.JobName & '.' : '') & ' Reason: ' & $in.Reason & ' Next: ' & $class.next}
)`;
}
