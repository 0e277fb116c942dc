import {
  CloudWatchClient,
  DeleteAlarmsCommand,
  DescribeAlarmsCommand,
  GetMetricDataCommand,
  PutMetricAlarmCommand,
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
} from '@aws-sdk/client-sagemaker';
import { mockClient } from 'aws-sdk-client-mock';
import { createEndpointDeployments } from '../../../lambda/clients/endpoint-deployments';
import { RetryableError } from '../../../lib/core/errors';

const sagemaker = mockClient(SageMakerClient);
const cloudWatch = mockClient(CloudWatchClient);
const client = createEndpointDeployments(
  new SageMakerClient({ region: 'us-east-1' }),
  new CloudWatchClient({ region: 'us-east-1' }),
);
const named = (name: string, message = name): Error => Object.assign(new Error(message), { name });

beforeEach(() => {
  sagemaker.reset();
  cloudWatch.reset();
});

describe('the client of deployments', () => {
  test('observes an endpoint', async () => {
    sagemaker.on(DescribeEndpointCommand, { EndpointName: 'digits' }).resolves({
      EndpointStatus: 'InService',
      EndpointConfigName: 'config-1',
      FailureReason: 'rolled back',
    });
    expect(await client.endpoint('digits')).toEqual({
      status: 'InService',
      configName: 'config-1',
      failureReason: 'rolled back',
    });
    sagemaker.on(DescribeEndpointCommand).resolves({});
    expect(await client.endpoint('digits')).toEqual({ status: '', configName: '', failureReason: undefined });
  });

  test('reads a configuration with its tags, which are none where SageMaker has none', async () => {
    const config = { EndpointConfigName: 'config-1', EndpointConfigArn: 'arn:config-1' };
    sagemaker.on(DescribeEndpointConfigCommand, { EndpointConfigName: 'config-1' }).resolves(config as never);
    sagemaker.on(ListTagsCommand, { ResourceArn: 'arn:config-1' }).resolves({ Tags: [{ Key: 'a', Value: 'b' }] });
    expect(await client.config('config-1')).toEqual({ config, tags: [{ Key: 'a', Value: 'b' }] });
    sagemaker.on(ListTagsCommand).resolves({});
    expect((await client.config('config-1')).tags).toEqual([]);
  });

  test('reads a model', async () => {
    sagemaker.on(DescribeModelCommand, { ModelName: 'model-1' }).resolves({ ModelName: 'model-1' } as never);
    expect(await client.model('model-1')).toEqual({ ModelName: 'model-1' });
  });

  const exists = 'Cannot create already existing model "arn:model-1".';
  const creations = [
    ['a model', CreateModelCommand, () => client.createModel({ ModelName: 'x' })],
    [
      'a configuration',
      CreateEndpointConfigCommand,
      () => client.createConfig({ EndpointConfigName: 'x', ProductionVariants: [] }),
    ],
  ] as const;
  test.each(creations)('creates %s, and takes the one that a first attempt has made', async (_, command, create) => {
    sagemaker.on(command as never).resolves({});
    await create();
    expect(sagemaker.commandCalls(command as never)).toHaveLength(1);
    sagemaker.on(command as never).rejects(named('ValidationException', exists));
    await expect(create()).resolves.toBeUndefined();
    sagemaker.on(command as never).rejects(named('ValidationException', 'the role is not there'));
    await expect(create()).rejects.toThrow('the role is not there');
  });

  test('begins an update', async () => {
    sagemaker.on(UpdateEndpointCommand).resolves({});
    await client.updateEndpoint({ EndpointName: 'digits', EndpointConfigName: 'config-2' });
    expect(sagemaker.commandCalls(UpdateEndpointCommand)[0]!.args[0].input).toEqual({
      EndpointName: 'digits',
      EndpointConfigName: 'config-2',
    });
  });

  test.each([
    'Cannot update in-progress endpoint "arn:digits".',
    'The endpoint has an update that is InProgress.',
    'Cannot update endpoint while a scaling activity runs.',
  ])('tells an endpoint that is changing from one that refuses: %s', async (message) => {
    sagemaker.on(UpdateEndpointCommand).rejects(named('ValidationException', message));
    const update = client.updateEndpoint({ EndpointName: 'digits', EndpointConfigName: 'config-2' });
    await expect(update).rejects.toMatchObject({
      message: `endpoint digits is changing already: ${message}`,
      cause: { message },
    });
    await expect(update).rejects.toBeInstanceOf(RetryableError);
  });

  test('throws the refusal of an update as it is', async () => {
    sagemaker.on(UpdateEndpointCommand).rejects(named('ValidationException', 'Could not find endpoint configuration'));
    const update = client.updateEndpoint({ EndpointName: 'digits', EndpointConfigName: 'config-2' });
    await expect(update).rejects.toThrow(/^Could not find endpoint configuration$/);
    await expect(update).rejects.not.toBeInstanceOf(RetryableError);
  });

  test('reads alarms by their names, and asks for none without a name, which would be all of the account', async () => {
    cloudWatch
      .on(DescribeAlarmsCommand, { AlarmNames: ['errors'] })
      .resolves({ MetricAlarms: [{ AlarmName: 'errors' }] });
    expect(await client.alarms(['errors'])).toEqual([{ AlarmName: 'errors' }]);
    expect(await client.alarms([])).toEqual([]);
    expect(cloudWatch.calls()).toHaveLength(1);
    cloudWatch.on(DescribeAlarmsCommand).resolves({});
    expect(await client.alarms(['gone'])).toEqual([]);
  });

  test('finds alarms by the beginning of their names', async () => {
    cloudWatch.on(DescribeAlarmsCommand, { AlarmNamePrefix: 'digits--0123-' }).resolves({
      MetricAlarms: [{ AlarmName: 'digits--0123-ab-0' }],
    });
    expect(await client.alarmsBeginningWith('digits--0123-')).toEqual([{ AlarmName: 'digits--0123-ab-0' }]);
    cloudWatch.on(DescribeAlarmsCommand).resolves({});
    expect(await client.alarmsBeginningWith('other-')).toEqual([]);
  });

  test('writes an alarm', async () => {
    cloudWatch.on(PutMetricAlarmCommand).resolves({});
    const alarm = { AlarmName: 'copy', ComparisonOperator: 'GreaterThanThreshold', EvaluationPeriods: 1 } as const;
    await client.putAlarm(alarm);
    expect(cloudWatch.commandCalls(PutMetricAlarmCommand)[0]!.args[0].input).toEqual(alarm);
  });

  test('deletes alarms, also those that are gone already, and makes no call for none', async () => {
    await client.deleteAlarms([]);
    expect(cloudWatch.calls()).toHaveLength(0);
    cloudWatch.on(DeleteAlarmsCommand).rejects(named('ResourceNotFound'));
    await client.deleteAlarms(['a', 'b']);
    expect(cloudWatch.commandCalls(DeleteAlarmsCommand)[0]!.args[0].input).toEqual({ AlarmNames: ['a', 'b'] });
    cloudWatch.on(DeleteAlarmsCommand).rejects(named('AccessDenied'));
    await expect(client.deleteAlarms(['a'])).rejects.toThrow('AccessDenied');
  });
});

describe('the load of a variant', () => {
  test('has the sums over the time, and the mean latency of the responses in seconds', async () => {
    cloudWatch.on(GetMetricDataCommand).resolves({
      MetricDataResults: [
        { Id: 'requests', Values: [60, 40] },
        { Id: 'errors', Values: [1, 2] },
        // 80 responses of 50 ms, in microseconds.
        { Id: 'latency', Values: [3_000_000, 1_000_000] },
        { Id: 'responses', Values: [50, 30] },
      ],
    });
    expect(await client.load('digits', 'main', 1000, 2000)).toEqual({
      requests: 100,
      serverErrors: 3,
      meanLatencySeconds: 0.05,
    });
    const query = (Id: string, MetricName: string, Stat: string) => ({
      Id,
      MetricStat: {
        Metric: {
          Namespace: 'AWS/SageMaker',
          MetricName,
          Dimensions: [
            { Name: 'EndpointName', Value: 'digits' },
            { Name: 'VariantName', Value: 'main' },
          ],
        },
        Period: 60,
        Stat,
      },
    });
    expect(cloudWatch.commandCalls(GetMetricDataCommand)[0]!.args[0].input).toEqual({
      StartTime: new Date(1_000_000),
      EndTime: new Date(2_000_000),
      MetricDataQueries: [
        query('requests', 'Invocations', 'Sum'),
        query('errors', 'Invocation5XXErrors', 'Sum'),
        query('latency', 'ModelLatency', 'Sum'),
        query('responses', 'ModelLatency', 'SampleCount'),
      ],
    });
  });

  test.each([{}, { MetricDataResults: [] }, { MetricDataResults: [{ Id: 'requests' }] }])(
    'without datapoints is none, and has no latency: %j',
    async (reply) => {
      cloudWatch.on(GetMetricDataCommand).resolves(reply);
      expect(await client.load('digits', 'main', 0, 60)).toEqual({
        requests: 0,
        serverErrors: 0,
        meanLatencySeconds: undefined,
      });
    },
  );
});
