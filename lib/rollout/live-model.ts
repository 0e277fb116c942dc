import { CfnElement, CfnResource, CustomResource, Duration, Lazy, Names, Stack, Token } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as s3 from 'aws-cdk-lib/aws-s3';
import * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import * as ssm from 'aws-cdk-lib/aws-ssm';
import { Construct } from 'constructs';
import { InputError, throwProblems } from '../core/errors';
import { ModelArtifact, type ModelArtifactConfig } from '../inference';
import { acknowledgeControl, acknowledgeInlinePolicy } from '../runtime/acknowledge';
import { HandlerFunction } from '../runtime/handler-function';
import { formatLiveModel, LIVE_MODEL_ATTRIBUTES } from './contract';

/** Concurrent requests of an instance until an evaluation has measured them: the assumption of endpoints. */
const DEFAULT_MAX_CONCURRENCY = 8;

/** Share of the measured concurrency that scaling aims at, as `scaleOnConcurrency` does by default. */
const DEFAULT_TARGET_RATIO = 0.7;

/** Id of the function below its stack, which has one for all its live models. */
const FUNCTION_ID = 'TidegateLiveModel';

/** Properties of {@link LiveModel}. */
export interface LiveModelProps {
  /**
   * Archive (`.tar.gz`) or folder of files that the endpoint serves until a rollout replaces it; a change of it replaces what was rolled out. Versions
   * have its form: those of language models are folders.
   */
  readonly initialModel: ModelArtifact;

  /**
   * Concurrent requests that an instance handles until an evaluation has measured them.
   *
   * @default 8, an assumption
   */
  readonly initialMaxConcurrency?: number;

  /**
   * Share of the measured concurrency that `targetPerInstance` is.
   *
   * @default 0.7
   */
  readonly targetRatio?: number;
}

/**
 * Model that an endpoint serves now, whoever has put it there: the stack, or a rollout since.
 *
 * Creates a parameter that names the model, and a custom resource that reads it whenever a deployment changes the endpoint. So a deployment
 * keeps what a rollout has put there, and a changed `initialModel` replaces it.
 *
 * @example
 * const live = new rollout.LiveModel(this, 'Live', {
 *   initialModel: inference.ModelArtifact.fromBucket(bucket, 'models/first/output/model.tar.gz'),
 * });
 * new inference.GpuEndpoint(this, 'Classifier', {
 *   modelServer: inference.ModelServer.triton(),
 *   modelArtifact: live.artifact,
 *   maxConcurrencyPerInstance: live.maxConcurrencyPerInstance,
 *   capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
 * });
 */
export class LiveModel extends Construct {
  /** Artifact of the model, for one endpoint. */
  public readonly artifact: ModelArtifact;

  /** Concurrent requests that an instance handles, as the last evaluation has measured them; known at deployment. */
  public readonly maxConcurrencyPerInstance: number;

  /** Concurrent requests of an instance that scaling aims at; known at deployment. */
  public readonly targetPerInstance: number;

  /** Parameter that names the model; a rollout writes it. */
  public readonly parameter: ssm.IStringParameter;

  /** @internal */
  public readonly _initial: ModelArtifactConfig;

  /** Construct of the endpoint that serves the model. */
  private host?: Construct;

  public constructor(scope: Construct, id: string, props: LiveModelProps) {
    super(scope, id);
    const maxConcurrencyPerInstance = props.initialMaxConcurrency ?? DEFAULT_MAX_CONCURRENCY;
    const targetRatio = props.targetRatio ?? DEFAULT_TARGET_RATIO;
    this._initial = props.initialModel.bind(this);
    throwProblems(this.node.path, [
      ...(maxConcurrencyPerInstance >= 1
        ? []
        : [`initialMaxConcurrency (${maxConcurrencyPerInstance}) must be at least 1`]),
      ...(targetRatio > 0 && targetRatio <= 1 ? [] : [`targetRatio (${targetRatio}) must be above 0 and at most 1`]),
    ]);
    const { bucket, key } = this._initial;
    const declared = formatLiveModel({ bucket: bucket.bucketName, key, maxConcurrencyPerInstance });
    const parameter = new ssm.StringParameter(this, 'Parameter', {
      parameterName: `/tidegate/live-model/${Names.uniqueResourceName(this, { maxLength: 100, separator: '-' }).toLowerCase()}`,
      stringValue: declared,
      description: 'Model that the endpoint serves; a rollout overwrites it',
    });
    this.parameter = parameter;

    const stack = Stack.of(this);
    const reader = (stack.node.tryFindChild(FUNCTION_ID) as LiveModelReader | undefined) ?? new LiveModelReader(stack);
    const policy = new iam.Policy(this, 'ReaderPolicy', {
      roles: [reader.function.role!],
      statements: [new iam.PolicyStatement({ actions: ['ssm:GetParameter'], resources: [parameter.parameterArn] })],
    });
    acknowledgeInlinePolicy(policy);
    const names = LIVE_MODEL_ATTRIBUTES;
    const resource = new CustomResource(this, 'Resource', {
      resourceType: 'Custom::TidegateLiveModel',
      serviceToken: reader.function.functionArn,
      serviceTimeout: Duration.minutes(2),
      pascalCaseProperties: false,
      properties: {
        ParameterName: parameter.parameterName,
        TargetRatio: String(targetRatio),
        Declared: declared,
        // A change of the endpoint reads the parameter again, so that the new configuration has the model of the last rollout.
        Endpoint: Lazy.string({ produce: () => stack.toJsonString(settingsOf(stack, this.host)) }),
      },
    });
    resource.node.addDependency(policy);
    this.maxConcurrencyPerInstance = Token.asNumber(resource.getAtt(names.maxConcurrencyPerInstance));
    this.targetPerInstance = Token.asNumber(resource.getAtt(names.targetPerInstance));
    const location = {
      bucket: s3.Bucket.fromBucketAttributes(this, 'Bucket', {
        bucketName: resource.getAttString(names.bucket),
        // A rollout grants the keys of the buckets of its versions.
        encryptionKey: bucket.encryptionKey,
      }),
      key: resource.getAttString(names.key),
      // Every version has the form of the first.
      isPrefix: this._initial.isPrefix,
    };
    this.artifact = new LiveArtifact(location, (host) => this.serveAt(host));
    this.node.addValidation({
      validate: () =>
        this.host === undefined
          ? [`${this.node.path}: no endpoint serves this model; give its artifact as modelArtifact of an endpoint`]
          : [],
    });
  }

  private serveAt(host: Construct): void {
    if (this.host !== undefined && this.host !== host) {
      throw new InputError(
        `${this.node.path}: ${this.host.node.path} serves this model already, and ${host.node.path} would be the second endpoint; make a live model of its own for it`,
      );
    }
    this.host = host;
  }
}

class LiveArtifact extends ModelArtifact {
  public constructor(
    private readonly location: ModelArtifactConfig,
    private readonly serveAt: (host: Construct) => void,
  ) {
    super();
  }

  public bind(scope: Construct): ModelArtifactConfig {
    this.serveAt(scope);
    return this.location;
  }
}

class LiveModelReader extends Construct {
  public readonly function: HandlerFunction;

  public constructor(stack: Stack) {
    super(stack, FUNCTION_ID);
    this.function = new HandlerFunction(this, 'Handler', {
      handlerName: 'live-model',
      description: 'Reads at a deployment which models the endpoints of the stack serve',
      timeout: Duration.seconds(60),
    });
    acknowledgeControl(
      this.function,
      'LambdaDLQ',
      'CloudFormation waits for the response and fails the deployment without one; a dead letter would have no reader.',
    );
  }
}

/** Types of resources that no part of an endpoint is behind, so that a reference to them makes no circle. */
const REFERRED = ['AWS::IAM::Role', 'AWS::KMS::Key', 'AWS::EC2::SecurityGroup', 'AWS::EC2::Subnet', 'AWS::S3::Bucket'];

/** Settings of an endpoint whose change makes a new configuration or an update of it, without the model. */
function settingsOf(stack: Stack, host: Construct | undefined): unknown {
  const resources = (host?.node.findAll() ?? []).filter((one): one is CfnResource => CfnResource.isCfnResource(one));
  const settings = resources.flatMap((one) => {
    const rest = settingsOfResource(one);
    return rest === undefined ? [] : [{ resource: stack.getLogicalId(one), ...rest }];
  });
  const types = new Map(
    stack.node
      .findAll()
      .filter((one): one is CfnElement => CfnElement.isCfnElement(one) && Stack.of(one) === stack)
      .map((one) => [
        stack.resolve(one.logicalId) as string,
        CfnResource.isCfnResource(one) ? one.cfnResourceType : undefined,
      ]),
  );
  return withoutCircles(stack.resolve(settings), types);
}

function settingsOfResource(resource: CfnResource): object | undefined {
  if (resource instanceof sagemaker.CfnModel) {
    const { primaryContainer, executionRoleArn, vpcConfig, enableNetworkIsolation, tags } = resource;
    return {
      container: { ...(primaryContainer as object), modelDataSource: undefined },
      executionRoleArn,
      vpcConfig,
      enableNetworkIsolation,
      tags: tags.renderedTags,
    };
  }
  if (resource instanceof sagemaker.CfnEndpointConfig) {
    const { productionVariants, shadowProductionVariants, asyncInferenceConfig, dataCaptureConfig } = resource;
    const { explainerConfig, kmsKeyId, metricsConfig, tags } = resource;
    return {
      productionVariants,
      shadowProductionVariants,
      asyncInferenceConfig,
      dataCaptureConfig,
      explainerConfig,
      kmsKeyId,
      metricsConfig,
      tags: tags.renderedTags,
    };
  }
  if (resource instanceof sagemaker.CfnEndpoint) {
    const { deploymentConfig, excludeRetainedVariantProperties, retainAllVariantProperties, tags } = resource;
    return {
      deploymentConfig,
      excludeRetainedVariantProperties,
      retainAllVariantProperties,
      tags: tags.renderedTags,
    };
  }
  return undefined;
}

/** Replaces references to resources that depend on the model by their names; those to parameters and to {@link REFERRED} types stay. */
function withoutCircles(value: unknown, types: ReadonlyMap<string, string | undefined>): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutCircles(item, types));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  const [[name, argument] = ['', undefined]] = entries;
  if (entries.length === 1 && (name === 'Ref' || name === 'Fn::GetAtt')) {
    const logicalId = String(Array.isArray(argument) ? argument[0] : argument).split('.')[0]!;
    const type = types.get(logicalId);
    return type === undefined || REFERRED.includes(type) ? value : `<${[argument].flat().join('.')}>`;
  }
  return Object.fromEntries(entries.map(([key, item]) => [key, withoutCircles(item, types)]));
}
