import { Stack, Tags } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import { DependencyGroup, type Construct, type IDependable } from 'constructs';
import { INFERENCE_AMIS } from '../../catalog/serving-images';
import { throwProblems } from '../../core/errors';
import { createAfter } from '../../runtime/creation-order';
import type { FleetServerMetrics } from '../../scaling';
import { DEFAULT_MAX_CONCURRENCY_PER_INSTANCE, MAX_CONCURRENCY_TAG } from '../contract';
import { capacityGapAlarm } from '../endpoint/capacity';
import { componentArn, endpointArn, importedVariantName, tagValue, uniqueName } from '../endpoint/endpoint-names';
import { executionPolicy } from '../endpoint/execution-policy';
import { componentLabels, serverMetricsOf } from '../endpoint/metrics-collection';
import { componentRollbackAlarms, rollbackPolicy } from '../endpoint/rollback-alarms';
import { componentRolloutConfig, resolveRollout } from '../endpoint/rollout';
import { resolveStartTimeouts, startTimeoutConfig } from '../endpoint/start-timeouts';
import { declareModel, resolveContainer } from '../model/model-container';
import { checkName, checkWhole, problemsOf } from '../value-checks';
import { AdapterComponent, type AdapterComponentProps } from './adapter-component';
import type { ComponentHost } from './component-host';
import { placementConfig, resolvePlacement } from './placement';
import { copyResourceConfig, resolveCopyResources } from './copy-resources';
import { InferenceComponentBase, type IInferenceComponent } from './inference-component-base';
import type { InferenceComponentAttributes, InferenceComponentProps } from './inference-component-props';

/**
 * Model on a shared endpoint: an inference component whose copies are scaled. Created with `SharedGpuEndpoint.addModel`.
 *
 * Creates a model, an inference component, two alarms that roll back a bad deployment, and the permissions that the endpoint's role needs.
 */
export class InferenceComponent extends InferenceComponentBase {
  /** Imports an existing component in the stack's account and region. */
  public static fromInferenceComponentAttributes(
    scope: Construct,
    id: string,
    attrs: InferenceComponentAttributes,
  ): IInferenceComponent {
    class Import extends InferenceComponentBase {
      public readonly endpointName = attrs.endpointName;
      public readonly endpointArn = endpointArn(Stack.of(this), attrs.endpointName);
      public readonly variantName = importedVariantName(this, attrs);
      public readonly componentName = attrs.componentName;
      public readonly componentArn = componentArn(Stack.of(this), attrs.componentName);
      public readonly maxConcurrencyPerInstance = attrs.maxConcurrencyPerCopy ?? DEFAULT_MAX_CONCURRENCY_PER_INSTANCE;
      public readonly minAllowedCapacity = 0;
      public readonly initialCapacity = 1;
      public readonly scalingDependency: IDependable = new DependencyGroup();
      public readonly serverMetrics = { labels: componentLabels(this.endpointName, this.componentName) };
    }
    return new Import(scope, id);
  }

  /**
   * Creates a model on a host, for `SharedGpuEndpoint.addModel`.
   *
   * @internal
   */
  public static _on(
    scope: Construct,
    id: string,
    host: ComponentHost,
    props: InferenceComponentProps,
  ): InferenceComponent {
    return new InferenceComponent(scope, id, host, props);
  }

  public readonly endpointName: string;
  public readonly endpointArn: string;
  public readonly variantName: string;
  public readonly componentName: string;
  public readonly componentArn: string;
  public readonly maxConcurrencyPerInstance: number;
  public readonly initialCapacity: number;
  public readonly scalingDependency: IDependable;

  /** Lowest number of copies: 0, or 1 where the region keeps an instance. */
  public readonly minAllowedCapacity: number;

  /** Reason why the lowest number is not 0; undefined where it is. */
  public readonly minAllowedCapacityReason?: string;

  /** Metrics that its model servers publish, and whether CloudWatch receives them. */
  public readonly serverMetrics?: FleetServerMetrics;

  /** The component's own alarms, which roll a deployment back. */
  public readonly rollbackAlarms: cloudwatch.Alarm[];

  /** Alarm of the shared endpoint's `capacity.gapAlarm` for this model, where it is configured. */
  public readonly capacityGapAlarm?: cloudwatch.Alarm;

  private readonly host: ComponentHost;
  private readonly component: sagemaker.CfnInferenceComponent;

  private constructor(scope: Construct, id: string, host: ComponentHost, props: InferenceComponentProps) {
    super(scope, id);
    const initialCopies = props.initialCopies ?? 1;
    const maxConcurrency = props.maxConcurrencyPerCopy ?? DEFAULT_MAX_CONCURRENCY_PER_INSTANCE;
    const resources = resolveCopyResources(props, host.instanceTypes);
    const placement = resolvePlacement(props.placement);
    const timeouts = resolveStartTimeouts(props);
    const rollout = resolveRollout(props.rollout);
    const container = resolveContainer(this, props, {
      instanceTypes: host.instanceTypes,
      acceleratorsPerCopy: resources.value.accelerators,
      networkIsolation: host.networkIsolation,
    });
    throwProblems(this.node.path, [
      ...checkName('componentName', props.componentName),
      ...checkCopies(initialCopies),
      ...checkWhole('maxConcurrencyPerCopy', maxConcurrency, 1, Infinity),
      ...problemsOf(resources, placement, rollout, timeouts, container),
      ...checkComponentAmi(container.value.server.inferenceAmi, host.inferenceAmi),
    ]);

    this.host = host;
    this.endpointName = host.endpointName;
    this.endpointArn = host.endpointArn;
    this.variantName = host.variantName;
    this.minAllowedCapacity = host.scaleToZeroBlockedReason === undefined ? 0 : 1;
    this.minAllowedCapacityReason = host.scaleToZeroBlockedReason;
    this.initialCapacity = initialCopies;
    this.maxConcurrencyPerInstance = maxConcurrency;
    // Scaling and alarms name the component before it exists: its name has to be known.
    this.componentName = props.componentName ?? uniqueName(this);
    this.componentArn = componentArn(Stack.of(this), this.componentName);
    this.serverMetrics = serverMetricsOf(
      componentLabels(this.endpointName, this.componentName),
      container.value.server,
      host.observability ?? { detailed: true, frequencySeconds: 60 },
    );

    const { executionRole, networkIsolation } = host;
    const permissions = executionPolicy(this, {
      role: executionRole,
      logGroupName: `/aws/sagemaker/InferenceComponents/${this.componentName}`,
      models: [container.value],
    });
    const model = declareModel(this, 'Model', container.value, {
      host: { kind: 'inference-component', name: this.componentName },
      executionRole,
      networkIsolation,
      permissions,
    });
    this.rollbackAlarms = componentRollbackAlarms(
      this,
      {
        errors: this.metric5xx({ statistic: cloudwatch.Stats.AVERAGE }),
        latency: this.metricModelLatency({ statistic: cloudwatch.Stats.AVERAGE }),
      },
      rollout.value,
    );
    const alarms = [...this.rollbackAlarms, ...rollout.value.alarms];
    this.component = new sagemaker.CfnInferenceComponent(this, 'Component', {
      inferenceComponentName: this.componentName,
      endpointName: host.endpointName,
      variantName: host.variantName,
      specification: {
        modelName: model.attrModelName,
        computeResourceRequirements: copyResourceConfig(resources.value),
        startupParameters: startTimeoutConfig(timeouts.value),
        dataCacheConfig: { enableCaching: props.caching ?? true },
        schedulingConfig: placementConfig(placement.value),
      },
      runtimeConfig: { copyCount: initialCopies },
      deploymentConfig: componentRolloutConfig(rollout.value, alarms),
    });
    createAfter(this.component, host.dependency, host.endpointName);
    this.component.node.addDependency(rollbackPolicy(this, executionRole, alarms));
    Tags.of(this.component).add(MAX_CONCURRENCY_TAG, tagValue(maxConcurrency));
    this.scalingDependency = this.component;
    this.capacityGapAlarm = capacityGapAlarm(this, host);
  }

  /** Adds a LoRA adapter, which runs inside this component's copies and needs no compute of its own. */
  public addAdapter(id: string, props: AdapterComponentProps): AdapterComponent {
    const { componentName, componentArn: arn, component } = this;
    return AdapterComponent._on(this, id, this.host, { componentName, componentArn: arn, component }, props);
  }
}

function checkCopies(initialCopies: number): string[] {
  if (initialCopies === 0) {
    return [
      'initialCopies (0) must be 1 or more: SageMaker refuses to create a component without a copy; scaling takes it to zero afterwards ' +
        '(autoScale with minCapacity 0, then scaleToZero)',
    ];
  }
  return checkWhole('initialCopies', initialCopies, 1, Infinity);
}

/** True if the driver of one AMI runs what was built for another: newer drivers run older CUDA (NVIDIA, CUDA compatibility). */
function isAsNew(present: string | undefined, needed: string): boolean {
  if (present === undefined || present.includes('-neuron-') !== needed.includes('-neuron-')) return false;
  // The catalog lists the AMIs by their driver, the oldest first.
  return INFERENCE_AMIS.indexOf(present) >= INFERENCE_AMIS.indexOf(needed);
}

function checkComponentAmi(needed: string | undefined, present: string | undefined): string[] {
  if (needed === undefined || isAsNew(present, needed)) return [];
  return [
    `the model server needs inference AMI ${needed}, the endpoint has ${present ?? "SageMaker's default"}; ` +
      `set inferenceAmi: '${needed}' on the endpoint`,
  ];
}
