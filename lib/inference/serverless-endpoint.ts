import { Stack, Token } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import type { IResource } from 'aws-cdk-lib';
import { DependencyGroup, type Construct, type IDependable } from 'constructs';
import { throwProblems } from '../core/errors';
import { acknowledgeVolumeEncryption } from '../runtime/acknowledge';
import type { IInvocableEndpoint } from '../runtime/invocable-endpoint';
import type { FleetPredefinedMetrics, FleetScaling, ProvisionedConcurrencyScalingProps } from '../scaling';
import { checkArtifact } from './artifact-layout';
import { ENDPOINT_NAME_VARIABLE } from './contract';
import { checkName, checkWhole } from './value-checks';
import { DEFAULT_VARIANT_NAME, endpointArn, uniqueName } from './endpoint-names';
import { executionPolicy } from './execution-policy';
import { modelContainer } from './model-container';
import type { ModelServerConfig } from './model-server';
import { checkRegions } from './model-server-checks';
import { ScalableFleetBase, type CapacityBounds, type IScaledFleet } from './scalable-fleet-base';
import type { ServerlessEndpointAttributes, ServerlessEndpointProps } from './serverless-endpoint-props';

/** A serverless endpoint, made here or elsewhere; its fleet is the provisioned concurrency. */
export interface IServerlessEndpoint extends IResource, IScaledFleet, IInvocableEndpoint {
  /** The endpoint's ARN. */
  readonly endpointArn: string;

  /** Any metric of the endpoint, by its name in SageMaker; names that serverless endpoints do not publish are refused. */
  metric(metricName: string, options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests sent to the endpoint, in a minute. */
  metricInvocations(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Time a cold start took, in microseconds. */
  metricModelSetupTime(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Time the model took, in microseconds. */
  metricModelLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Time SageMaker added, in microseconds. */
  metricOverheadLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests refused as the caller's fault. */
  metric4xx(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests that failed as the server's fault. */
  metric5xx(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Use of the main memory in percent. */
  metricMemoryUtilization(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** The share of the maximum concurrency in use, 0 to 1. */
  metricConcurrencyUtilization(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** The share of the provisioned concurrency in use, 0 to 1. */
  metricProvisionedConcurrencyUtilization(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests in work on provisioned concurrency. */
  metricProvisionedConcurrencyExecutions(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests that provisioned concurrency answered. */
  metricProvisionedConcurrencyInvocations(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Requests beyond the provisioned concurrency. */
  metricProvisionedConcurrencySpillover(options?: cloudwatch.MetricOptions): cloudwatch.Metric;

  /** Keeps a share of the provisioned concurrency in use. */
  scaleOnProvisionedConcurrency(props?: ProvisionedConcurrencyScalingProps): void;
}

/** What serverless endpoints made here and imported ones have in common. */
export abstract class ServerlessEndpointBase extends ScalableFleetBase implements IServerlessEndpoint {
  public abstract readonly endpointArn: string;
  public abstract readonly endpointName: string;
  public abstract readonly variantName: string;
  public abstract readonly initialCapacity: number;
  public abstract readonly scalingDependency: IDependable;

  /** It answers its callers. */
  public readonly isAsynchronous?: boolean = false;

  /** One: each provisioned environment works on one request at a time. */
  public readonly maxConcurrencyPerInstance: number = 1;

  /** The lowest provisioned concurrency; below it the endpoint scales by itself, with cold starts. */
  public readonly lowestCapacity: number = 1;

  /** The replica count's name. */
  public readonly scalableDimension: string = 'sagemaker:variant:DesiredProvisionedConcurrency';

  /** The metrics that Application Auto Scaling knows by name. */
  public readonly predefinedMetrics: FleetPredefinedMetrics = {
    provisionedConcurrencyUtilization: 'SageMakerVariantProvisionedConcurrencyUtilization',
  };

  /** The resource of the scalable target. */
  public get resourceId(): string {
    return `endpoint/${this.endpointName}/variant/${this.variantName}`;
  }

  /** The endpoint's name. */
  public get fleetName(): string {
    return this.endpointName;
  }

  public scaleOnProvisionedConcurrency(props?: ProvisionedConcurrencyScalingProps): void {
    this._scalingWithin('scaleOnProvisionedConcurrency').scaleOnProvisionedConcurrency(props);
  }

  /** Lets someone invoke the endpoint. A Lambda function is told the endpoint's name, in `TIDEGATE_ENDPOINT_NAME`. */
  public grantInvoke(grantee: iam.IGrantable): iam.Grant {
    if (grantee instanceof lambda.Function) grantee.addEnvironment(ENDPOINT_NAME_VARIABLE, this.endpointName);
    return iam.Grant.addToPrincipal({
      grantee,
      actions: ['sagemaker:InvokeEndpoint', 'sagemaker:InvokeEndpointWithResponseStream'],
      resourceArns: [this.endpointArn],
    });
  }

  public metric(metricName: string, options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    const dimensions = { EndpointName: this.endpointName, VariantName: this.variantName };
    return this._metricOf('serverless', metricName, dimensions, options);
  }

  public metricInvocations(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('Invocations', options);
  }

  public metricModelSetupTime(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('ModelSetupTime', options);
  }

  public metricModelLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('ModelLatency', options);
  }

  public metricOverheadLatency(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('OverheadLatency', options);
  }

  public metric4xx(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('Invocation4XXErrors', options);
  }

  public metric5xx(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('Invocation5XXErrors', options);
  }

  public metricMemoryUtilization(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('MemoryUtilization', options);
  }

  public metricConcurrencyUtilization(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('ServerlessConcurrentExecutionsUtilization', options);
  }

  public metricProvisionedConcurrencyUtilization(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('ServerlessProvisionedConcurrencyUtilization', options);
  }

  public metricProvisionedConcurrencyExecutions(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('ServerlessProvisionedConcurrencyExecutions', options);
  }

  public metricProvisionedConcurrencyInvocations(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('ServerlessProvisionedConcurrencyInvocations', options);
  }

  public metricProvisionedConcurrencySpillover(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metric('ServerlessProvisionedConcurrencySpilloverInvocations', options);
  }

  /** Invocations in a minute: serverless endpoints publish no concurrency of single environments. */
  public metricConcurrencyPerInstance(options?: cloudwatch.MetricOptions): cloudwatch.Metric {
    return this.metricInvocations(options);
  }
}

/**
 * A serverless SageMaker endpoint: no instances, paid by use, on CPUs; for small models and rare requests.
 *
 * Creates the model, the configuration, the endpoint and a role. Provisioned concurrency, where it is asked for, keeps environments warm
 * and can be scaled.
 *
 * @example
 * new inference.ServerlessEndpoint(this, 'Router', {
 *   modelServer: inference.ModelServer.image('123456789012.dkr.ecr.us-east-1.amazonaws.com/router:3'),
 *   memorySizeMib: 2048,
 *   maxConcurrency: 20,
 * });
 */
export class ServerlessEndpoint extends ServerlessEndpointBase {
  /** An endpoint that exists already, by its name; its variant is called `main`. */
  public static fromEndpointName(scope: Construct, id: string, endpointName: string): IServerlessEndpoint {
    return ServerlessEndpoint.fromServerlessEndpointAttributes(scope, id, { endpointName });
  }

  /** An endpoint that exists already, in the stack's account and region. */
  public static fromServerlessEndpointAttributes(
    scope: Construct,
    id: string,
    attrs: ServerlessEndpointAttributes,
  ): IServerlessEndpoint {
    class Import extends ServerlessEndpointBase {
      public readonly endpointName = attrs.endpointName;
      public readonly endpointArn = endpointArn(Stack.of(this), attrs.endpointName);
      public readonly variantName = attrs.variantName ?? DEFAULT_VARIANT_NAME;
      public readonly initialCapacity = 1;
      public readonly scalingDependency: IDependable = new DependencyGroup();
    }
    return new Import(scope, id);
  }

  public readonly endpointArn: string;
  public readonly endpointName: string;
  public readonly variantName: string;
  public readonly initialCapacity: number;
  public readonly scalingDependency: IDependable;

  /** The requests that it works on at once at most; provisioned concurrency is a part of them. */
  public readonly maxConcurrency: number;

  /** The role that SageMaker runs the model with. */
  public readonly executionRole: iam.IRole;

  public constructor(scope: Construct, id: string, props: ServerlessEndpointProps) {
    super(scope, id, { physicalName: props.endpointName });
    this.variantName = props.variantName ?? DEFAULT_VARIANT_NAME;
    this.initialCapacity = props.provisionedConcurrency ?? 0;
    this.maxConcurrency = props.maxConcurrency ?? 20;
    const memorySizeInMb = props.memorySizeMib ?? 2048;
    const { maxConcurrency } = this;
    const server = props.modelServer.bind(this);
    const artifact = props.modelArtifact?.bind(this);
    throwProblems(this.node.path, [
      ...checkArtifact(props.modelArtifact?._localArchive, server),
      ...checkRegions(this, server, artifact),
      ...checkCpuImage(server),
      ...(Token.isUnresolved(props.endpointName) ? [] : checkName('endpointName', props.endpointName)),
      ...(Token.isUnresolved(this.variantName) ? [] : checkName('variantName', this.variantName)),
      ...(MEMORY_SIZES.includes(memorySizeInMb)
        ? []
        : [`memorySizeMib (${memorySizeInMb}) must be one of ${MEMORY_SIZES.join(', ')}`]),
      ...checkWhole('maxConcurrency', maxConcurrency, 1, 200),
      ...checkProvisioned(props.provisionedConcurrency, maxConcurrency),
    ]);

    const endpointName = props.endpointName ?? uniqueName(this);
    this.executionRole =
      props.executionRole ??
      new iam.Role(this, 'ExecutionRole', {
        assumedBy: new iam.ServicePrincipal('sagemaker.amazonaws.com'),
        description: `Runs the model of endpoint ${endpointName}`,
      });
    const permissions = executionPolicy(this, {
      role: this.executionRole,
      logGroupName: `/aws/sagemaker/Endpoints/${endpointName}`,
      repositoryArns: [server.repositoryArn],
      artifacts: artifact === undefined ? [] : [artifact],
    });
    // Serverless endpoints know no network isolation (developer guide, "Serverless Inference", feature exclusions).
    const model = new sagemaker.CfnModel(this, 'Model', {
      executionRoleArn: this.executionRole.roleArn,
      primaryContainer: modelContainer(server, artifact),
    });
    model.node.addDependency(permissions);
    const config = new sagemaker.CfnEndpointConfig(this, 'Config', {
      productionVariants: [
        {
          variantName: this.variantName,
          modelName: model.attrModelName,
          initialVariantWeight: 1,
          serverlessConfig: {
            memorySizeInMb,
            maxConcurrency,
            provisionedConcurrency: props.provisionedConcurrency,
          },
        },
      ],
    });
    acknowledgeVolumeEncryption(config, 'a serverless endpoint has no volume that one could be given for.');
    const endpoint = new sagemaker.CfnEndpoint(this, 'Endpoint', {
      endpointName,
      endpointConfigName: config.attrEndpointConfigName,
      retainAllVariantProperties: true,
    });
    this.scalingDependency = endpoint;
    this.endpointName = this.getResourceNameAttribute(endpoint.attrEndpointName);
    this.endpointArn = this.getResourceArnAttribute(endpoint.ref, {
      service: 'sagemaker',
      resource: 'endpoint',
      resourceName: this.physicalName,
    });
  }

  /**
   * Sets the limits of the provisioned concurrency.
   *
   * @throws InputError where the endpoint has none, or less than the maximum in all
   */
  public boundedBy(bounds: CapacityBounds): FleetScaling {
    const { maxCapacity } = bounds;
    const problems: string[] = [];
    if (this.initialCapacity === 0) {
      problems.push(
        'provisionedConcurrency is not set, and only provisioned concurrency can be scaled; set provisionedConcurrency: 1, or leave boundedBy out',
      );
    }
    if (
      !Token.isUnresolved(maxCapacity) &&
      !Token.isUnresolved(this.maxConcurrency) &&
      maxCapacity > this.maxConcurrency
    ) {
      problems.push(
        `maxCapacity (${maxCapacity}) is above maxConcurrency (${this.maxConcurrency}), of which provisioned concurrency is a part; ` +
          'lower it or raise maxConcurrency',
      );
    }
    throwProblems(this.node.path, problems);
    return super.boundedBy(bounds);
  }
}

/** Images for GPUs cannot run here (developer guide, "Serverless Inference", feature exclusions). */
function checkCpuImage({ acceleratorKind, inferenceAmi, imageUri }: ModelServerConfig): string[] {
  if (acceleratorKind === undefined && inferenceAmi === undefined) return [];
  return [
    `modelServer (${imageUri.split('/').at(-1)!}) is built for accelerators, and serverless endpoints run on CPUs; give an image for CPUs ` +
      '(ModelServer.image or fromEcrRepository), or use another kind of endpoint',
  ];
}

/** Source: ProductionVariantServerlessConfig in the SageMaker API reference. */
const MEMORY_SIZES: readonly number[] = [1024, 2048, 3072, 4096, 5120, 6144];

function checkProvisioned(provisioned: number | undefined, maxConcurrency: number): string[] {
  if (provisioned === undefined) return [];
  const problems = checkWhole('provisionedConcurrency', provisioned, 1, 200);
  if (provisioned > maxConcurrency) {
    problems.push(
      `provisionedConcurrency (${provisioned}) is above maxConcurrency (${maxConcurrency}); lower it or raise maxConcurrency`,
    );
  }
  return problems;
}
