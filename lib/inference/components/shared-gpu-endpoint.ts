import { Stack } from 'aws-cdk-lib';
import type * as iam from 'aws-cdk-lib/aws-iam';
import * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import { DependencyGroup, type Construct } from 'constructs';
import { throwProblems } from '../../core/errors';
import { DEFAULT_MAX_CONCURRENCY_PER_INSTANCE } from '../contract';
import { capacityConfig, resolveCapacity } from '../endpoint/capacity';
import { endpointArn, importedVariantName, resolveNames } from '../endpoint/endpoint-names';
import { endpointLogGroup, executionPolicy, executionRole } from '../endpoint/execution-policy';
import { metricsConfig, resolveObservability } from '../endpoint/metrics-collection';
import { resolveNetwork, vpcConfig } from '../endpoint/network';
import { keepReplaced } from '../endpoint/replaced';
import { resolveRouting, routingConfig } from '../endpoint/routing';
import { acknowledgeServiceEncryption, resolveVolume } from '../endpoint/volume';
import { checkAmi } from '../model/model-server-checks';
import { problemsOf } from '../value-checks';
import type { ComponentHost } from './component-host';
import { instanceScalingConfig, resolveInstanceScaling, scaleToZeroBlocked } from './instance-scaling';
import { SharedGpuEndpointBase, type ISharedGpuEndpoint } from './shared-gpu-endpoint-base';
import type { SharedGpuEndpointAttributes, SharedGpuEndpointProps } from './shared-gpu-endpoint-props';

/**
 * Fleet of GPU instances that several models share: you scale the copies of each model, SageMaker adds and removes the instances that
 * they need, down to none.
 *
 * Creates an endpoint configuration without a model, the endpoint and a role; `addModel` adds a model with its inference component.
 *
 * @example
 * const shared = new inference.SharedGpuEndpoint(this, 'Shared', {
 *   capacity: { pools: [{ instanceType: 'ml.g5.12xlarge' }, { instanceType: 'ml.g6.12xlarge' }] },
 *   maxInstances: 4,
 *   inferenceAmi: 'al2023-ami-sagemaker-inference-gpu-4-1',
 * });
 * const chat = shared.addModel('Chat', {
 *   modelServer: inference.ModelServer.triton(),
 *   modelArtifact: inference.ModelArtifact.fromBucket(bucket, 'chat/model.tar.gz'),
 *   memory: Size.gibibytes(16),
 * });
 * const chatScaling = chat.autoScale({ minCapacity: 0, maxCapacity: 8 });
 * chatScaling.scaleOnConcurrency('concurrency');
 * chatScaling.scaleToZero('from-zero');
 */
export class SharedGpuEndpoint extends SharedGpuEndpointBase {
  /** Imports an existing endpoint in the stack's account and region; models can be added to it. */
  public static fromSharedGpuEndpointAttributes(
    scope: Construct,
    id: string,
    attrs: SharedGpuEndpointAttributes,
  ): ISharedGpuEndpoint {
    class Import extends SharedGpuEndpointBase {
      public readonly endpointName = attrs.endpointName;
      public readonly endpointArn = endpointArn(Stack.of(this), attrs.endpointName);
      public readonly variantName = importedVariantName(this, attrs);
      public readonly instanceTypes = attrs.instanceTypes;
      protected readonly _host: ComponentHost = {
        endpointName: this.endpointName,
        endpointArn: this.endpointArn,
        variantName: this.variantName,
        dependency: new DependencyGroup(),
        instanceTypes: attrs.instanceTypes,
        executionRole: attrs.executionRole,
        networkIsolation: attrs.networkIsolation ?? true,
        inferenceAmi: attrs.inferenceAmi,
        scaleToZeroBlockedReason: scaleToZeroBlocked(this, attrs.allowZeroInstances),
      };
    }
    return new Import(scope, id);
  }

  public readonly endpointName: string;
  public readonly endpointArn: string;
  public readonly variantName: string;
  public readonly instanceTypes: string[];

  /** Maximum number of instances. */
  public readonly maxInstances: number;

  /** Role that SageMaker runs the models with. */
  public readonly executionRole: iam.IRole;

  /** @internal */
  protected readonly _host: ComponentHost;

  public constructor(scope: Construct, id: string, props: SharedGpuEndpointProps) {
    super(scope, id, { physicalName: props.endpointName });
    const names = resolveNames(this, props);
    const capacity = resolveCapacity(props.capacity);
    const { instanceTypes } = capacity.value;
    const scaling = resolveInstanceScaling(this, props, capacity.value);
    const routing = resolveRouting(props, DEFAULT_MAX_CONCURRENCY_PER_INSTANCE);
    const volume = resolveVolume(props, instanceTypes);
    const network = resolveNetwork(props.network);
    const observability = resolveObservability(props.observability);
    throwProblems(this.node.path, [
      ...problemsOf(names, capacity, scaling, volume, observability, routing, network),
      ...checkAmi(props.inferenceAmi, instanceTypes),
    ]);

    const { endpointName, variantName } = names.value;
    const { vpc, isolation } = network.value;
    const role = executionRole(this, props.executionRole, `Runs the models of endpoint ${endpointName}`);
    const config = new sagemaker.CfnEndpointConfig(this, 'Config', {
      executionRoleArn: role.roleArn,
      enableNetworkIsolation: isolation,
      vpcConfig: vpcConfig(this, network.value),
      kmsKeyId: props.encryptionKey?.keyArn,
      productionVariants: [
        {
          variantName,
          initialInstanceCount: Math.max(1, scaling.value.minInstances),
          ...capacityConfig(capacity.value),
          volumeSizeInGb: volume.value.sizeGib,
          inferenceAmiVersion: props.inferenceAmi,
          managedInstanceScaling: instanceScalingConfig(scaling.value),
          routingConfig: routingConfig(routing.value),
        },
      ],
      metricsConfig: metricsConfig(observability.value),
    });
    keepReplaced(config, { kind: 'endpoint', name: endpointName });
    acknowledgeServiceEncryption(config, volume.value);
    const endpoint = new sagemaker.CfnEndpoint(this, 'Endpoint', {
      endpointName,
      endpointConfigName: config.attrEndpointConfigName,
      retainAllVariantProperties: true,
    });
    // Instances start before the first model exists: a model's permissions come too late for what they need themselves.
    if (vpc !== undefined || props.encryptionKey !== undefined) {
      const permissions = executionPolicy(this, {
        role,
        logGroupName: endpointLogGroup(endpointName),
        models: [],
        encryptionKey: props.encryptionKey,
        inVpc: vpc !== undefined,
      });
      config.node.addDependency(permissions);
      endpoint.node.addDependency(permissions);
    }

    this.endpointName = this.getResourceNameAttribute(endpoint.attrEndpointName);
    this.endpointArn = this.getResourceArnAttribute(endpoint.ref, {
      service: 'sagemaker',
      resource: 'endpoint',
      resourceName: this.physicalName,
    });
    this.variantName = variantName;
    this.instanceTypes = instanceTypes;
    this.maxInstances = props.maxInstances;
    this.executionRole = role;
    this._host = {
      endpointName: this.endpointName,
      endpointArn: this.endpointArn,
      variantName,
      dependency: endpoint,
      instanceTypes,
      executionRole: role,
      networkIsolation: isolation,
      inferenceAmi: props.inferenceAmi,
      observability: observability.value,
      gapAlarm: capacity.value.gapAlarm,
      scaleToZeroBlockedReason: scaling.value.scaleToZeroBlockedReason,
    };
  }
}
