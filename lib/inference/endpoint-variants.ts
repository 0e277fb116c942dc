import { Tags, Token } from 'aws-cdk-lib';
import type * as iam from 'aws-cdk-lib/aws-iam';
import * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import type { Construct } from 'constructs';
import { throwProblems } from '../core/errors';
import type { FleetServerMetrics } from '../scaling';
import { resolveCapacity, type ResolvedCapacity } from './capacity-ladder';
import { variantConcurrencyTag } from './contract';
import { tagValue } from './endpoint-names';
import { checkFurtherVariant, checkQuotaOfStart, checkVariant } from './endpoint-checks';
import { executionPolicy } from './execution-policy';
import { RolloutStrategy, type GpuEndpointProps, type RoutingStrategy } from './gpu-endpoint-props';
import type { GpuVariantProps } from './gpu-variant-props';
import { ofVariant, serverMetricsOf, type MetricsCollection } from './metrics-collection';
import { modelContainer } from './model-container';
import { checkRegions, checkServer } from './model-server-checks';
import { prefixOf, productionVariant, variantTiming, type VariantTiming } from './production-variant';
import type { RollbackAlarms } from './rollback-alarms';
import { deploymentConfig, rolloutOf } from './rollout';
import { spread } from './tensor-parallel';

/** What the variants of one endpoint share. */
export interface EndpointVariantsOptions {
  /** The endpoint's construct. */
  readonly scope: Construct;
  readonly props: GpuEndpointProps;
  readonly config: sagemaker.CfnEndpointConfig;
  readonly endpoint: sagemaker.CfnEndpoint;
  readonly rollbackAlarms: RollbackAlarms;
  readonly logGroupName: string;
  readonly executionRole: iam.IRole;
  readonly vpcConfig: sagemaker.CfnModel.VpcConfigProperty | undefined;
  readonly timing: VariantTiming;
  readonly routing: RoutingStrategy;
  readonly collection: MetricsCollection;
  /** The variant that the endpoint itself is. */
  readonly first: {
    readonly variantName: string;
    readonly weight: number;
    readonly instanceTypes: readonly string[];
    readonly maxConcurrencyPerInstance: number;
  };
}

/** A further variant, declared. */
export interface DeclaredVariant {
  readonly instanceTypes: string[];
  readonly capacity: ResolvedCapacity;
  readonly maxConcurrencyPerInstance: number;
  readonly initialCapacity: number;
  readonly serverMetrics: FleetServerMetrics;
}

/** The production variants of an endpoint: one from the beginning, further ones as they are added. */
export class EndpointVariants {
  private readonly variants: { readonly variantName: string; readonly weight: number }[];

  public constructor(private readonly options: EndpointVariantsOptions) {
    this.variants = [options.first];
    options.scope.node.addValidation({ validate: () => this.checkWeights() });
  }

  /** Problems of one more variant, whatever it is made of; told before its construct is made. */
  public checkRoom(variantName: string): string[] {
    const { props } = this.options;
    return checkFurtherVariant({
      variantName,
      present: this.variants.map((variant) => variant.variantName),
      hasShadow: props.shadow !== undefined,
      isRolling: props.rollout?.strategy === RolloutStrategy.ROLLING,
    });
  }

  /**
   * Declares the model of a further variant below its construct and puts it into the configuration, the alarms and the rollout.
   *
   * @throws InputError with every problem of the properties
   */
  public add(scope: Construct, variantName: string, props: GpuVariantProps): DeclaredVariant {
    const { props: shared, first, executionRole, routing, config } = this.options;
    const networkIsolation = shared.networkIsolation ?? true;
    const capacity = resolveCapacity(props, first.instanceTypes);
    const { instanceTypes } = capacity;
    const maxConcurrencyPerInstance = props.maxConcurrencyPerInstance ?? first.maxConcurrencyPerInstance;
    const initialCapacity = props.initialInstanceCount ?? 1;
    const weight = props.weight ?? 1;
    const timing = variantTiming({ ...props, provisionTimeout: capacity.provisionTimeout }, this.options.timing);
    const { server, problems: spreadProblems } = spread(props.modelServer.bind(scope), instanceTypes);
    const artifact = props.modelArtifact?.bind(scope);
    throwProblems(scope.node.path, [
      ...spreadProblems,
      ...checkRegions(scope, server, artifact),
      ...checkQuotaOfStart(initialCapacity, capacity.quota),
      ...capacity.problems,
      ...checkVariant({
        instanceTypes,
        initialInstanceCount: initialCapacity,
        maxConcurrencyPerInstance,
        ...timing,
        weight: props.weight,
        inferenceAmi: server.inferenceAmi,
        hasEncryptionKey: shared.encryptionKey !== undefined,
        volumeSizeGb: shared.volumeSizeGb,
        hasCapacityReservation: capacity.reservationArn !== undefined,
      }),
      ...checkServer(server, instanceTypes, networkIsolation, props.modelArtifact),
    ]);

    const permissions = executionPolicy(scope, {
      role: executionRole,
      logGroupName: this.options.logGroupName,
      repositoryArns: [server.repositoryArn],
      artifacts: artifact === undefined ? [] : [artifact],
    });
    const model = new sagemaker.CfnModel(scope, 'Model', {
      executionRoleArn: executionRole.roleArn,
      enableNetworkIsolation: networkIsolation,
      primaryContainer: modelContainer(server, artifact),
      vpcConfig: this.options.vpcConfig,
    });
    model.node.addDependency(permissions);
    config.productionVariants = [
      ...(config.productionVariants as sagemaker.CfnEndpointConfig.ProductionVariantProperty[]),
      productionVariant({
        variantName,
        modelName: model.attrModelName,
        initialInstanceCount: initialCapacity,
        weight,
        instanceTypes,
        timing,
        routing,
        prefix: prefixOf(shared.prefixAwareRouting, maxConcurrencyPerInstance),
        inferenceAmi: server.inferenceAmi,
        volumeSizeGb: shared.volumeSizeGb,
        capacityReservationArn: capacity.reservationArn,
      }),
    ];
    Tags.of(config).add(variantConcurrencyTag(variantName), tagValue(maxConcurrencyPerInstance));
    this.variants.push({ variantName, weight });
    this.rollOutTogether(variantName);
    const labels = ofVariant(this.options.endpoint.attrEndpointName, variantName);
    const serverMetrics = serverMetricsOf(labels, server, this.options.collection);
    return { instanceTypes, capacity, maxConcurrencyPerInstance, initialCapacity, serverMetrics };
  }

  /**
   * Rolling updates know one variant only (developer guide, "Deployment guardrails, exclusions"). Weights are those of the template:
   * retained ones would keep a change of them from ever taking effect.
   */
  private rollOutTogether(variantName: string): void {
    const { endpoint, rollbackAlarms, props } = this.options;
    rollbackAlarms.watch(variantName);
    const rollout = rolloutOf({ ...props.rollout, strategy: props.rollout?.strategy ?? RolloutStrategy.CANARY });
    endpoint.deploymentConfig = deploymentConfig(rollout, [...rollbackAlarms.alarms, ...rollout.alarms]);
    endpoint.excludeRetainedVariantProperties = [{ variantPropertyType: 'DesiredWeight' }];
  }

  private checkWeights(): string[] {
    const isPositive = ({ weight }: { readonly weight: number }): boolean => Token.isUnresolved(weight) || weight > 0;
    if (this.variants.some(isPositive)) return [];
    const names = this.variants.map(({ variantName }) => variantName).join(', ');
    return [
      `the weights of all variants (${names}) are 0, so none would get a request; set variantWeight or the weight of a variant above 0`,
    ];
  }
}
