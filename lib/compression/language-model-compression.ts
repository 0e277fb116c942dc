import { Aws, Duration, RemovalPolicy, Stack, Token } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { OPTIMIZATION_JOBS_NAMESPACES } from '../catalog/optimization-jobs';
import { throwProblems } from '../core/errors';
import { acknowledgeGrants, acknowledgeInlinePolicy, acknowledgeWildcards } from '../runtime/acknowledge';
import { dependentStatements, grantKeyUse } from '../runtime/dependent-grants';
import { emptiedObjects } from '../runtime/emptied-bucket';
import { hardenedBucket } from '../runtime/hardened-bucket';
import { loggedStateMachine, stateMachineRole } from '../runtime/logged-state-machine';
import { ANY_RESOURCE_REASON, containerStatements, sageMakerLogGroupArn } from '../runtime/sagemaker-container';
import { ecrImage, lmiImage, type PulledImage } from '../runtime/sagemaker-images';
import { sageMakerNetworkGrants } from '../runtime/sagemaker-network';
import { trainingVpcConfig } from '../training/training-network';
import { modelExecutionRole, MODELS_PREFIX } from '../training/training-roles';
import { JOB_NAME_TERMINATOR, uniqueJobNamePrefix } from '../training/training-states';
import { checkLanguageModelProps } from './language-model-checks';
import type { LanguageModelCompressionProps } from './language-model-props';
import { languageModelStates } from './language-model-states';

/** Location of the model's files in its container, for LMI. */
const MODEL_LOCATION = { HF_MODEL_ID: '/opt/ml/model' };

/**
 * Quantises a language model to FP8 or INT4-AWQ by a SageMaker optimisation job, and registers what the job makes.
 *
 * Creates a Step Functions state machine whose executions start one job each and look at it every minute; a bucket of compressed models; and a role each of
 * machine, jobs and models. The input of an execution names the folder of a model, `{"ModelDataUrl": "s3://BUCKET/models/llama/"}`; its output names the
 * compressed model in the same form.
 *
 * @example
 * new compression.LanguageModelCompression(this, 'Quantise', {
 *   models: s3.Bucket.fromBucketName(this, 'Models', 'language-models'),
 *   technique: compression.LanguageModelTechnique.INT4_AWQ,
 *   deploymentInstanceType: 'ml.g6.12xlarge',
 *   maxRuntime: Duration.hours(6),
 * });
 */
export class LanguageModelCompression extends Construct {
  /** State machine; start an execution of it with `{"ModelDataUrl": "s3://BUCKET/FOLDER/"}`. */
  public readonly stateMachine: sfn.StateMachine;

  /** Bucket of the compressed models. */
  public readonly modelBucket: s3.IBucket;

  /** Key prefix of the compressed models in the bucket: each is a folder with the name of its job. */
  public readonly modelsPrefix: string = MODELS_PREFIX;

  /** Role of the jobs. */
  public readonly jobRole: iam.Role;

  /** Execution role of the registered models. */
  public readonly modelExecutionRole: iam.IRole;

  /** Beginning of the names of all jobs and compressed models of this pipeline and of no other. */
  public readonly jobNamePrefix: string;

  public constructor(scope: Construct, id: string, props: LanguageModelCompressionProps) {
    super(scope, id);
    throwProblems(this.node.path, checkLanguageModelProps(props));
    this.jobNamePrefix = `${props.jobNamePrefix ?? uniqueJobNamePrefix(this)}${JOB_NAME_TERMINATOR}`;
    this.modelBucket = hardenedBucket(this, 'Models', {
      accessLogsBucket: props.accessLogsBucket,
      accessLogsPrefix: `${this.node.id}/`,
      removalPolicy: props.removalPolicy ?? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
      autoDeleteObjects: props.autoDeleteObjects,
      noncurrentVersionExpiration: Duration.days(90),
    });
    const image = props.image === undefined ? lmiImage(this) : ecrImage(this, 'image', props.image);
    this.jobRole = this.createJobRole(props, image);
    this.modelExecutionRole = modelExecutionRole(this, {
      image,
      models: this.modelBucket,
      outputKey: props.outputKey,
    });
    this.stateMachine = this.createStateMachine(props, image);
  }

  /**
   * Allows a principal to start compression.
   *
   * @param grantee principal that may start it
   */
  public grantStart(grantee: iam.IGrantable): iam.Grant {
    return iam.Grant.addToPrincipal({
      grantee,
      actions: ['states:StartExecution'],
      resourceArns: [this.stateMachine.stateMachineArn],
    });
  }

  /**
   * Number of executions that ended without a model.
   *
   * @param options other statistics or periods
   * @default - sum over five minutes
   */
  public metricFailed(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.stateMachine.metricFailed({ statistic: 'Sum', period: Duration.minutes(5), ...options });
  }

  private createJobRole(props: LanguageModelCompressionProps, image: PulledImage): iam.Role {
    const role = new iam.Role(this, 'JobRole', {
      assumedBy: new iam.ServicePrincipal('sagemaker.amazonaws.com'),
      description: 'Quantises language models',
    });
    const prefix = prefixOf(props);
    const read = props.models.arnForObjects(`${prefix}*`);
    const written = this.modelBucket.arnForObjects(`${MODELS_PREFIX}*`);
    const network = props.vpc === undefined ? [] : sageMakerNetworkGrants(Stack.of(this));
    const list = (sid: string, bucket: s3.IBucket, below: string): iam.PolicyStatement =>
      new iam.PolicyStatement({
        sid,
        actions: ['s3:ListBucket'],
        resources: [bucket.bucketArn],
        conditions: { StringLike: { 's3:prefix': `${below}*` } },
      });
    const policy = new iam.Policy(this, 'JobPolicy', {
      statements: [
        // AWS publishes no name for the log group of these jobs; those of all jobs are below /aws/sagemaker/.
        ...containerStatements(this, { image, logGroup: '', metricNamespace: OPTIMIZATION_JOBS_NAMESPACES }),
        new iam.PolicyStatement({ sid: 'ReadModels', actions: ['s3:GetObject'], resources: [read] }),
        list('FindModels', props.models, prefix),
        new iam.PolicyStatement({
          sid: 'KeepModels',
          actions: ['s3:AbortMultipartUpload', 's3:GetObject', 's3:PutObject'],
          resources: [written],
        }),
        list('FindCompressed', this.modelBucket, MODELS_PREFIX),
        ...network.map(({ actions, resources }) => new iam.PolicyStatement({ actions, resources })),
      ],
    });
    policy.attachToRole(role);
    grantKeyUse(props.models.encryptionKey, role, 's3:GetObject');
    grantKeyUse(props.outputKey, role, 's3:GetObject', 's3:CreateMultipartUpload');
    acknowledgeGrants(role);
    acknowledgeInlinePolicy(policy);
    acknowledgeWildcards(policy, ['*'], ANY_RESOURCE_REASON);
    acknowledgeWildcards(
      policy,
      [read, written, sageMakerLogGroupArn(this, '')],
      'SageMaker names the log streams, the jobs and their output at run time; the models are below a prefix.',
    );
    for (const { resources, wildcardReason } of network) {
      if (wildcardReason !== undefined) acknowledgeWildcards(policy, resources, wildcardReason);
    }
    return role;
  }

  private createStateMachine(props: LanguageModelCompressionProps, image: PulledImage): sfn.StateMachine {
    const definition = languageModelStates({
      partition: Aws.PARTITION,
      jobNamePrefix: this.jobNamePrefix,
      modelsUri: `s3://${props.models.bucketName}/${prefixOf(props)}`,
      outputUri: `s3://${this.modelBucket.bucketName}/${MODELS_PREFIX}`,
      outputKeyArn: props.outputKey?.keyArn,
      roleArn: this.jobRole.roleArn,
      modelRoleArn: this.modelExecutionRole.roleArn,
      image: image.uri,
      imageRepository: image.uri.replace(/:[^:/]+$/, ''),
      deploymentInstanceType: props.deploymentInstanceType,
      technique: props.technique,
      environment: { ...MODEL_LOCATION, ...props.environment },
      acceptEula: props.acceptEula ?? false,
      maxRuntimeSeconds: props.maxRuntime.toSeconds(),
      vpcConfig: trainingVpcConfig(this, props),
      modelPackageGroupName: props.registry?.modelPackageGroupName,
      guardTableName: props.guardTable?.tableName,
    });
    const role = stateMachineRole(this, 'Starts optimisation jobs and registers models');
    return loggedStateMachine(this, {
      role,
      definitionBody: sfn.DefinitionBody.fromString(Stack.of(this).toJsonString(definition)),
      after: [this.machinePolicy(role, props, image), ...emptiedObjects(this.modelBucket)],
    });
  }

  private machinePolicy(role: iam.Role, props: LanguageModelCompressionProps, image: PulledImage): iam.Policy {
    const { guardTable, registry } = props;
    const named = (resource: string): string =>
      Stack.of(this).formatArn({ service: 'sagemaker', resource, resourceName: `${this.jobNamePrefix}*` });
    const job = named('optimization-job');
    const model = named('model');
    const artifacts = this.modelBucket.arnForObjects(`${MODELS_PREFIX}*`);
    guardTable?.encryptionKey?.grantDecrypt(role);
    if (registry !== undefined) grantKeyUse(props.outputKey, role, 's3:GetObject');
    const allow = (sid: string, resource: string, ...actions: string[]): iam.PolicyStatement =>
      new iam.PolicyStatement({ sid, actions, resources: [resource] });
    const policy = new iam.Policy(this, 'MachinePolicy', {
      statements: [
        ...(guardTable === undefined ? [] : [allow('ReadGuard', guardTable.tableArn, 'dynamodb:GetItem')]),
        allow('Optimise', job, 'sagemaker:CreateOptimizationJob', 'sagemaker:DescribeOptimizationJob'),
        allow('Register', model, 'sagemaker:CreateModel'),
        ...(registry === undefined
          ? []
          : [allow('RegisterVersions', registry.modelPackageGroupArn, 'sagemaker:CreateModelPackage')]),
        ...dependentStatements(this, [
          { call: 'sagemaker:CreateOptimizationJob', arns: { RoleArn: [this.jobRole.roleArn] } },
          { call: 'sagemaker:CreateModel', arns: { ExecutionRoleArn: [this.modelExecutionRole.roleArn] } },
          ...(registry === undefined
            ? []
            : [
                {
                  call: 'sagemaker:CreateModelPackage',
                  arns: {
                    ModelPackageArn: [registry.modelPackageArns],
                    ModelDataArn: [artifacts],
                    ImageRepositoryArn: [image.repositoryArn],
                  },
                },
              ]),
        ]),
      ],
    });
    policy.attachToRole(role);
    acknowledgeInlinePolicy(policy);
    acknowledgeWildcards(
      policy,
      [job, model, ...(registry === undefined ? [] : [registry.modelPackageArns, artifacts])],
      'Every execution creates a job, a model and a version with new names, below this prefix and in this group.',
    );
    return policy;
  }
}

/** Key prefix of the models to compress, with a slash at its end. */
function prefixOf({ modelsPrefix = MODELS_PREFIX }: LanguageModelCompressionProps): string {
  return Token.isUnresolved(modelsPrefix) || modelsPrefix === '' || modelsPrefix.endsWith('/')
    ? modelsPrefix
    : `${modelsPrefix}/`;
}
