import { Stack, Tags, Token } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import { DependencyGroup, type Construct, type IDependable } from 'constructs';
import { findInstanceType } from '../catalog/instance-types';
import { INFERENCE_AMIS } from '../catalog/serving-images';
import { throwProblems } from '../core/errors';
import type { FleetServerMetrics } from '../scaling';
import { capacityGapAlarm } from './capacity-ladder';
import { DEFAULT_MAX_CONCURRENCY_PER_INSTANCE, MAX_CONCURRENCY_TAG } from './contract';
import type { ComponentHost } from './component-host';
import { checkRollout } from './endpoint-checks';
import { checkName, checkWhole } from './value-checks';
import { componentArn, DEFAULT_VARIANT_NAME, endpointArn, tagValue, uniqueName } from './endpoint-names';
import { executionPolicy } from './execution-policy';
import { ModelComponentBase, type IModelComponent } from './model-component-base';
import { ofComponent, serverMetricsOf } from './metrics-collection';
import { modelContainer } from './model-container';
import { ModelAdapter } from './model-adapter';
import { checkRegions, checkServer } from './model-server-checks';
import { componentRollbackAlarms, rollbackPolicy } from './rollback-alarms';
import { componentDeploymentConfig, rolloutOf } from './rollout';
import { spread } from './tensor-parallel';
import type {
  AdapterProps,
  CopyPlacementProps,
  ModelComponentAttributes,
  ModelComponentProps,
} from './shared-gpu-endpoint-props';

/**
 * A model on a shared endpoint: an inference component whose copies are scaled. Made with `SharedGpuEndpoint.addModel`.
 *
 * Creates a model, an inference component, and what the endpoint's role needs for them.
 */
export class ModelComponent extends ModelComponentBase {
  /** A component that exists already, in the stack's account and region. */
  public static fromModelComponentAttributes(
    scope: Construct,
    id: string,
    attrs: ModelComponentAttributes,
  ): IModelComponent {
    class Import extends ModelComponentBase {
      public readonly endpointName = attrs.endpointName;
      public readonly endpointArn = endpointArn(Stack.of(this), attrs.endpointName);
      public readonly variantName = attrs.variantName ?? DEFAULT_VARIANT_NAME;
      public readonly componentName = attrs.componentName;
      public readonly componentArn = componentArn(Stack.of(this), attrs.componentName);
      public readonly maxConcurrencyPerInstance = attrs.maxConcurrencyPerCopy ?? DEFAULT_MAX_CONCURRENCY_PER_INSTANCE;
      public readonly lowestCapacity = 0;
      public readonly initialCapacity = 1;
      public readonly scalingDependency: IDependable = new DependencyGroup();
      public readonly serverMetrics = { labels: ofComponent(this.endpointName, this.componentName) };
    }
    return new Import(scope, id);
  }

  /**
   * A model on a host; `SharedGpuEndpoint.addModel` calls it.
   *
   * @internal
   */
  public static _on(scope: Construct, id: string, host: ComponentHost, props: ModelComponentProps): ModelComponent {
    return new ModelComponent(scope, id, host, props);
  }

  public readonly endpointName: string;
  public readonly endpointArn: string;
  public readonly variantName: string;
  public readonly componentName: string;
  public readonly componentArn: string;
  public readonly maxConcurrencyPerInstance: number;
  public readonly initialCapacity: number;
  public readonly scalingDependency: IDependable;

  /** The lowest number of copies: 0, or 1 where the region keeps an instance. */
  public readonly lowestCapacity: number;

  /** Why it is not 0; undefined where it is. */
  public readonly lowestCapacityReason?: string;

  /** What its model servers publish themselves, and whether it arrives. */
  public readonly serverMetrics?: FleetServerMetrics;

  /** The component's own alarms that take a rollout back. */
  public readonly rollbackAlarms: cloudwatch.Alarm[];

  /** The alarm of the shared endpoint's capacity ladder on this model, where the ladder has one. */
  public readonly capacityGapAlarm?: cloudwatch.Alarm;

  /** @internal */
  public readonly _component: sagemaker.CfnInferenceComponent;
  private readonly host: ComponentHost;

  private constructor(scope: Construct, id: string, host: ComponentHost, props: ModelComponentProps) {
    super(scope, id);
    this.host = host;
    this.endpointName = host.endpointName;
    this.endpointArn = host.endpointArn;
    this.variantName = host.variantName;
    this.lowestCapacity = host.aboveZeroBecause === undefined ? 0 : 1;
    this.lowestCapacityReason = host.aboveZeroBecause;
    this.initialCapacity = props.initialCopies ?? 1;
    this.maxConcurrencyPerInstance = props.maxConcurrencyPerCopy ?? DEFAULT_MAX_CONCURRENCY_PER_INSTANCE;
    const accelerators = props.accelerators ?? 1;
    const startup = props.startupTimeout?.toSeconds({ integral: false }) ?? 600;
    const download = props.modelDownloadTimeout?.toSeconds({ integral: false }) ?? 600;
    const rollout = rolloutOf(props.rollout);
    const { server, problems: spreadProblems } = spread(props.modelServer.bind(this), host.instanceTypes, accelerators);
    const artifact = props.modelArtifact?.bind(this);
    throwProblems(this.node.path, [
      ...(Token.isUnresolved(props.componentName) ? [] : checkName('componentName', props.componentName)),
      ...checkAccelerators(accelerators, host.instanceTypes),
      ...checkCopies(this.initialCapacity),
      ...checkMemory(props),
      ...checkPlacement(props.placement),
      ...checkRollout(rollout),
      ...checkWhole('maxConcurrencyPerCopy', this.maxConcurrencyPerInstance, 1, Infinity),
      ...checkWhole('startupTimeout', startup, 60, 3600, 's'),
      ...checkWhole('modelDownloadTimeout', download, 60, 3600, 's'),
      ...(props.cpuCores === undefined || props.cpuCores >= 0.25
        ? []
        : [`cpuCores (${props.cpuCores}) must be at least 0.25`]),
      ...checkServer(
        { ...server, tensorParallelDegree: accelerators },
        host.instanceTypes,
        host.networkIsolation,
        props.modelArtifact,
      ),
      ...spreadProblems,
      ...checkRegions(this, server, artifact),
      ...checkComponentAmi(server.inferenceAmi, host.inferenceAmi),
    ]);

    // Scaling and alarms name the component before it exists: its name has to be known.
    const name = props.componentName ?? uniqueName(this);
    const permissions = executionPolicy(this, {
      role: host.executionRole,
      logGroupName: `/aws/sagemaker/InferenceComponents/${name}`,
      repositoryArns: [server.repositoryArn],
      artifacts: artifact === undefined ? [] : [artifact],
    });
    const model = new sagemaker.CfnModel(this, 'Model', {
      executionRoleArn: host.executionRole.roleArn,
      enableNetworkIsolation: host.networkIsolation,
      primaryContainer: modelContainer(server, artifact),
    });
    model.node.addDependency(permissions);
    this.componentName = name;
    this.componentArn = componentArn(Stack.of(this), name);
    this.serverMetrics = serverMetricsOf(
      ofComponent(this.endpointName, name),
      server,
      host.collection ?? { detailedObservability: true, frequencySeconds: 60 },
    );
    this.rollbackAlarms = componentRollbackAlarms(this, {
      errors: this.metric5xx({ statistic: cloudwatch.Stats.AVERAGE }),
      latency: this.metricModelLatency({ statistic: cloudwatch.Stats.AVERAGE }),
      maxErrorRate: rollout.maxErrorRate,
      maxModelLatency: rollout.maxModelLatency,
    });
    const alarms = [...this.rollbackAlarms, ...rollout.alarms];
    this._component = new sagemaker.CfnInferenceComponent(this, 'Component', {
      inferenceComponentName: name,
      endpointName: host.endpointName,
      variantName: host.variantName,
      specification: {
        modelName: model.attrModelName,
        computeResourceRequirements: {
          numberOfAcceleratorDevicesRequired: accelerators,
          numberOfCpuCoresRequired: props.cpuCores,
          minMemoryRequiredInMb: props.memoryMib,
          maxMemoryRequiredInMb: props.maxMemoryMib,
        },
        startupParameters: {
          containerStartupHealthCheckTimeoutInSeconds: startup,
          modelDataDownloadTimeoutInSeconds: download,
        },
        dataCacheConfig: { enableCaching: props.caching ?? true },
        schedulingConfig: schedulingConfig(props.placement),
      },
      runtimeConfig: { copyCount: this.initialCapacity },
      deploymentConfig: componentDeploymentConfig(rollout, alarms),
    });
    this._component.node.addDependency(host.dependency, rollbackPolicy(this, host.executionRole, alarms));
    Tags.of(this._component).add(MAX_CONCURRENCY_TAG, tagValue(this.maxConcurrencyPerInstance));
    this.scalingDependency = this._component;
    this.capacityGapAlarm = capacityGapAlarm(this, { gapAlarm: host.gapAlarm });
  }

  /** Adds a LoRA adapter, which runs inside this component's copies and needs no compute of its own. */
  public addAdapter(id: string, props: AdapterProps): ModelAdapter {
    return ModelAdapter._on(
      this,
      id,
      this.host,
      {
        componentName: this.componentName,
        componentArn: this.componentArn,
        component: this._component,
      },
      props,
    );
  }
}

function schedulingConfig(
  placement: CopyPlacementProps | undefined,
): sagemaker.CfnInferenceComponent.InferenceComponentSchedulingConfigProperty | undefined {
  if (placement === undefined) return undefined;
  return {
    placementStrategy: placement.strategy,
    availabilityZoneBalance: { enforcementMode: 'PERMISSIVE', maxImbalance: placement.maxZoneImbalance ?? 0 },
  };
}

function checkCopies(initialCopies: number): string[] {
  if (initialCopies === 0) {
    return [
      'initialCopies (0) must be 1 or more: SageMaker refuses to make a component without a copy; scaling takes it to zero afterwards ' +
        '(boundedBy with minCapacity 0, then scaleToZero)',
    ];
  }
  return checkWhole('initialCopies', initialCopies, 1, Infinity);
}

function checkMemory({ memoryMib, maxMemoryMib }: ModelComponentProps): string[] {
  const problems = checkWhole('memoryMib', memoryMib, 128, Infinity, 'MiB');
  if (maxMemoryMib === undefined) return problems;
  problems.push(...checkWhole('maxMemoryMib', maxMemoryMib, 128, Infinity, 'MiB'));
  if (maxMemoryMib < memoryMib) {
    problems.push(`maxMemoryMib (${maxMemoryMib}) is below memoryMib (${memoryMib}); raise it or lower memoryMib`);
  }
  return problems;
}

function checkPlacement(placement: CopyPlacementProps | undefined): string[] {
  if (placement?.maxZoneImbalance === undefined) return [];
  return checkWhole('placement.maxZoneImbalance', placement.maxZoneImbalance, 0, 100, 'copies');
}

function checkAccelerators(accelerators: number, instanceTypes: readonly string[]): string[] {
  const problems = checkWhole('accelerators', accelerators, 1, Infinity);
  for (const name of instanceTypes) {
    const count = findInstanceType(name)?.accelerator?.count;
    if (count !== undefined && accelerators > count) {
      problems.push(
        `accelerators (${accelerators}) is more than ${name} has (${count}), so no copy fits; use a larger type or fewer accelerators`,
      );
    }
  }
  return problems;
}

/** Whether the driver of one AMI runs what was built for another: newer drivers run older CUDA (NVIDIA, CUDA compatibility). */
function isAsNew(present: string | undefined, needed: string): boolean {
  if (present === undefined || present.includes('-neuron-') !== needed.includes('-neuron-')) return false;
  // The catalog lists them by their driver, the oldest first.
  return INFERENCE_AMIS.indexOf(present) >= INFERENCE_AMIS.indexOf(needed);
}

function checkComponentAmi(needed: string | undefined, present: string | undefined): string[] {
  if (needed === undefined || isAsNew(present, needed)) return [];
  return [
    `the model server needs inference AMI ${needed}, the endpoint has ${present ?? "SageMaker's default"}; ` +
      `set inferenceAmi: '${needed}' on the endpoint`,
  ];
}
