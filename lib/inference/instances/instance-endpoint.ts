import { Tags } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as iam from 'aws-cdk-lib/aws-iam';
import * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import type { Construct } from 'constructs';
import { throwProblems } from '../../core/errors';
import { MAX_CONCURRENCY_TAG } from '../contract';
import { resolveNames, tagValue } from '../endpoint/endpoint-names';
import { declareEnvironment, type ExecutionGrant } from '../endpoint/execution-policy';
import { metricsConfig, resolveObservability } from '../endpoint/metrics-collection';
import { resolveNetwork } from '../endpoint/network';
import { keepReplaced } from '../endpoint/replaced';
import { RollbackAlarms, rollbackPolicy } from '../endpoint/rollback-alarms';
import { resolveRollout, rolloutConfig } from '../endpoint/rollout';
import { acknowledgeServiceEncryption } from '../endpoint/volume';
import { declareModel } from '../model/model-container';
import { problemsOf } from '../value-checks';
import { dataCaptureConfig, dataCaptureGrants, resolveDataCapture } from './data-capture';
import { EndpointVariants } from './endpoint-variants';
import type { InstanceEndpointProps } from './instance-endpoint-props';
import { resolveVariant, variantConfig, type VariantSettings } from './production-variant';
import { resolveShadow, shadowConfig, type ShadowVariantProps } from './shadow-variant';

/** Additions of a kind of endpoint. */
export interface InstanceEndpointKind {
  /** Weight of the variant beside further ones, of real-time endpoints. */
  readonly variantWeight?: number;
  /** Shadow of a real-time endpoint. */
  readonly shadow?: ShadowVariantProps;
  /** Queue and output of an asynchronous endpoint; undefined for real-time endpoints. */
  readonly asyncInferenceConfig?: sagemaker.CfnEndpointConfig.AsyncInferenceConfigProperty;
  /** Further permissions of the execution role. */
  readonly grants?: readonly ExecutionGrant[];
  /** Problems of the kind's own properties. */
  readonly problems?: readonly string[];
}

/** Declared endpoint whose variant has a model and instances of its own. */
export interface InstanceEndpoint {
  readonly endpoint: sagemaker.CfnEndpoint;
  readonly endpointConfigName: string;
  readonly executionRole: iam.IRole;
  readonly rollbackAlarms: cloudwatch.Alarm[];
  readonly variant: VariantSettings;
  /** Accepts further variants. */
  readonly variants: EndpointVariants;
}

/**
 * Declares model, configuration, endpoint, role and rollback alarms: the common part of real-time and asynchronous endpoints.
 *
 * @throws InputError with every problem of the properties
 */
export function declareInstanceEndpoint(
  scope: Construct,
  props: InstanceEndpointProps,
  kind: InstanceEndpointKind = {},
): InstanceEndpoint {
  const names = resolveNames(scope, props);
  const network = resolveNetwork(props.network);
  const observability = resolveObservability(props.observability);
  const rollout = resolveRollout(props.rollout);
  const capture = resolveDataCapture(props.dataCapture);
  const { endpointName, variantName } = names.value;
  const shared = { ...props, networkIsolation: network.value.isolation };
  const variant = resolveVariant(scope, props, {
    ...shared,
    variantName,
    weight: kind.variantWeight,
    weightProperty: 'variantWeight',
  });
  const shadow = resolveShadow(scope, kind.shadow, variant.value, network.value.isolation);
  throwProblems(scope.node.path, [
    ...problemsOf(names, variant, observability, rollout, capture, network, shadow),
    ...(kind.problems ?? []),
  ]);

  const { container } = variant.value;
  const environment = declareEnvironment(scope, {
    endpointName,
    executionRole: props.executionRole,
    models: shadow.value === undefined ? [container] : [container, shadow.value.container],
    encryptionKey: props.encryptionKey,
    network: network.value,
    grants: [...(kind.grants ?? []), ...dataCaptureGrants(capture.value)],
  });
  const config = new sagemaker.CfnEndpointConfig(scope, 'Config', {
    productionVariants: [variantConfig(variant.value, declareModel(scope, 'Model', container, environment))],
    shadowProductionVariants: shadow.value && [
      shadowConfig(shadow.value, declareModel(scope, 'ShadowModel', shadow.value.container, environment)),
    ],
    metricsConfig: metricsConfig(observability.value),
    asyncInferenceConfig: kind.asyncInferenceConfig,
    dataCaptureConfig: dataCaptureConfig(capture.value),
    kmsKeyId: props.encryptionKey?.keyArn,
  });
  keepReplaced(config, environment.host);
  acknowledgeServiceEncryption(config, variant.value.volume);
  Tags.of(config).add(MAX_CONCURRENCY_TAG, tagValue(variant.value.maxConcurrencyPerInstance));

  const own = new RollbackAlarms(scope, {
    endpointName,
    variantName,
    endpointConfigName: config.attrEndpointConfigName,
    rollout: rollout.value,
    isAsynchronous: kind.asyncInferenceConfig !== undefined,
  });
  const alarms = [...own.alarms, ...rollout.value.alarms];
  const endpoint = new sagemaker.CfnEndpoint(scope, 'Endpoint', {
    endpointName,
    endpointConfigName: config.attrEndpointConfigName,
    retainAllVariantProperties: true,
    deploymentConfig: rolloutConfig(rollout.value, alarms),
  });
  endpoint.node.addDependency(rollbackPolicy(scope, environment.executionRole, alarms));
  return {
    endpoint,
    endpointConfigName: config.attrEndpointConfigName,
    executionRole: environment.executionRole,
    rollbackAlarms: own.alarms,
    variant: variant.value,
    variants: new EndpointVariants({
      scope,
      shared,
      rollout: props.rollout,
      observability: observability.value,
      environment,
      config,
      endpoint,
      rollbackAlarms: own,
      first: variant.value,
    }),
  };
}
