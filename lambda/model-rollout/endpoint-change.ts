import { PermanentError } from '../../lib/core/errors';
import { HOSTED_BY_TAG, MAX_CONCURRENCY_TAG } from '../../lib/inference/contract';
import { isFolder, SHADOW_OF_TAG } from '../../lib/rollout/contract';
import type {
  CreateEndpointConfigCommandInput,
  CreateModelCommandInput,
  DescribeEndpointConfigCommandOutput,
  DescribeModelCommandOutput,
  MetricAlarm,
  ProductionVariant,
  PutMetricAlarmCommandInput,
  Tag,
} from '../clients/endpoint-deployments';

/** Returns a model like another one, with another artifact: an archive, or a folder of files. */
export function modelLike(
  described: DescribeModelCommandOutput,
  name: string,
  modelDataUrl: string,
  tags: readonly Tag[],
): CreateModelCommandInput {
  const { PrimaryContainer: container, ExecutionRoleArn, VpcConfig, EnableNetworkIsolation, ModelName } = described;
  if (container === undefined) {
    throw new PermanentError(`the model ${ModelName} has several containers, and a version of the registry one`);
  }
  const { ModelDataUrl: _former, ModelDataSource: _formerToo, ...kept } = container;
  return {
    ModelName: name,
    ExecutionRoleArn,
    VpcConfig,
    EnableNetworkIsolation,
    PrimaryContainer: {
      ...kept,
      ModelDataSource: {
        S3DataSource: {
          S3Uri: modelDataUrl,
          ...(isFolder(modelDataUrl)
            ? { S3DataType: 'S3Prefix', CompressionType: 'None' }
            : { S3DataType: 'S3Object', CompressionType: 'Gzip' }),
        },
      },
    },
    Tags: [...tags],
  };
}

/** Variant of a configuration. */
export function variantOf(config: DescribeEndpointConfigCommandOutput, variantName: string): ProductionVariant {
  const found = config.ProductionVariants?.find(({ VariantName }) => VariantName === variantName);
  if (found === undefined) {
    throw new PermanentError(`the configuration ${config.EndpointConfigName} has no variant ${variantName}`);
  }
  return found;
}

/** Returns a configuration like another one, with changed variants and another concurrency. */
export function configLike(
  described: DescribeEndpointConfigCommandOutput,
  tags: readonly Tag[],
  change: {
    readonly name: string;
    readonly hostedBy: string;
    readonly maxConcurrencyPerInstance: number;
    readonly variants: readonly ProductionVariant[];
    readonly shadows?: readonly ProductionVariant[];
    /** Configuration to return to without the shadows. */
    readonly shadowOf?: string;
  },
): CreateEndpointConfigCommandInput {
  const {
    EndpointConfigName: _name,
    EndpointConfigArn: _arn,
    CreationTime: _created,
    $metadata: _metadata,
    EnableNetworkIsolation,
    ...kept
  } = described;
  const set: { readonly [key: string]: string } = {
    [HOSTED_BY_TAG]: change.hostedBy,
    [MAX_CONCURRENCY_TAG]: String(change.maxConcurrencyPerInstance),
    ...(change.shadowOf !== undefined && { [SHADOW_OF_TAG]: change.shadowOf }),
  };
  return {
    ...kept,
    // Only variants without models take it, and false is its default.
    ...(EnableNetworkIsolation === true && { EnableNetworkIsolation }),
    EndpointConfigName: change.name,
    ProductionVariants: [...change.variants],
    ...(change.shadows !== undefined && { ShadowProductionVariants: [...change.shadows] }),
    Tags: [
      ...tags.filter(({ Key = '' }) => !Key.startsWith('aws:') && !Object.hasOwn(set, Key)),
      ...Object.entries(set).map(([Key, Value]) => ({ Key, Value })),
    ],
  };
}

const CONFIG_DIMENSION = 'EndpointConfigName';

type Dimensions = MetricAlarm['Dimensions'];

const hasConfig = (dimensions: Dimensions): boolean =>
  dimensions?.some(({ Name }) => Name === CONFIG_DIMENSION) ?? false;

/** True for an alarm that watches the instances of one configuration alone. */
export function watchesConfig({ Dimensions: dimensions, Metrics }: MetricAlarm): boolean {
  return (
    hasConfig(dimensions) || (Metrics?.some(({ MetricStat }) => hasConfig(MetricStat?.Metric?.Dimensions)) ?? false)
  );
}

/** Returns an alarm like another one that watches the instances of another configuration. */
export function alarmLike(alarm: MetricAlarm, name: string, configName: string): PutMetricAlarmCommandInput {
  const moved = (dimensions: Dimensions): Dimensions =>
    dimensions?.map((one) => (one.Name === CONFIG_DIMENSION ? { ...one, Value: configName } : one));
  const metrics = alarm.Metrics?.length
    ? alarm.Metrics.map((query) =>
        query.MetricStat?.Metric === undefined
          ? query
          : {
              ...query,
              MetricStat: {
                ...query.MetricStat,
                Metric: { ...query.MetricStat.Metric, Dimensions: moved(query.MetricStat.Metric.Dimensions) },
              },
            },
      )
    : undefined;
  return {
    AlarmName: name,
    AlarmDescription: alarm.AlarmDescription,
    ActionsEnabled: false,
    ComparisonOperator: alarm.ComparisonOperator,
    EvaluationPeriods: alarm.EvaluationPeriods,
    DatapointsToAlarm: alarm.DatapointsToAlarm,
    Threshold: alarm.Threshold,
    TreatMissingData: alarm.TreatMissingData,
    ...(metrics === undefined
      ? {
          Namespace: alarm.Namespace,
          MetricName: alarm.MetricName,
          Dimensions: moved(alarm.Dimensions),
          Statistic: alarm.Statistic,
          ExtendedStatistic: alarm.ExtendedStatistic,
          Period: alarm.Period,
          Unit: alarm.Unit,
        }
      : { Metrics: metrics }),
  };
}
