import { App, Duration, Size, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { AsyncEndpoint, GpuEndpoint, ModelServer, SharedGpuEndpoint, type GpuEndpointProps } from '../../lib/inference';
import { prove } from '../../lib/proof/prove';
import { ServerSignal, type FleetScaling } from '../../lib/scaling';
import { fleetsOfTemplates } from '../../lib/simulation/blueprint';

const env = { account: '123456789012', region: 'us-east-1' };
const pools = [{ instanceType: 'ml.g6e.xlarge' }, { instanceType: 'ml.g6e.2xlarge' }];
const newStack = (): Stack => new Stack(new App(), 'Test', { env });

function chatScalingIn(stack: Stack, props: Partial<GpuEndpointProps> = {}): FleetScaling {
  const endpoint = new GpuEndpoint(stack, 'Chat', {
    modelServer: ModelServer.vllm(),
    capacity: { pools },
    observability: { detailed: true },
    ...props,
  });
  return endpoint.autoScale({ minCapacity: 1, maxCapacity: 8 });
}

describe('scaling on what the model server publishes', () => {
  test('adds above one value and removes below another, each by a PromQL alarm of its own', () => {
    const stack = newStack();
    const policy = chatScalingIn(stack).scaleOnServerSignal('kv-cache', {
      signal: ServerSignal.kvCacheUse(),
      addAbove: 0.8,
      removeBelow: 0.3,
      replicas: 2,
      removeAfter: Duration.minutes(20),
    });
    expect(policy.removeAlarm).toBeDefined();
    const template = Template.fromStack(stack);
    const name = { 'Fn::GetAtt': [Match.stringLikeRegexp('ChatEndpoint'), 'EndpointName'] };
    const queryOf = (condition: string): object => ({
      'Fn::Join': [
        '',
        [
          'avg({"vllm:kv_cache_usage_perc", "aws.sagemaker.endpoint.name"="',
          name,
          `", "aws.sagemaker.variant.name"="main"}) ${condition}`,
        ],
      ],
    });
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      EvaluationCriteria: { PromQLCriteria: { Query: queryOf('> 0.8'), PendingPeriod: 60 } },
      EvaluationInterval: 60,
      AlarmActions: [{ Ref: Match.stringLikeRegexp('kvcacheAdd') }],
    });
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      EvaluationCriteria: { PromQLCriteria: { Query: queryOf('< 0.3'), PendingPeriod: 1200 } },
      AlarmActions: [{ Ref: Match.stringLikeRegexp('kvcacheRemove') }],
    });
    template.hasResourceProperties('AWS::ApplicationAutoScaling::ScalingPolicy', {
      PolicyName: 'kv-cache-add',
      StepScalingPolicyConfiguration: {
        AdjustmentType: 'ChangeInCapacity',
        Cooldown: 300,
        // Whatever value the alarm hands over, one of the two steps applies.
        StepAdjustments: [
          { MetricIntervalUpperBound: 0, ScalingAdjustment: 2 },
          { MetricIntervalLowerBound: 0, ScalingAdjustment: 2 },
        ],
      },
    });
    template.hasResourceProperties('AWS::ApplicationAutoScaling::ScalingPolicy', {
      PolicyName: 'kv-cache-remove',
      StepScalingPolicyConfiguration: Match.objectLike({
        StepAdjustments: [
          { MetricIntervalUpperBound: 0, ScalingAdjustment: -2 },
          { MetricIntervalLowerBound: 0, ScalingAdjustment: -2 },
        ],
      }),
    });
  });

  test('follows the growth of counters, over at least four collections', () => {
    const query = (frequencySeconds: number): string =>
      ServerSignal.generatedTokensPerSecond()._query({ 'aws.sagemaker.endpoint.name': 'chat' }, frequencySeconds);
    expect(query(10)).toBe('avg(rate({"vllm:generation_tokens_total", "aws.sagemaker.endpoint.name"="chat"}[60s]))');
    expect(query(60)).toContain('[240s]');
  });

  test('selects the copies of one component', () => {
    const stack = newStack();
    const shared = new SharedGpuEndpoint(stack, 'Shared', {
      capacity: { pools },
      maxInstances: 2,
      inferenceAmi: 'al2023-ami-sagemaker-inference-gpu-4-1',
      observability: { detailed: true },
    });
    const chat = shared.addModel('Chat', {
      modelServer: ModelServer.vllm(),
      memory: Size.gibibytes(8),
      componentName: 'chat',
    });
    const chatScaling = chat.autoScale({ minCapacity: 1, maxCapacity: 4 });
    chatScaling.scaleOnServerSignal('waiting', { signal: ServerSignal.waitingRequests(), addAbove: 4 });
    expect(JSON.stringify(Template.fromStack(stack).findResources('AWS::CloudWatch::Alarm'))).toContain(
      String.raw`\"aws.sagemaker.inference_component.name\"=\"chat\"}) > 4`,
    );
  });

  test('is refused where the numbers do not arrive, with the reason', () => {
    const kvCache = { signal: ServerSignal.kvCacheUse(), addAbove: 0.8 };
    expect(() =>
      chatScalingIn(newStack(), { observability: { detailed: false } }).scaleOnServerSignal('kv', kvCache),
    ).toThrow(
      'vllm:kv_cache_usage_perc is not available: observability.detailed of the endpoint is off; set it to true',
    );
    expect(() =>
      chatScalingIn(newStack(), { modelServer: ModelServer.triton() }).scaleOnServerSignal('kv', kvCache),
    ).toThrow('it publishes them on port 8002 (/metrics), and SageMaker collects from port 8080 only');
    expect(() =>
      chatScalingIn(newStack()).scaleOnServerSignal('kv', {
        signal: ServerSignal.gauge('vllm:kv_cache_use'),
        addAbove: 0.8,
      }),
    ).toThrow(/publishes no vllm:kv_cache_use; nearest known: vllm:kv_cache_usage_perc/);
    const films = new AsyncEndpoint(newStack(), 'Films', { modelServer: ModelServer.vllm(), capacity: { pools } });
    const filmsScaling = films.autoScale({ minCapacity: 0, maxCapacity: 2 });
    expect(() => filmsScaling.scaleOnServerSignal('kv', kvCache)).toThrow(
      'real-time endpoints and inference components only',
    );
  });

  test('is refused with bounds that swing, and steps that are none', () => {
    const on =
      (props: object): (() => unknown) =>
      () =>
        chatScalingIn(newStack()).scaleOnServerSignal('kv', {
          signal: ServerSignal.kvCacheUse(),
          addAbove: 0.8,
          ...props,
        });
    expect(on({ removeBelow: 0.8 })).toThrow('removeBelow (0.8) must be below addAbove (0.8)');
    expect(on({ replicas: 0 })).toThrow('replicas (0) must be a whole number, 1 or more');
    expect(on({ evaluationInterval: Duration.seconds(5) })).toThrow('evaluationInterval (5 s)');
    expect(on({ addAbove: Number.NaN })).toThrow('addAbove (NaN) must be a number');
  });

  test('takes any name of servers that the catalog does not know, and of endpoints made elsewhere', () => {
    const stack = newStack();
    const image = ModelServer.image('123456789012.dkr.ecr.us-east-1.amazonaws.com/chat:1');
    const signal = ServerSignal.gauge('queue_depth');
    chatScalingIn(stack, { modelServer: image }).scaleOnServerSignal('queue', { signal, addAbove: 3 });
    const imported = GpuEndpoint.fromEndpointName(stack, 'Imported', 'chat', 'main');
    const importedScaling = imported.autoScale({ minCapacity: 1, maxCapacity: 2 });
    importedScaling.scaleOnServerSignal('queue', { signal, addAbove: 3 });
    Template.fromStack(stack).resourceCountIs('AWS::ApplicationAutoScaling::ScalingPolicy', 2);
  });

  test('is accused of nothing, and a rehearsal says that it cannot play it', () => {
    const stack = newStack();
    const chatScaling = chatScalingIn(stack);
    chatScaling.scaleOnConcurrency('concurrency');
    chatScaling.scaleOnServerSignal('kv-cache', { signal: ServerSignal.kvCacheUse(), addAbove: 0.8, removeBelow: 0.3 });
    const document: unknown = Template.fromStack(stack).toJSON();
    expect(prove([{ name: 'chat.json', document }])).toEqual([]);
    const [fleet] = fleetsOfTemplates([{ name: 'chat.json', document }]).fleets;
    expect(fleet!.notes.join('\n')).toMatch(
      /PromQL .* which a rehearsal does not have: step policy kv-cache-add never/,
    );
  });
});
