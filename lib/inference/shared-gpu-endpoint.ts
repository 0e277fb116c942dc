import { Duration, Resource, Token } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import type { Construct } from 'constructs';
import { throwProblems } from '../core/errors';
import { acknowledgeVolumeEncryption } from '../runtime/acknowledge';
import type { ComponentHost } from './component-host';
import { checkAmi, checkInstanceTypes, checkName, checkWhole } from './endpoint-checks';
import { DEFAULT_VARIANT_NAME, uniqueName } from './endpoint-names';
import { RoutingStrategy } from './gpu-endpoint-props';
import { ModelComponent } from './model-component';
import { InstanceScaleIn, type ModelComponentProps, type SharedGpuEndpointProps } from './shared-gpu-endpoint-props';

/**
 * A fleet of GPU instances that several models share: you scale the copies of each model, SageMaker adds and removes the instances that
 * they need, down to none.
 *
 * Creates an endpoint configuration without a model, the endpoint and a role; `addModel` adds a model with its inference component.
 *
 * @example
 * const shared = new inference.SharedGpuEndpoint(this, 'Shared', {
 *   pools: [{ instanceType: 'ml.g5.12xlarge' }, { instanceType: 'ml.g6.12xlarge' }],
 *   maxInstances: 4,
 *   inferenceAmi: 'al2023-ami-sagemaker-inference-gpu-4-1',
 * });
 * const chat = shared.addModel('Chat', { modelServer: inference.ModelServer.triton(), memoryMib: 16384 });
 * chat.boundedBy({ minCapacity: 0, maxCapacity: 8 });
 * chat.scaleOnConcurrency();
 * chat.scaleToZero();
 */
export class SharedGpuEndpoint extends Resource {
  /** The endpoint's name. */
  public readonly endpointName: string;

  /** The endpoint's ARN. */
  public readonly endpointArn: string;

  /** The variant's name. */
  public readonly variantName: string;

  /** The instance types of the pools, the most wanted first. */
  public readonly instanceTypes: string[];

  /** The most instances. */
  public readonly maxInstances: number;

  /** The role that SageMaker runs the models with. */
  public readonly executionRole: iam.IRole;

  private readonly host: ComponentHost;

  public constructor(scope: Construct, id: string, props: SharedGpuEndpointProps) {
    super(scope, id, { physicalName: props.endpointName });
    this.variantName = props.variantName ?? DEFAULT_VARIANT_NAME;
    this.instanceTypes = props.pools.map((pool) => pool.instanceType);
    this.maxInstances = props.maxInstances;
    const minInstances = props.minInstances ?? 0;
    const cooldownSeconds = (props.instanceScaleInCooldown ?? Duration.minutes(20)).toSeconds({ integral: false });
    const provisionSeconds = (props.provisionTimeout ?? Duration.minutes(10)).toSeconds({ integral: false });
    const { types, problems } = checkInstanceTypes('pools', this.instanceTypes);
    throwProblems(this.node.path, [
      ...problems,
      ...(Token.isUnresolved(props.endpointName) ? [] : checkName('endpointName', props.endpointName)),
      ...(Token.isUnresolved(this.variantName) ? [] : checkName('variantName', this.variantName)),
      ...checkAmi(props.inferenceAmi, types[0]?.accelerator?.kind),
      ...checkWhole('minInstances', minInstances, 0, Infinity),
      ...checkWhole('maxInstances', props.maxInstances, 1, Infinity),
      ...(minInstances > props.maxInstances
        ? [
            `minInstances (${minInstances}) is above maxInstances (${props.maxInstances}); lower minInstances or raise maxInstances`,
          ]
        : []),
      ...checkWhole('instanceScaleInCooldown', cooldownSeconds / 60, 5, 1440, 'minutes'),
      ...checkWhole('provisionTimeout', provisionSeconds, 300, 3600, 's'),
    ]);

    const endpointName = props.endpointName ?? uniqueName(this);
    this.executionRole =
      props.executionRole ??
      new iam.Role(this, 'ExecutionRole', {
        assumedBy: new iam.ServicePrincipal('sagemaker.amazonaws.com'),
        description: `Runs the models of endpoint ${endpointName}`,
      });
    const networkIsolation = props.networkIsolation ?? true;
    const config = new sagemaker.CfnEndpointConfig(this, 'Config', {
      executionRoleArn: this.executionRole.roleArn,
      enableNetworkIsolation: networkIsolation,
      productionVariants: [
        {
          variantName: this.variantName,
          initialInstanceCount: Math.max(1, minInstances),
          instancePools: this.instanceTypes.map((instanceType, index) => ({ instanceType, priority: index + 1 })),
          variantInstanceProvisionTimeoutInSeconds: provisionSeconds,
          inferenceAmiVersion: props.inferenceAmi,
          managedInstanceScaling: {
            status: 'ENABLED',
            minInstanceCount: minInstances,
            maxInstanceCount: props.maxInstances,
            scaleInPolicy: {
              strategy: props.instanceScaleIn ?? InstanceScaleIn.IDLE_RELEASE,
              cooldownInMinutes: cooldownSeconds / 60,
            },
          },
          routingConfig: { routingStrategy: props.routing ?? RoutingStrategy.LEAST_OUTSTANDING_REQUESTS },
        },
      ],
      metricsConfig: {
        enableEnhancedMetrics: true,
        enableDetailedObservability: props.detailedObservability ?? false,
        metricPublishFrequencyInSeconds: 10,
      },
    });
    acknowledgeVolumeEncryption(config, 'types with local NVMe disks, which the hardware encrypts, refuse a key.');
    const endpoint = new sagemaker.CfnEndpoint(this, 'Endpoint', {
      endpointName,
      endpointConfigName: config.attrEndpointConfigName,
      retainAllVariantProperties: true,
    });
    this.endpointName = this.getResourceNameAttribute(endpoint.attrEndpointName);
    this.endpointArn = this.getResourceArnAttribute(endpoint.ref, {
      service: 'sagemaker',
      resource: 'endpoint',
      resourceName: this.physicalName,
    });
    this.host = {
      endpoint,
      endpointName: this.endpointName,
      endpointArn: this.endpointArn,
      variantName: this.variantName,
      instanceTypes: this.instanceTypes,
      executionRole: this.executionRole,
      networkIsolation,
      ...(props.inferenceAmi === undefined ? {} : { inferenceAmi: props.inferenceAmi }),
    };
  }

  /** Adds a model, whose copies share the instances with those of the others. */
  public addModel(id: string, props: ModelComponentProps): ModelComponent {
    return ModelComponent._on(this, id, this.host, props);
  }
}
