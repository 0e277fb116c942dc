import { Duration, Stack, Token } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import { DependencyGroup, type Construct } from 'constructs';
import { refusesScaleToZero } from '../catalog/scale-to-zero-regions';
import { throwProblems } from '../core/errors';
import { acknowledgeVolumeEncryption } from '../runtime/acknowledge';
import { resolveCapacity } from './capacity-ladder';
import type { ComponentHost } from './component-host';
import { DEFAULT_MAX_CONCURRENCY_PER_INSTANCE } from './contract';
import { checkMetricsFrequency, checkPools, checkRouting } from './endpoint-checks';
import { checkName, checkWhole } from './value-checks';
import { DEFAULT_VARIANT_NAME, endpointArn, uniqueName } from './endpoint-names';
import { executionPolicy } from './execution-policy';
import { RoutingStrategy } from './gpu-endpoint-props';
import { metricsConfigOf, type MetricsCollection } from './metrics-collection';
import { checkNetwork, vpcConfigOf } from './network';
import { instancesFrom, prefixOf, routingConfigOf } from './production-variant';
import { SharedGpuEndpointBase, type ISharedGpuEndpoint } from './shared-gpu-endpoint-base';
import {
  InstanceScaleIn,
  type SharedGpuEndpointAttributes,
  type SharedGpuEndpointProps,
} from './shared-gpu-endpoint-props';

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
export class SharedGpuEndpoint extends SharedGpuEndpointBase {
  /** An endpoint that exists already, in the stack's account and region; models can be added to it. */
  public static fromSharedGpuEndpointAttributes(
    scope: Construct,
    id: string,
    attrs: SharedGpuEndpointAttributes,
  ): ISharedGpuEndpoint {
    class Import extends SharedGpuEndpointBase {
      public readonly endpointName = attrs.endpointName;
      public readonly endpointArn = endpointArn(Stack.of(this), attrs.endpointName);
      public readonly variantName = attrs.variantName ?? DEFAULT_VARIANT_NAME;
      public readonly instanceTypes = attrs.instanceTypes;
      protected readonly _host: ComponentHost = {
        endpointName: this.endpointName,
        endpointArn: this.endpointArn,
        variantName: this.variantName,
        dependency: new DependencyGroup(),
        instanceTypes: attrs.instanceTypes,
        executionRole: attrs.executionRole,
        networkIsolation: attrs.networkIsolation ?? true,
        ...(attrs.inferenceAmi === undefined ? {} : { inferenceAmi: attrs.inferenceAmi }),
        ...aboveZero(this, attrs.allowZeroInstances),
      };
    }
    return new Import(scope, id);
  }

  public readonly endpointName: string;
  public readonly endpointArn: string;
  public readonly variantName: string;
  public readonly instanceTypes: string[];

  /** The most instances. */
  public readonly maxInstances: number;

  /** The role that SageMaker runs the models with. */
  public readonly executionRole: iam.IRole;

  /** @internal */
  protected readonly _host: ComponentHost;

  public constructor(scope: Construct, id: string, props: SharedGpuEndpointProps) {
    super(scope, id, { physicalName: props.endpointName });
    const capacity = resolveCapacity(props);
    this.variantName = props.variantName ?? DEFAULT_VARIANT_NAME;
    this.instanceTypes = capacity.instanceTypes;
    this.maxInstances = props.maxInstances;
    const { aboveZeroBecause } = aboveZero(this, props.allowZeroInstances);
    const minInstances = props.minInstances ?? (aboveZeroBecause === undefined ? 0 : 1);
    const cooldownSeconds = (props.instanceScaleInCooldown ?? Duration.minutes(20)).toSeconds({ integral: false });
    const provisionSeconds = (capacity.provisionTimeout ?? Duration.minutes(10)).toSeconds({ integral: false });
    const collection: MetricsCollection = {
      detailedObservability: props.detailedObservability ?? false,
      frequencySeconds: (props.metricsFrequency ?? Duration.seconds(10)).toSeconds({ integral: false }),
    };
    const routing = props.routing ?? RoutingStrategy.LEAST_OUTSTANDING_REQUESTS;
    const isPrefixAware = routing === RoutingStrategy.PREFIX_AWARE;
    const prefix = prefixOf(props.prefixAwareRouting, DEFAULT_MAX_CONCURRENCY_PER_INSTANCE);
    throwProblems(this.node.path, [
      ...capacity.problems,
      ...checkPools({
        instanceTypes: this.instanceTypes,
        inferenceAmi: props.inferenceAmi,
        hasEncryptionKey: props.encryptionKey !== undefined,
        volumeSizeGb: props.volumeSizeGb,
        hasCapacityReservation: capacity.reservationArn !== undefined,
      }),
      ...(Token.isUnresolved(props.endpointName) ? [] : checkName('endpointName', props.endpointName)),
      ...(Token.isUnresolved(this.variantName) ? [] : checkName('variantName', this.variantName)),
      ...checkInstances(minInstances, props.maxInstances, { quota: capacity.quota, aboveZeroBecause }),
      ...checkWhole('instanceScaleInCooldown', cooldownSeconds / 60, 5, 1440, 'minutes'),
      ...checkWhole('provisionTimeout', provisionSeconds, 300, 3600, 's'),
      ...checkMetricsFrequency(collection.frequencySeconds),
      ...checkRouting({
        isPrefixAware,
        prefixAwareRouting: props.prefixAwareRouting === undefined && !isPrefixAware ? undefined : prefix,
      }),
      ...checkNetwork(props),
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
      vpcConfig: vpcConfigOf(this, props),
      kmsKeyId: props.encryptionKey?.keyArn,
      productionVariants: [
        {
          variantName: this.variantName,
          initialInstanceCount: Math.max(1, minInstances),
          variantInstanceProvisionTimeoutInSeconds: provisionSeconds,
          ...instancesFrom({ instanceTypes: this.instanceTypes, capacityReservationArn: capacity.reservationArn }),
          volumeSizeInGb: props.volumeSizeGb,
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
          routingConfig: routingConfigOf({ routing, prefix }),
        },
      ],
      metricsConfig: metricsConfigOf(collection),
    });
    if (props.encryptionKey === undefined) {
      acknowledgeVolumeEncryption(config, 'types with local NVMe disks, which the hardware encrypts, refuse a key.');
    }
    const endpoint = new sagemaker.CfnEndpoint(this, 'Endpoint', {
      endpointName,
      endpointConfigName: config.attrEndpointConfigName,
      retainAllVariantProperties: true,
    });
    // Instances come before the first model does: what they themselves need cannot come with a model's permissions.
    if (props.vpc !== undefined || props.encryptionKey !== undefined) {
      const permissions = executionPolicy(this, {
        role: this.executionRole,
        logGroupName: `/aws/sagemaker/Endpoints/${endpointName}`,
        repositoryArns: [],
        artifacts: [],
        encryptionKey: props.encryptionKey,
        inVpc: props.vpc !== undefined,
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
    this._host = {
      endpointName: this.endpointName,
      endpointArn: this.endpointArn,
      variantName: this.variantName,
      dependency: endpoint,
      instanceTypes: this.instanceTypes,
      executionRole: this.executionRole,
      networkIsolation,
      collection,
      ...(props.inferenceAmi === undefined ? {} : { inferenceAmi: props.inferenceAmi }),
      ...(capacity.gapAlarm === undefined ? {} : { gapAlarm: capacity.gapAlarm }),
      ...(aboveZeroBecause === undefined ? {} : { aboveZeroBecause }),
    };
  }
}

/** Why an endpoint of inference components keeps an instance in the scope's region; empty where it need not. */
function aboveZero(scope: Construct, allowed: boolean | undefined): Pick<ComponentHost, 'aboveZeroBecause'> {
  if (allowed === true) return {};
  if (allowed === false) return { aboveZeroBecause: 'allowZeroInstances of the shared endpoint is false' };
  const { region } = Stack.of(scope);
  const refusal = Token.isUnresolved(region) ? undefined : refusesScaleToZero(region);
  if (refusal === undefined) return {};
  return {
    aboveZeroBecause:
      `${region} refused inference components at zero when it was last seen (${refusal.seenOn}, ${refusal.source}); ` +
      'where it takes them now, set allowZeroInstances: true on the shared endpoint',
  };
}

function checkInstances(
  minInstances: number,
  maxInstances: number,
  { quota, aboveZeroBecause }: { readonly quota: number | undefined; readonly aboveZeroBecause?: string },
): string[] {
  const problems = [
    ...checkWhole('minInstances', minInstances, 0, Infinity),
    ...checkWhole('maxInstances', maxInstances, 1, Infinity),
  ];
  if (minInstances > maxInstances) {
    problems.push(
      `minInstances (${minInstances}) is above maxInstances (${maxInstances}); lower minInstances or raise maxInstances`,
    );
  }
  if (minInstances === 0 && aboveZeroBecause !== undefined) {
    problems.push(`minInstances (0) must be 1 or more: ${aboveZeroBecause}`);
  }
  if (quota !== undefined && maxInstances > quota) {
    problems.push(
      `maxInstances (${maxInstances}) is above ${quota}, all instances that the quotas of the capacity ladder allow; lower it, add a ` +
        'pool, or ask for quota in Service Quotas',
    );
  }
  return problems;
}
