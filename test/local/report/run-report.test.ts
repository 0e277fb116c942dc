import { assembleReport, type RunResults, summarise } from '../../../lib/local/report/run-report';

const RESULTS: RunResults = {
  stage: 'local',
  seed: 1,
  speed: 30,
  traffic: 'generated',
  ingest: 'kinesis',
  trafficSeconds: 3000,
  firstRequestAt: '2026-11-30 22:05:00 UTC',
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
    stoppedJobs: [],
  },
  training: { status: 'SUCCEEDED', modelArtifact: 's3://b/model.tar.gz', executionArn: 'arn', cause: null },
  capacity: { errors: [], peakByType: { 'ml.g5.xlarge': 5 } },
  latencySeconds: { p50: 3, p95: 8, p99: 12 },
  latencyPartsSeconds: {
    service: { p50: 2, p95: 6, p99: 9 },
    endpointQueue: { p50: 0, p95: 1, p99: 2 },
    transfer: { p50: 0.3, p95: 1.1, p99: 2 },
    stream: { p50: 0.5, p95: 1.5, p99: 3 },
    streamOnceCaughtUp: { p50: 0.4, p95: 1.2, p99: 2 },
  },
  costUsd: 1.5,
  deniedCalls: [],
  handlerErrors: {},
  peakMemoryMiB: 700,
  modelServer: null,
  wallSeconds: 150,
  verification: { declared: 58, verified: 58, problems: [] },
  unresolvedIds: [],
  unknownIds: [],
  refusals: [],
  failures: [],
};

describe('assembleReport', () => {
  test('is ok when requests in = answered + dead-lettered + queued and there is no other problem', () => {
    const report = assembleReport(RESULTS); // 93 + 5 + 2 = 100
    expect(report.ok).toBe(true);
    expect(report.problems).toEqual([]);
  });

  test('carries every field of the report', () => {
    expect(Object.keys(assembleReport(RESULTS))).toEqual(
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
    expect(assembleReport(RESULTS).resources).toEqual({ declared: 58, verified: 58 });
  });

  test('is not ok when a result is without the output of the model of the user', () => {
    const modelServer = { name: 'onnx', model: 'tides', requests: 93, executions: 93 };
    const results = { lines: 40, withOutput: 40 };
    const whole = assembleReport({ ...RESULTS, modelServer: { ...modelServer, results } });
    expect(whole.ok).toBe(true);
    expect(summarise(whole).items).toContainEqual({
      label: 'Model server',
      value: 'onnx with tides: 93 requests in 93 batches, output in 40 of 40 results',
      good: null,
    });
    const lacking = { ...modelServer, results: { lines: 40, withOutput: 38 } };
    expect(assembleReport({ ...RESULTS, modelServer: lacking }).problems).toEqual([
      '2 of 40 results in S3 are without the output of the model tides',
    ]);
    // The small network has no output of its own.
    expect(assembleReport({ ...RESULTS, modelServer: { ...lacking, model: null } }).ok).toBe(true);
  });

  test('names the lost requests when the requests do not add up', () => {
    const requests = { ...RESULTS.requests, queued: 0 };
    const report = assembleReport({ ...RESULTS, requests, unresolvedIds: ['r-000004', 'r-000009'] });
    expect(report.ok).toBe(false);
    expect(report.problems).toEqual([
      'requests do not add up: 100 in, but 93 answered + 5 dead-lettered + 0 queued = 98; ' +
        'without an outcome: r-000004, r-000009',
    ]);
  });

  test('names principal, action and resource of a denied call, once', () => {
    const denied = {
      atSeconds: 1,
      principal: 'arn:aws:sts::123456789012:assumed-role/consumer/f',
      action: 'sagemaker:InvokeEndpoint',
      resource: 'arn:aws:sagemaker:us-east-1:123456789012:endpoint/chat',
    };
    const report = assembleReport({ ...RESULTS, deniedCalls: [denied, { ...denied, atSeconds: 2 }] });
    expect(report.ok).toBe(false);
    expect(report.problems).toEqual([
      'access denied: arn:aws:sts::123456789012:assumed-role/consumer/f may not sagemaker:InvokeEndpoint on ' +
        'arn:aws:sagemaker:us-east-1:123456789012:endpoint/chat',
    ]);
  });

  test.each<[string, Partial<RunResults>, string]>([
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
    ['responses to nothing', { unknownIds: ['x'] }, '1 responses or dead letters belong to no request: x'],
    ['anything else', { failures: ['training could not be run: no'] }, 'training could not be run: no'],
  ])('is not ok with %s', (_what, change, problem) => {
    const report = assembleReport({ ...RESULTS, ...change });
    expect(report.ok).toBe(false);
    expect(report.problems.join('\n')).toContain(problem);
  });
});

describe('summarise', () => {
  const value = (results: RunResults, label: string) =>
    summarise(assembleReport(results)).items.find((item) => item.label === label);

  test('shows whether every request is accounted for', () => {
    expect(value(RESULTS, 'Accounted for')).toEqual({ label: 'Accounted for', value: 'all requests', good: true });
    const requests = { ...RESULTS.requests, answered: 90 };
    expect(value({ ...RESULTS, requests }, 'Accounted for')).toEqual({
      label: 'Accounted for',
      value: '97 of 100',
      good: false,
    });
  });

  test('shows the guard only where a budget was given', () => {
    expect(value(RESULTS, 'Guard levels')).toBeUndefined();
    const guard = {
      ...RESULTS.guard,
      budgetUsd: 1,
      levels: [
        { level: 'warn', atSecond: 1 },
        { level: 'shrink', atSecond: 2 },
      ],
      capInstances: 2,
      maxInstancesAfterCap: 3,
    };
    expect(value({ ...RESULTS, guard }, 'Guard levels')?.value).toBe('warn → shrink');
    expect(value({ ...RESULTS, guard }, 'Instances 90 s after the cap')).toMatchObject({
      value: '3, cap 2',
      good: false,
    });
  });

  test('a training job that the guard stopped is no failure of the run', () => {
    const training = { ...RESULTS.training, status: 'FAILED', cause: 'Stopped' };
    const guard = { ...RESULTS.guard, stoppedJobs: ['train-1'] };
    expect(assembleReport({ ...RESULTS, training }).ok).toBe(false);
    expect(assembleReport({ ...RESULTS, training, guard }).problems).toEqual([]);
    expect(value({ ...RESULTS, training, guard }, 'Training')).toEqual({
      label: 'Training',
      value: 'stopped by the cost guard',
      good: null,
    });
  });
});
