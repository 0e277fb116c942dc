import {
  CloudWatchClient,
  DeleteAlarmsCommand,
  DescribeAlarmsCommand,
  GetMetricDataCommand,
  PutMetricAlarmCommand,
  type MetricAlarm,
  type PutMetricAlarmCommandInput,
} from '@aws-sdk/client-cloudwatch';
import {
  CreateEndpointConfigCommand,
  CreateModelCommand,
  DescribeEndpointCommand,
  DescribeEndpointConfigCommand,
  DescribeModelCommand,
  ListTagsCommand,
  SageMakerClient,
  UpdateEndpointCommand,
  type CreateEndpointConfigCommandInput,
  type CreateModelCommandInput,
  type DescribeEndpointConfigCommandOutput,
  type DescribeModelCommandOutput,
  type Tag,
  type UpdateEndpointCommandInput,
} from '@aws-sdk/client-sagemaker';
import { SAGEMAKER_NAMESPACE } from '../../lib/catalog/hosting-metrics';
import { RetryableError } from '../../lib/core/errors';
import type { EpochSeconds } from '../../lib/core/time';
import type { ObservedEndpoint } from '../../lib/rollout/decide/deployment';
import type { VariantLoad } from '../../lib/rollout/decide/shadow';
import { awsClient } from './aws-client';

export type { MetricAlarm, PutMetricAlarmCommandInput } from '@aws-sdk/client-cloudwatch';
export type {
  CreateEndpointConfigCommandInput,
  CreateModelCommandInput,
  DeploymentConfig,
  DescribeEndpointConfigCommandOutput,
  DescribeModelCommandOutput,
  ProductionVariant,
  Tag,
} from '@aws-sdk/client-sagemaker';

/** Client of an endpoint's models and configurations, and of the alarms that watch their deployment. */
export interface EndpointDeployments {
  endpoint(name: string): Promise<ObservedEndpoint>;
  config(
    name: string,
  ): Promise<{ readonly config: DescribeEndpointConfigCommandOutput; readonly tags: readonly Tag[] }>;
  model(name: string): Promise<DescribeModelCommandOutput>;
  /** Creates a model, unless there is one with its name. */
  createModel(model: CreateModelCommandInput): Promise<void>;
  /** Creates a configuration, unless there is one with its name. */
  createConfig(config: CreateEndpointConfigCommandInput): Promise<void>;
  /**
   * Begins an update.
   *
   * @throws RetryableError while another change of the endpoint is in progress
   */
  updateEndpoint(update: UpdateEndpointCommandInput): Promise<void>;
  alarms(names: readonly string[]): Promise<readonly MetricAlarm[]>;
  /** Returns the first hundred alarms whose names begin with a text. */
  alarmsBeginningWith(prefix: string): Promise<readonly MetricAlarm[]>;
  putAlarm(alarm: PutMetricAlarmCommandInput): Promise<void>;
  /** Deletes alarms; those that are gone already are no error. */
  deleteAlarms(names: readonly string[]): Promise<void>;
  /** Returns the load of a variant between two moments. */
  load(endpointName: string, variantName: string, from: EpochSeconds, to: EpochSeconds): Promise<VariantLoad>;
}

/** {@link EndpointDeployments} of SageMaker and CloudWatch. */
export function createEndpointDeployments(
  sagemaker = awsClient(SageMakerClient),
  cloudWatch = awsClient(CloudWatchClient),
): EndpointDeployments {
  return {
    async endpoint(name) {
      const found = await sagemaker.send(new DescribeEndpointCommand({ EndpointName: name }));
      return {
        status: found.EndpointStatus ?? '',
        configName: found.EndpointConfigName ?? '',
        failureReason: found.FailureReason,
      };
    },

    async config(name) {
      const config = await sagemaker.send(new DescribeEndpointConfigCommand({ EndpointConfigName: name }));
      const { Tags = [] } = await sagemaker.send(new ListTagsCommand({ ResourceArn: config.EndpointConfigArn }));
      return { config, tags: Tags };
    },

    model: (name) => sagemaker.send(new DescribeModelCommand({ ModelName: name })),

    async createModel(model) {
      await unlessExisting(() => sagemaker.send(new CreateModelCommand(model)));
    },

    async createConfig(config) {
      await unlessExisting(() => sagemaker.send(new CreateEndpointConfigCommand(config)));
    },

    async updateEndpoint(update) {
      try {
        await sagemaker.send(new UpdateEndpointCommand(update));
      } catch (error) {
        const { message } = error as Error;
        if (/in-progress|InProgress|Cannot update/.test(message)) {
          throw new RetryableError(`endpoint ${update.EndpointName} is changing already: ${message}`, { cause: error });
        }
        throw error;
      }
    },

    async alarms(names) {
      if (names.length === 0) return [];
      const { MetricAlarms = [] } = await cloudWatch.send(new DescribeAlarmsCommand({ AlarmNames: [...names] }));
      return MetricAlarms;
    },

    async alarmsBeginningWith(prefix) {
      const { MetricAlarms = [] } = await cloudWatch.send(new DescribeAlarmsCommand({ AlarmNamePrefix: prefix }));
      return MetricAlarms;
    },

    async putAlarm(alarm) {
      await cloudWatch.send(new PutMetricAlarmCommand(alarm));
    },

    async deleteAlarms(names) {
      if (names.length === 0) return;
      try {
        await cloudWatch.send(new DeleteAlarmsCommand({ AlarmNames: [...names] }));
      } catch (error) {
        if ((error as Error).name !== 'ResourceNotFound') throw error;
      }
    },

    async load(endpointName, variantName, from, to) {
      const metric = (Id: string, MetricName: string, Stat: string) => ({
        Id,
        MetricStat: {
          Metric: {
            Namespace: SAGEMAKER_NAMESPACE,
            MetricName,
            Dimensions: [
              { Name: 'EndpointName', Value: endpointName },
              { Name: 'VariantName', Value: variantName },
            ],
          },
          Period: 60,
          Stat,
        },
      });
      const { MetricDataResults = [] } = await cloudWatch.send(
        new GetMetricDataCommand({
          StartTime: new Date(from * 1000),
          EndTime: new Date(to * 1000),
          MetricDataQueries: [
            metric('requests', 'Invocations', 'Sum'),
            metric('errors', 'Invocation5XXErrors', 'Sum'),
            metric('latency', 'ModelLatency', 'Sum'),
            metric('responses', 'ModelLatency', 'SampleCount'),
          ],
        }),
      );
      const sumOf = (id: string): number =>
        (MetricDataResults.find((result) => result.Id === id)?.Values ?? []).reduce((sum, value) => sum + value, 0);
      const responses = sumOf('responses');
      return {
        requests: sumOf('requests'),
        serverErrors: sumOf('errors'),
        // ModelLatency is in microseconds.
        meanLatencySeconds: responses === 0 ? undefined : sumOf('latency') / responses / 1e6,
      };
    },
  };
}

async function unlessExisting(create: () => Promise<unknown>): Promise<void> {
  try {
    await create();
  } catch (error) {
    if (!/already existing/i.test((error as Error).message)) throw error;
  }
}
