import type * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import type { Construct } from 'constructs';
import { capacityConfig, checkInstanceTypes, type InstancePool } from '../endpoint/capacity';
import { startTimeoutConfig } from '../endpoint/start-timeouts';
import { checkLocalDisks } from '../endpoint/volume';
import { resolveContainer, type ModelContainer, type ModelProps } from '../model/model-container';
import { checkAmi } from '../model/model-server-checks';
import { checkName, checkWhole, type Resolved } from '../value-checks';
import type { VariantSettings } from './production-variant';

/** Shadow variant: receives a copy of the requests; its responses are discarded. */
export interface ShadowVariantProps extends ModelProps {
  /**
   * Instance types in order of preference.
   *
   * @default - those of the endpoint
   */
  readonly pools?: InstancePool[];

  /**
   * Number of instances.
   *
   * @default 1
   */
  readonly initialInstanceCount?: number;

  /**
   * Part of the requests that is copied, in percent, above 0 and at most 100.
   *
   * @default 100
   */
  readonly trafficPercent?: number;

  /**
   * Name of the variant.
   *
   * @default shadow
   */
  readonly variantName?: string;
}

/**
 * Shadow variant with its defaults.
 *
 * @internal
 */
export interface ShadowVariant {
  readonly variantName: string;
  readonly instanceTypes: readonly string[];
  readonly initialInstanceCount: number;
  readonly trafficPercent: number;
  readonly container: ModelContainer;
  /** Variant whose requests are copied. */
  readonly production: VariantSettings;
}

/**
 * Resolves the shadow beside a production variant; undefined without props.
 *
 * @internal
 */
export function resolveShadow(
  scope: Construct,
  props: ShadowVariantProps | undefined,
  production: VariantSettings,
  networkIsolation: boolean,
): Resolved<ShadowVariant | undefined> {
  if (props === undefined) return { value: undefined, problems: [] };
  const instanceTypes = props.pools?.map((pool) => pool.instanceType) ?? production.capacity.instanceTypes;
  const container = resolveContainer(scope, props, { instanceTypes, networkIsolation });
  const shadow: ShadowVariant = {
    variantName: props.variantName ?? `${production.variantName === 'shadow' ? 'second-' : ''}shadow`,
    instanceTypes,
    initialInstanceCount: props.initialInstanceCount ?? 1,
    trafficPercent: props.trafficPercent ?? 100,
    container: container.value,
    production,
  };
  const problems = [
    ...checkAmi(container.value.server.inferenceAmi, instanceTypes),
    ...checkLocalDisks(production.volume, instanceTypes),
    ...container.problems,
  ];
  return { value: shadow, problems: [...checkShadow(shadow), ...problems.map((problem) => `shadow: ${problem}`)] };
}

function checkShadow(shadow: ShadowVariant): string[] {
  const problems = [
    ...checkName('shadow.variantName', shadow.variantName),
    ...checkInstanceTypes('shadow.pools', shadow.instanceTypes),
    ...checkWhole('shadow.initialInstanceCount', shadow.initialInstanceCount, 1, Infinity),
  ];
  if (!(shadow.trafficPercent > 0 && shadow.trafficPercent <= 100)) {
    problems.push(`shadow.trafficPercent (${shadow.trafficPercent}) must be above 0 and at most 100`);
  }
  if (shadow.variantName === shadow.production.variantName) {
    problems.push(`shadow.variantName '${shadow.variantName}' is the variant's own name; give the shadow another`);
  }
  return problems;
}

/**
 * Renders the shadow for the endpoint configuration.
 *
 * @internal
 */
export function shadowConfig(
  shadow: ShadowVariant,
  model: sagemaker.CfnModel,
): sagemaker.CfnEndpointConfig.ProductionVariantProperty {
  const { capacity, timeouts, volume, weight } = shadow.production;
  return {
    variantName: shadow.variantName,
    modelName: model.attrModelName,
    initialInstanceCount: shadow.initialInstanceCount,
    // Copies are counted relative to the requests of the variant, whatever its weight is.
    initialVariantWeight: (weight * shadow.trafficPercent) / 100,
    ...capacityConfig({
      instanceTypes: shadow.instanceTypes,
      provisionTimeoutSeconds: capacity.provisionTimeoutSeconds,
    }),
    ...startTimeoutConfig(timeouts),
    volumeSizeInGb: volume.sizeGib,
    inferenceAmiVersion: shadow.container.server.inferenceAmi,
  };
}
