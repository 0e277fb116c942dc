import { Tags, Token } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as sagemaker from 'aws-cdk-lib/aws-sagemaker';
import type { Construct } from 'constructs';
import { throwProblems } from '../core/errors';
import type { FleetServerMetrics } from '../scaling';
import { acknowledgeVolumeEncryption } from '../runtime/acknowledge';
import { resolveCapacity, type ResolvedCapacity } from './capacity-ladder';
import { DEFAULT_MAX_CONCURRENCY_PER_INSTANCE, MAX_CONCURRENCY_TAG } from './contract';
import {
  checkEndpoint,
  checkPools,
  checkQuotaOfStart,
  checkShadow,
  checkWeight,
  type ShadowDeclaration,
} from './endpoint-checks';
import { DEFAULT_VARIANT_NAME, tagValue, uniqueName } from './endpoint-names';
import { EndpointVariants } from './endpoint-variants';
import { encryptionGrants, executionPolicy, type ExecutionGrant } from './execution-policy';
import { RoutingStrategy, type DataCaptureProps, type GpuEndpointProps } from './gpu-endpoint-props';
import { modelContainer } from './model-container';
import { checkRegions, checkServer } from './model-server-checks';
import { checkNetwork, vpcConfigOf } from './network';
import { poolsOf, prefixOf, productionVariant, startOf, variantTiming } from './production-variant';
import { metricsConfigOf, ofVariant, serverMetricsOf, type MetricsCollection } from './metrics-collection';
import { RollbackAlarms, rollbackPolicy } from './rollback-alarms';
import { deploymentConfig, rolloutOf } from './rollout';
import { spread } from './tensor-parallel';

/** What the kind of endpoint adds. */
export interface InstanceEndpointKind {
  /** Where requests wait in a queue before the instances and answers go; left out for endpoints that answer at once. */
  readonly asyncInferenceConfig?: sagemaker.CfnEndpointConfig.AsyncInferenceConfigProperty;
  /** What the execution role needs for it. */
  readonly grants?: readonly ExecutionGrant[];
  /** Problems that the kind has found in its own properties. */
  readonly problems?: readonly string[];
}

/** An endpoint whose variant has a model and instances of its own, declared. */
export interface InstanceEndpoint {
  readonly endpoint: sagemaker.CfnEndpoint;
  readonly endpointConfigName: string;
  readonly executionRole: iam.IRole;
  readonly rollbackAlarms: cloudwatch.Alarm[];
  readonly variantName: string;
  readonly instanceTypes: string[];
  readonly capacity: ResolvedCapacity;
  readonly maxConcurrencyPerInstance: number;
  readonly initialCapacity: number;
  /** What the variant's model server publishes itself. */
  readonly serverMetrics: FleetServerMetrics;
  /** Takes further variants. */
  readonly variants: EndpointVariants;
}

/**
 * Declares model, configuration, endpoint, role and rollback alarms: what real-time and asynchronous endpoints have in common.
 *
 * @throws InputError with every problem of the properties
 */
export function declareInstanceEndpoint(
  scope: Construct,
  props: GpuEndpointProps,
  kind: InstanceEndpointKind = {},
): InstanceEndpoint {
  const rollout = rolloutOf(props.rollout);
  const variantName = props.variantName ?? DEFAULT_VARIANT_NAME;
  const capacity = resolveCapacity(props);
  const { instanceTypes } = capacity;
  const maxConcurrencyPerInstance = props.maxConcurrencyPerInstance ?? DEFAULT_MAX_CONCURRENCY_PER_INSTANCE;
  const initialCapacity = props.initialInstanceCount ?? 1;
  const timing = variantTiming({ ...props, provisionTimeout: capacity.provisionTimeout });
  const routing = props.routing ?? RoutingStrategy.LEAST_OUTSTANDING_REQUESTS;
  const prefix = prefixOf(props.prefixAwareRouting, maxConcurrencyPerInstance);
  const metricsFrequencySeconds = props.metricsFrequency?.toSeconds({ integral: false }) ?? 10;
  const collection: MetricsCollection = {
    detailedObservability: props.detailedObservability ?? false,
    frequencySeconds: metricsFrequencySeconds,
  };
  const { server, problems: spreadProblems } = spread(props.modelServer.bind(scope), instanceTypes);
  const artifact = props.modelArtifact?.bind(scope);
  const shadow = shadowOf(props, instanceTypes, variantName);
  const shadowSpread =
    shadow === undefined ? undefined : spread(props.shadow!.modelServer.bind(scope), shadow.instanceTypes);
  const shadowServer = shadowSpread?.server;
  const shadowArtifact = props.shadow?.modelArtifact?.bind(scope);
  throwProblems(scope.node.path, [
    ...capacity.problems,
    ...checkEndpoint({
      ...(props.endpointName === undefined || Token.isUnresolved(props.endpointName)
        ? {}
        : { endpointName: props.endpointName }),
      ...(Token.isUnresolved(variantName) ? {} : { variantName }),
      instanceTypes,
      initialInstanceCount: initialCapacity,
      maxConcurrencyPerInstance,
      ...timing,
      metricsFrequencySeconds,
      rollout,
      inferenceAmi: server.inferenceAmi,
      hasEncryptionKey: props.encryptionKey !== undefined,
      volumeSizeGb: props.volumeSizeGb,
      prefixAwareRouting:
        props.prefixAwareRouting === undefined && routing !== RoutingStrategy.PREFIX_AWARE ? undefined : prefix,
      isPrefixAware: routing === RoutingStrategy.PREFIX_AWARE,
      hasCapacityReservation: capacity.reservationArn !== undefined,
      samplingPercent: props.dataCapture?.samplingPercent,
    }),
    ...checkNetwork(props),
    ...spreadProblems,
    ...checkServer(server, instanceTypes, props.networkIsolation ?? true, props.modelArtifact),
    ...checkRegions(scope, server, artifact),
    ...(shadow === undefined || shadowSpread === undefined
      ? []
      : [
          ...checkShadow(shadow, variantName),
          ...[
            ...checkPools({
              instanceTypes: shadow.instanceTypes,
              inferenceAmi: shadowSpread.server.inferenceAmi,
              hasEncryptionKey: props.encryptionKey !== undefined,
              volumeSizeGb: props.volumeSizeGb,
              hasCapacityReservation: false,
            }),
            ...shadowSpread.problems,
            ...checkServer(
              shadowSpread.server,
              shadow.instanceTypes,
              props.networkIsolation ?? true,
              props.shadow?.modelArtifact,
            ),
            ...checkRegions(scope, shadowSpread.server, shadowArtifact),
          ].map((problem) => `shadow: ${problem}`),
        ]),
    ...checkQuotaOfStart(initialCapacity, capacity.quota),
    ...checkWeight('variantWeight', props.variantWeight),
    ...(kind.problems ?? []),
  ]);

  // The alarms name the endpoint and must exist before it: its name has to be known before it is made.
  const endpointName = props.endpointName ?? uniqueName(scope);
  const logGroupName = `/aws/sagemaker/Endpoints/${endpointName}`;
  const executionRole =
    props.executionRole ??
    new iam.Role(scope, 'ExecutionRole', {
      assumedBy: new iam.ServicePrincipal('sagemaker.amazonaws.com'),
      description: `Runs the model of endpoint ${endpointName}`,
    });
  const permissions = executionPolicy(scope, {
    role: executionRole,
    logGroupName,
    repositoryArns: [server, shadowServer].flatMap((one) => (one === undefined ? [] : [one.repositoryArn])),
    artifacts: [artifact, shadowArtifact].filter((one) => one !== undefined),
    encryptionKey: props.encryptionKey,
    inVpc: props.vpc !== undefined,
    grants: [...(kind.grants ?? []), ...captureGrants(props.dataCapture)],
  });
  const vpcConfig = vpcConfigOf(scope, props);
  const model = (id: string, container: sagemaker.CfnModel.ContainerDefinitionProperty): sagemaker.CfnModel => {
    const made = new sagemaker.CfnModel(scope, id, {
      executionRoleArn: executionRole.roleArn,
      enableNetworkIsolation: props.networkIsolation ?? true,
      primaryContainer: container,
      vpcConfig,
    });
    made.node.addDependency(permissions);
    return made;
  };
  const weight = props.variantWeight ?? 1;
  const config = new sagemaker.CfnEndpointConfig(scope, 'Config', {
    productionVariants: [
      productionVariant({
        variantName,
        modelName: model('Model', modelContainer(server, artifact)).attrModelName,
        initialInstanceCount: initialCapacity,
        weight,
        instanceTypes,
        timing,
        routing,
        prefix,
        inferenceAmi: server.inferenceAmi,
        volumeSizeGb: props.volumeSizeGb,
        capacityReservationArn: capacity.reservationArn,
      }),
    ],
    ...(shadow === undefined || shadowServer === undefined
      ? {}
      : {
          shadowProductionVariants: [
            {
              variantName: shadow.variantName,
              modelName: model('ShadowModel', modelContainer(shadowServer, shadowArtifact)).attrModelName,
              initialInstanceCount: shadow.initialInstanceCount,
              // Copies are counted against the requests of the variant, whatever its weight is.
              initialVariantWeight: (weight * shadow.trafficPercent) / 100,
              ...startOf(timing, props.volumeSizeGb),
              instancePools: poolsOf(shadow.instanceTypes),
              inferenceAmiVersion: shadowServer.inferenceAmi,
            },
          ],
        }),
    metricsConfig: metricsConfigOf(collection),
    asyncInferenceConfig: kind.asyncInferenceConfig,
    dataCaptureConfig: captureConfig(props.dataCapture),
    kmsKeyId: props.encryptionKey?.keyArn,
  });
  if (props.encryptionKey === undefined) {
    acknowledgeVolumeEncryption(
      config,
      'types with local NVMe disks, which the hardware encrypts, refuse a key, and `encryptionKey` sets one for the others.',
    );
  }
  Tags.of(config).add(MAX_CONCURRENCY_TAG, tagValue(maxConcurrencyPerInstance));

  const own = new RollbackAlarms(scope, {
    endpointName,
    variantName,
    endpointConfigName: config.attrEndpointConfigName,
    maxErrorRate: rollout.maxErrorRate,
    maxModelLatency: rollout.maxModelLatency,
    isAsync: kind.asyncInferenceConfig !== undefined,
  });
  const alarms = [...own.alarms, ...rollout.alarms];
  const endpoint = new sagemaker.CfnEndpoint(scope, 'Endpoint', {
    endpointName,
    endpointConfigName: config.attrEndpointConfigName,
    retainAllVariantProperties: true,
    deploymentConfig: deploymentConfig(rollout, alarms),
  });
  endpoint.node.addDependency(rollbackPolicy(scope, executionRole, alarms));
  const variants = new EndpointVariants({
    scope,
    props,
    config,
    endpoint,
    rollbackAlarms: own,
    logGroupName,
    executionRole,
    vpcConfig,
    timing,
    routing,
    collection,
    first: { variantName, weight, instanceTypes, maxConcurrencyPerInstance },
  });
  return {
    endpoint,
    endpointConfigName: config.attrEndpointConfigName,
    executionRole,
    rollbackAlarms: own.alarms,
    variantName,
    instanceTypes,
    capacity,
    maxConcurrencyPerInstance,
    initialCapacity,
    serverMetrics: serverMetricsOf(ofVariant(endpoint.attrEndpointName, variantName), server, collection),
    variants,
  };
}

function shadowOf(
  { shadow }: GpuEndpointProps,
  instanceTypes: readonly string[],
  variantName: string,
): ShadowDeclaration | undefined {
  if (shadow === undefined) return undefined;
  return {
    variantName: shadow.variantName ?? `${variantName === 'shadow' ? 'second-' : ''}shadow`,
    instanceTypes: shadow.pools?.map((pool) => pool.instanceType) ?? instanceTypes,
    initialInstanceCount: shadow.initialInstanceCount ?? 1,
    trafficPercent: shadow.trafficPercent ?? 100,
  };
}

const CAPTURE_PREFIX = 'data-capture/';

function captureConfig(
  capture: DataCaptureProps | undefined,
): sagemaker.CfnEndpointConfig.DataCaptureConfigProperty | undefined {
  if (capture === undefined) return undefined;
  return {
    enableCapture: true,
    destinationS3Uri: capture.bucket.s3UrlForObject(capture.prefix ?? CAPTURE_PREFIX),
    initialSamplingPercentage: capture.samplingPercent,
    captureOptions: [
      ...((capture.captureInput ?? true) ? [{ captureMode: 'Input' }] : []),
      ...((capture.captureOutput ?? true) ? [{ captureMode: 'Output' }] : []),
    ],
    captureContentTypeHeader: { jsonContentTypes: ['application/json'], csvContentTypes: ['text/csv'] },
  };
}

function captureGrants(capture: DataCaptureProps | undefined): ExecutionGrant[] {
  if (capture === undefined) return [];
  const prefix = capture.prefix ?? CAPTURE_PREFIX;
  return [
    {
      actions: ['s3:PutObject'],
      resources: [capture.bucket.arnForObjects(`${prefix}${prefix.endsWith('/') ? '' : '/'}*`)],
      wildcardReason: 'SageMaker names the files of captured data itself, below this prefix only.',
    },
    ...encryptionGrants(capture.bucket.encryptionKey),
  ];
}
