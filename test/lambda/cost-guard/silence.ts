import { ApplicationAutoScalingClient } from '@aws-sdk/client-application-auto-scaling';
import { SageMakerClient } from '@aws-sdk/client-sagemaker';
import { SFNClient } from '@aws-sdk/client-sfn';
import { SSMClient } from '@aws-sdk/client-ssm';
import { awsClient } from '../../../lambda/clients/aws-client';
import { createEndpointStates } from '../../../lambda/clients/endpoint-state';
import { createMeteredExecutions } from '../../../lambda/clients/metered-executions';
import { createParameters } from '../../../lambda/clients/parameters';
import { createScalableTargets } from '../../../lambda/clients/scalable-target';
import { createTrainingJobsClient } from '../../../lambda/clients/training-jobs';
import { createHandler } from '../../../lambda/cost-guard/handler';
import { guardPlan } from '../../../lib/cost/contract';
import { decideGuardLevel } from '../../../lib/cost/decide';
import { startSilentAws, type AwsRequest } from '../../support/silent-aws';
import { configuration, NOVEMBER } from './fakes';

/** Half of the function's timeout. */
const IN_TIME_MS = 25_000;

const capacity = { currentByType: {}, currentCapacity: 4, desiredCapacity: 4 };

/** Memory of an evaluation an hour earlier: eight instances at 3 USD/h have since cost 24 USD. */
const { memory } = decideGuardLevel(
  guardPlan(configuration),
  {
    atSeconds: NOVEMBER,
    budget: { amountUsd: 10, periodStart: null, periodEnd: null },
    budgetRefusal: null,
    trainingJobs: [],
    fleets: configuration.fleets.map(({ resourceId }) => ({ resourceId, capacity, limits: { kind: 'unreadable' } })),
  },
  undefined,
);

/** Runs the guard over budget, with fleets a and b, against services that never answer the calls that `isSilent` chooses. */
async function runGuard(isSilent: (request: AwsRequest) => boolean) {
  const aws = await startSilentAws((request) => (isSilent(request) ? undefined : answerOf(request)));
  const published: string[] = [];
  const errors: string[] = [];
  const scaling = awsClient(ApplicationAutoScalingClient, {}, aws.configuration);
  const sagemaker = awsClient(SageMakerClient, {}, aws.configuration);
  const handler = createHandler({
    configuration,
    budgetParameter: '/tidegate/budget',
    parameters: createParameters(awsClient(SSMClient, {}, aws.configuration)),
    endpoints: createEndpointStates(sagemaker),
    targets: createScalableTargets(scaling),
    trainingJobs: createTrainingJobsClient(sagemaker),
    executions: createMeteredExecutions(awsClient(SFNClient, {}, aws.configuration)),
    store: {
      load: () => Promise.resolve({ generation: 1, memory, notices: [] }),
      write: () => Promise.resolve(true),
    },
    metrics: { put: (values) => Promise.resolve(void published.push(...values.map(({ metricName }) => metricName))) },
    notifier: { notify: () => Promise.resolve() },
    clock: { now: () => NOVEMBER + 3600 },
    logger: { info: () => undefined, warn: () => undefined, error: (message) => void errors.push(message) },
  });
  const startedAt = performance.now();
  const run = await handler({}).finally(() => aws.close());
  const milliseconds = performance.now() - startedAt;
  const limited = aws.calls.filter(({ operation }) => operation.endsWith('RegisterScalableTarget'));
  return { run, milliseconds, published, errors, limited: limited.map(({ body }) => body['ResourceId']) };
}

/** Four running instances for each endpoint, and a budget of 10 USD. */
function answerOf({ operation, body }: AwsRequest): object {
  if (operation === 'SageMaker.DescribeEndpoint')
    return {
      EndpointName: body['EndpointName'],
      EndpointStatus: 'InService',
      ProductionVariants: [{ VariantName: 'main', CurrentInstanceCount: 4, DesiredInstanceCount: 4 }],
    };
  if (operation.endsWith('GetParameter')) return { Parameter: { Value: JSON.stringify({ amountUsd: 10 }) } };
  if (operation.endsWith('DescribeScalableTargets')) {
    const [resourceId] = body['ResourceIds'] as string[];
    return { ScalableTargets: [{ ResourceId: resourceId, MinCapacity: 1, MaxCapacity: 8 }] };
  }
  return {};
}

const isAbout = (name: string, { body }: AwsRequest): boolean => JSON.stringify(body).includes(name);

const [a, b] = configuration.fleets.map(({ resourceId }) => resourceId) as [string, string];

test.concurrent.each<[string, (request: AwsRequest) => boolean]>([
  ['an endpoint', (call) => call.operation === 'SageMaker.DescribeEndpoint' && isAbout('"a"', call)],
  ['the limits of a fleet', (call) => call.operation.endsWith('DescribeScalableTargets') && isAbout(a, call)],
  ['the limiting of a fleet', (call) => call.operation.endsWith('RegisterScalableTarget') && isAbout(a, call)],
  ['the list of training jobs', (call) => call.operation === 'SageMaker.ListTrainingJobs'],
])(
  'the cost guard limits the other fleet in time when a service accepts calls and never answers: %s',
  async (_, isSilent) => {
    const { run, milliseconds, limited, published } = await runGuard(isSilent);
    expect(milliseconds).toBeLessThan(IN_TIME_MS);
    expect(run.decision.level).toBe('shrink');
    expect(limited).toContain(b);
    expect(published).toContain('GuardProblems');
  },
  60_000,
);
