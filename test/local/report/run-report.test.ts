import { assembleReport, type RunFacts, summarise } from '../../../lib/local/report/run-report';

const FACTS: RunFacts = {
  stage: 'local',
  seed: 1,
  speed: 30,
  traffic: 'generated',
  trafficSeconds: 3000,
  requests: { in: 100, answered: 93, deadLettered: 5, queued: 2, retries: 7, spilled: 1 },
  scaling: { out: 2, in: 1, peakInstances: 5, events: [] },
  guard: {
    budgetUsd: null,
    breachAtSecond: null,
    capAtSecond: null,
    levels: [],
    maxInstancesAfterCap: null,
    capInstances: null,
    spentUsd: 1,
  },
  training: { status: 'SUCCEEDED', modelArtifact: 's3://b/model.tar.gz', executionArn: 'arn', cause: null },
  capacity: { errors: [], peakByType: { 'ml.g5.xlarge': 5 } },
  latencySeconds: { p50: 3, p95: 8, p99: 12 },
  costUsd: 1.5,
  deniedCalls: [],
  handlerErrors: {},
  peakMemoryMiB: 700,
  modelServer: null,
  wallSeconds: 150,
  verification: { declared: 58, verified: 58, problems: [] },
  openIds: [],
  unknownIds: [],
  refusals: [],
  failures: [],
};

describe('assembleReport', () => {
  test('is ok when requests in = answered + dead-lettered + queued and nothing else went wrong', () => {
    const report = assembleReport(FACTS); // 93 + 5 + 2 = 100
    expect(report.ok).toBe(true);
    expect(report.problems).toEqual([]);
  });

  test('carries every field of the report', () => {
    expect(Object.keys(assembleReport(FACTS))).toEqual(
      expect.arrayContaining([
        'ok',
        'stage',
        'seed',
        'speed',
        'resources',
        'requests',
        'scaling',
        'guard',
        'training',
        'latencySeconds',
        'costUsd',
        'peakMemoryMiB',
        'modelServer',
        'wallSeconds',
      ]),
    );
    expect(assembleReport(FACTS).resources).toEqual({ declared: 58, verified: 58 });
  });

  test('names the lost requests when the sum does not hold', () => {
    const requests = { ...FACTS.requests, queued: 0 };
    const report = assembleReport({ ...FACTS, requests, openIds: ['r-000004', 'r-000009'] });
    expect(report.ok).toBe(false);
    expect(report.problems).toEqual([
      'the sum does not hold: 100 requests in, but 93 answered + 5 dead-lettered + 0 queued = 98; ' +
        'without an end: r-000004, r-000009',
    ]);
  });

  test('names principal, action and resource of a refused call, once', () => {
    const denied = {
      atSeconds: 1,
      principal: 'arn:aws:sts::123456789012:assumed-role/consumer/f',
      action: 'sagemaker:InvokeEndpoint',
      resource: 'arn:aws:sagemaker:us-east-1:123456789012:endpoint/chat',
    };
    const report = assembleReport({ ...FACTS, deniedCalls: [denied, { ...denied, atSeconds: 2 }] });
    expect(report.ok).toBe(false);
    expect(report.problems).toEqual([
      'access denied: arn:aws:sts::123456789012:assumed-role/consumer/f may not sagemaker:InvokeEndpoint on ' +
        'arn:aws:sagemaker:us-east-1:123456789012:endpoint/chat',
    ]);
  });

  test.each<[string, Partial<RunFacts>, string]>([
    ['a failing handler', { handlerErrors: { consumer: 3 } }, 'consumer failed 3 times'],
    [
      'a training that failed',
      { training: { status: 'FAILED', modelArtifact: null, executionArn: 'arn', cause: 'AlgorithmError: no data' } },
      'the training execution ended as FAILED: AlgorithmError: no data',
    ],
    [
      'a training job that failed, in the words of the job',
      {
        training: {
          status: 'FAILED',
          modelArtifact: null,
          executionArn: 'arn',
          cause: `States.TaskFailed: ${JSON.stringify({ RoleArn: 'r'.repeat(400), FailureReason: 'AlgorithmError: no data' })}`,
        },
      },
      'the training execution ended as FAILED: States.TaskFailed: AlgorithmError: no data',
    ],
    [
      'a resource that is not there',
      { verification: { declared: 2, verified: 1, problems: ['AWS::S3::Bucket B: NotFound'] } },
      'not verified: AWS::S3::Bucket B: NotFound',
    ],
    ['a refused request', { refusals: ['r-000001: HTTP 400'] }, 'the endpoint refused a request: r-000001: HTTP 400'],
    ['answers to nothing', { unknownIds: ['x'] }, '1 answers or dead letters belong to no request: x'],
    ['anything else', { failures: ['training could not be run: no'] }, 'training could not be run: no'],
  ])('is not ok with %s', (_what, change, problem) => {
    const report = assembleReport({ ...FACTS, ...change });
    expect(report.ok).toBe(false);
    expect(report.problems.join('\n')).toContain(problem);
  });
});

describe('summarise', () => {
  const value = (facts: RunFacts, label: string) =>
    summarise(assembleReport(facts)).items.find((item) => item.label === label);

  test('shows the sum and whether it holds', () => {
    expect(value(FACTS, 'Sum')).toEqual({ label: 'Sum', value: 'holds', good: true });
    const requests = { ...FACTS.requests, answered: 90 };
    expect(value({ ...FACTS, requests }, 'Sum')).toEqual({ label: 'Sum', value: 'off by 3', good: false });
  });

  test('shows the guard only where a budget was given', () => {
    expect(value(FACTS, 'Guard levels')).toBeUndefined();
    const guard = {
      ...FACTS.guard,
      budgetUsd: 1,
      levels: [
        { level: 'warn', atSecond: 1 },
        { level: 'shrink', atSecond: 2 },
      ],
      capInstances: 2,
      maxInstancesAfterCap: 3,
    };
    expect(value({ ...FACTS, guard }, 'Guard levels')?.value).toBe('warn → shrink');
    expect(value({ ...FACTS, guard }, 'Instances 90 s after the breach')).toMatchObject({
      value: '3, cap 2',
      good: false,
    });
  });
});
