import { Tags, Token } from 'aws-cdk-lib';
import type * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import type { Construct } from 'constructs';
import { throwProblems } from '../../core/errors';
import type { FleetServerMetrics } from '../../scaling';
import { variantConcurrencyTag } from '../contract';
import { tagValue } from '../endpoint/endpoint-names';
import { endpointLogGroup, executionPolicy } from '../endpoint/execution-policy';
import { serverMetricsOf, variantLabels, type MetricsCollection } from '../endpoint/metrics-collection';
import type { RollbackAlarms } from '../endpoint/rollback-alarms';
import { resolveRollout, rolloutConfig, RolloutStrategy, type RolloutProps } from '../endpoint/rollout';
import { declareModel, type ModelEnvironment } from '../model/model-container';
import { checkName } from '../value-checks';
import type { GpuVariantProps } from './gpu-variant-props';
import { resolveVariant, variantConfig, type VariantSettings, type VariantContext } from './production-variant';

/** Parts of an endpoint that its variants share. */
export interface EndpointVariantsOptions {
  /** Construct of the endpoint. */
  readonly scope: Construct;
  readonly shared: Pick<
    VariantContext,
    'routing' | 'prefixAwareRouting' | 'encryptionKey' | 'volumeSize' | 'networkIsolation'
  >;
  readonly rollout: RolloutProps | undefined;
  readonly observability: MetricsCollection;
  readonly environment: ModelEnvironment;
  readonly config: sagemaker.CfnEndpointConfig;
  readonly endpoint: sagemaker.CfnEndpoint;
  readonly rollbackAlarms: RollbackAlarms;
  /** Variant that the endpoint itself is. */
  readonly first: VariantSettings;
}

/** Source: API reference, CreateEndpointConfig. */
const MAX_VARIANTS = 10;

/** Production variants of an endpoint: one from the beginning, further ones as they are added. */
export class EndpointVariants {
  private readonly variants: VariantSettings[];

  public constructor(private readonly options: EndpointVariantsOptions) {
    this.variants = [options.first];
    options.scope.node.addValidation({ validate: () => this.checkWeights() });
  }

  /** Problems of adding one more variant, whatever its model is; checked before its construct is created. */
  public checkRoom(variantName: string): string[] {
    const present = this.variants.map((variant) => variant.variantName);
    const problems = checkName('variantName', variantName);
    if (present.includes(variantName)) {
      problems.push(
        `variantName '${variantName}' is taken; the endpoint has ${present.join(', ')}, so give this variant another name`,
      );
    }
    if (present.length >= MAX_VARIANTS) {
      problems.push(
        `variant '${variantName}' is one too many: SageMaker takes ${MAX_VARIANTS} variants of an endpoint; make a second endpoint`,
      );
    }
    if (this.options.config.shadowProductionVariants !== undefined) {
      problems.push(
        `variant '${variantName}' cannot be added beside a shadow, which SageMaker takes beside one variant only; omit shadow`,
      );
    }
    if (this.options.rollout?.strategy === RolloutStrategy.ROLLING) {
      problems.push(
        'rollout.strategy (ROLLING) supports one variant only: with several SageMaker would replace all instances at once and watch no ' +
          'alarm; set RolloutStrategy.CANARY or LINEAR, or omit strategy, which is a canary then',
      );
    }
    return problems;
  }

  /**
   * Declares the model of a further variant below its construct and adds it to the configuration, the alarms and the rollout.
   *
   * @throws InputError with every problem of the properties
   */
  public add(scope: Construct, variantName: string, props: GpuVariantProps): VariantSettings {
    const { shared, first, environment, config, endpoint } = this.options;
    const own = { variantName, weight: props.weight, weightProperty: 'weight', first };
    const { value: variant, problems } = resolveVariant(scope, props, { ...shared, ...own });
    throwProblems(scope.node.path, problems);

    const { container } = variant;
    const permissions = executionPolicy(scope, {
      role: environment.executionRole,
      logGroupName: endpointLogGroup(endpoint.endpointName!),
      models: [container],
    });
    const model = declareModel(scope, 'Model', container, { ...environment, permissions });
    config.productionVariants = [
      ...(config.productionVariants as sagemaker.CfnEndpointConfig.ProductionVariantProperty[]),
      variantConfig(variant, model),
    ];
    Tags.of(config).add(variantConcurrencyTag(variantName), tagValue(variant.maxConcurrencyPerInstance));
    this.variants.push(variant);
    this.rollOutTogether(variantName);
    return variant;
  }

  /** Metrics that the model server of a variant publishes. */
  public serverMetricsOf({ variantName, container }: VariantSettings): FleetServerMetrics {
    const { endpoint, observability } = this.options;
    return serverMetricsOf(variantLabels(endpoint.attrEndpointName, variantName), container.server, observability);
  }

  /**
   * Rolling updates support one variant only (developer guide, "Deployment guardrails, exclusions"). Weights are those of the template:
   * with retained ones a change of a weight would never take effect.
   */
  private rollOutTogether(variantName: string): void {
    const { endpoint, rollbackAlarms, rollout: props } = this.options;
    rollbackAlarms.watch(variantName);
    const { value: rollout } = resolveRollout({ ...props, strategy: props?.strategy ?? RolloutStrategy.CANARY });
    endpoint.deploymentConfig = rolloutConfig(rollout, [...rollbackAlarms.alarms, ...rollout.alarms]);
    endpoint.excludeRetainedVariantProperties = [{ variantPropertyType: 'DesiredWeight' }];
  }

  private checkWeights(): string[] {
    const isPositive = ({ weight }: VariantSettings): boolean => Token.isUnresolved(weight) || weight > 0;
    if (this.variants.some(isPositive)) return [];
    const names = this.variants.map(({ variantName }) => variantName).join(', ');
    return [
      `the weights of all variants (${names}) are 0, so none would receive a request; set variantWeight or the weight of a variant above 0`,
    ];
  }
}
