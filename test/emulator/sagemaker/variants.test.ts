import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  UpdateEndpointCommand,
  type ProductionVariant,
} from '@aws-sdk/client-sagemaker';
import { InvokeEndpointCommand } from '@aws-sdk/client-sagemaker-runtime';
import { createModel, describeEndpoint, inStatus, EmulatedAccount } from '../../support/emulated-account';

let account: EmulatedAccount;
beforeEach(async () => {
  account = await EmulatedAccount.start();
});
afterEach(() => account.stop());

async function createVariants(name: string, weights: readonly number[]): Promise<void> {
  const variants = weights.map((InitialVariantWeight, index): ProductionVariant => ({
    VariantName: ['main', 'next'][index],
    ModelName: 'model',
    InitialInstanceCount: 1,
    InitialVariantWeight,
    InstancePools: [{ InstanceType: ['ml.g5.xlarge', 'ml.g6.xlarge'][index]! as 'ml.g5.xlarge', Priority: 1 }],
  }));
  await account.sageMaker.send(
    new CreateEndpointConfigCommand({
      EndpointConfigName: name,
      ProductionVariants: variants,
      Tags: [
        { Key: 'tidegate:max-concurrency-per-instance', Value: '8' },
        { Key: 'tidegate:max-concurrency-per-instance:next', Value: '16' },
      ],
    }),
  );
}

async function deploy(weights: readonly number[]): Promise<void> {
  await createModel(account);
  await createVariants('first', weights);
  await account.sageMaker.send(new CreateEndpointCommand({ EndpointName: 'chat', EndpointConfigName: 'first' }));
  await inStatus(account, 'InService');
}

/** Counts the responses by variant, of requests sent one after the other. */
async function answeredBy(count: number, target?: string): Promise<{ [variant: string]: number }> {
  const counts: { [variant: string]: number } = {};
  for (let index = 0; index < count; index++) {
    const request = new InvokeEndpointCommand({
      EndpointName: 'chat',
      ContentType: 'application/json',
      TargetVariant: target,
      Body: JSON.stringify({ id: `r-${index}`, key: 'k', context_tokens: 10, generated_tokens: 1, sent_at: 0 }),
    });
    const reply = await account.finish(account.runtime.send(request));
    const variant = reply.InvokedProductionVariant!;
    counts[variant] = (counts[variant] ?? 0) + 1;
  }
  return counts;
}

test('variants share the requests by weight, unless a request names one', async () => {
  await deploy([3, 1]);
  const counts = await answeredBy(200);
  // Five deviations of a binomial count around 50.
  expect(Math.abs(counts['next']! - 50)).toBeLessThan(5 * Math.sqrt(200 * 0.25 * 0.75));
  expect(counts['main']! + counts['next']!).toBe(200);
  expect(await answeredBy(5, 'next')).toEqual({ next: 5 });
  const [main, next] = account.emulator.snapshot().endpoints[0]!.variants;
  expect([main!.slotsPerInstance, next!.slotsPerInstance]).toEqual([8, 16]);
});

test('a variant with the weight 0 serves only requests that name it', async () => {
  await deploy([1, 0]);
  expect(await answeredBy(30)).toEqual({ main: 30 });
  expect(await answeredBy(3, 'next')).toEqual({ next: 3 });
});

test('an update takes the weights of the template where they are not retained, and its alarm is the worst variant’s', async () => {
  await deploy([1, 0]);
  await createVariants('second', [0, 1]);
  const stat = (variant: string, Id: string): object => ({
    Id,
    ReturnData: false,
    MetricStat: {
      Metric: {
        Namespace: 'AWS/SageMaker',
        MetricName: 'ModelLatency',
        Dimensions: [
          { Name: 'EndpointName', Value: 'chat' },
          { Name: 'VariantName', Value: variant },
        ],
      },
      Period: 60,
      Stat: 'Average',
    },
  });
  account.engine.alarms = [
    {
      AlarmName: 'slow',
      Metrics: [{ Id: 'worst', Expression: 'MAX([v0, v1])' }, stat('main', 'v0'), stat('next', 'v1')] as never,
      EvaluationPeriods: 1,
      Threshold: 1,
      ComparisonOperator: 'GreaterThanThreshold',
      TreatMissingData: 'notBreaching',
    },
  ];
  await account.post('/hooks/alarms-changed', {});
  await account.sageMaker.send(
    new UpdateEndpointCommand({
      EndpointName: 'chat',
      EndpointConfigName: 'second',
      RetainAllVariantProperties: true,
      ExcludeRetainedVariantProperties: [{ VariantPropertyType: 'DesiredWeight' }],
    }),
  );
  const updated = await inStatus(account, 'InService');
  expect(updated.ProductionVariants!.map(({ CurrentWeight }) => CurrentWeight)).toEqual([0, 1]);
  expect(await answeredBy(20)).toEqual({ next: 20 });
  await account.until('the alarm of the worst variant goes off', () =>
    account.emulator.snapshot().alarms.some(({ name, state }) => name === 'slow' && state === 'ALARM'),
  );
  expect((await describeEndpoint(account)).EndpointConfigName).toBe('second');
});
