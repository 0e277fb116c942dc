import { Stack, Tags, Token } from 'aws-cdk-lib';
import * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import { DependencyGroup, type Construct, type IDependable } from 'constructs';
import { findInstanceType } from '../catalog/instance-types';
import { InputError, throwProblems } from '../core/errors';
import { DEFAULT_MAX_CONCURRENCY_PER_INSTANCE, MAX_CONCURRENCY_TAG } from './contract';
import type { ComponentHost } from './component-host';
import { checkName, checkWhole } from './endpoint-checks';
import { componentArn, DEFAULT_VARIANT_NAME, endpointArn, uniqueName } from './endpoint-names';
import { executionPolicy } from './execution-policy';
import { ModelComponentBase, type IModelComponent } from './model-component-base';
import { modelContainer } from './model-container';
import { checkServer } from './model-server-checks';
import type { AdapterProps, ModelComponentAttributes, ModelComponentProps } from './shared-gpu-endpoint-props';

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
      public readonly initialCapacity = 1;
      public readonly scalingDependency: IDependable = new DependencyGroup();
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

  private readonly component: sagemaker.CfnInferenceComponent;
  private readonly host: ComponentHost;

  private constructor(scope: Construct, id: string, host: ComponentHost, props: ModelComponentProps) {
    super(scope, id);
    this.host = host;
    this.endpointName = host.endpointName;
    this.endpointArn = host.endpointArn;
    this.variantName = host.variantName;
    this.initialCapacity = props.initialCopies ?? 1;
    this.maxConcurrencyPerInstance = props.maxConcurrencyPerCopy ?? DEFAULT_MAX_CONCURRENCY_PER_INSTANCE;
    const accelerators = props.accelerators ?? 1;
    const startup = props.startupTimeout?.toSeconds({ integral: false }) ?? 600;
    const download = props.modelDownloadTimeout?.toSeconds({ integral: false }) ?? 600;
    const server = props.modelServer.bind(this);
    throwProblems(this.node.path, [
      ...(Token.isUnresolved(props.componentName) ? [] : checkName('componentName', props.componentName)),
      ...checkAccelerators(accelerators, host.instanceTypes),
      ...checkWhole('memoryMib', props.memoryMib, 128, Infinity, 'MiB'),
      ...checkWhole('initialCopies', this.initialCapacity, 0, Infinity),
      ...checkWhole('maxConcurrencyPerCopy', this.maxConcurrencyPerInstance, 1, Infinity),
      ...checkWhole('startupTimeout', startup, 60, 3600, 's'),
      ...checkWhole('modelDownloadTimeout', download, 60, 3600, 's'),
      ...(props.cpuCores === undefined || props.cpuCores >= 0.25
        ? []
        : [`cpuCores (${props.cpuCores}) must be at least 0.25`]),
      ...checkServer({ ...server, tensorParallelDegree: accelerators }, host.instanceTypes, host.networkIsolation),
      ...checkComponentAmi(server.inferenceAmi, host.inferenceAmi),
    ]);

    // Scaling and alarms name the component before it exists: its name has to be known.
    const name = props.componentName ?? uniqueName(this);
    const artifact = props.modelArtifact?.bind(this);
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
    this.component = new sagemaker.CfnInferenceComponent(this, 'Component', {
      inferenceComponentName: name,
      endpointName: host.endpoint.attrEndpointName,
      variantName: host.variantName,
      specification: {
        modelName: model.attrModelName,
        computeResourceRequirements: {
          numberOfAcceleratorDevicesRequired: accelerators,
          numberOfCpuCoresRequired: props.cpuCores,
          minMemoryRequiredInMb: props.memoryMib,
        },
        startupParameters: {
          containerStartupHealthCheckTimeoutInSeconds: startup,
          modelDataDownloadTimeoutInSeconds: download,
        },
        dataCacheConfig: { enableCaching: props.caching ?? true },
      },
      runtimeConfig: { copyCount: this.initialCapacity },
    });
    this.component.node.addDependency(host.endpoint);
    Tags.of(this.component).add(MAX_CONCURRENCY_TAG, String(this.maxConcurrencyPerInstance));
    this.componentName = name;
    this.componentArn = componentArn(Stack.of(this), name);
    this.scalingDependency = this.component;
  }

  /**
   * Adds a LoRA adapter, which runs inside this component's copies and needs no compute of its own.
   *
   * @returns the name that callers give as `InferenceComponentName`
   */
  public addAdapter(id: string, props: AdapterProps): string {
    if (!Token.isUnresolved(props.key) && !props.key.endsWith('.tar.gz')) {
      throw new InputError(
        `${this.node.path}: the key of adapter ${id} is '${props.key}'; SageMaker takes an archive that ends with .tar.gz`,
      );
    }
    const name = props.componentName ?? `${this.componentName.slice(0, 62 - id.length)}-${id}`.toLowerCase();
    throwProblems(`${this.node.path}: adapter ${id}`, Token.isUnresolved(name) ? [] : checkName('componentName', name));
    props.bucket.grantRead(this.host.executionRole, props.key);
    const adapter = new sagemaker.CfnInferenceComponent(this, id, {
      inferenceComponentName: name,
      endpointName: this.host.endpoint.attrEndpointName,
      specification: {
        baseInferenceComponentName: this.componentName,
        container: { artifactUrl: props.bucket.s3UrlForObject(props.key) },
      },
    });
    adapter.node.addDependency(this.component);
    return name;
  }
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

function checkComponentAmi(needed: string | undefined, present: string | undefined): string[] {
  if (needed === undefined || needed === present) return [];
  return [
    `the model server needs inference AMI ${needed}, the endpoint has ${present ?? "SageMaker's default"}; ` +
      `set inferenceAmi: '${needed}' on the endpoint`,
  ];
}
