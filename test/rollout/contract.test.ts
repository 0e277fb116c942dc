import {
  formatLiveModel,
  parseEvaluationReport,
  parseLiveModel,
  parseRolloutConfiguration,
  parseRolloutEvent,
  parseRolloutInput,
  s3Location,
} from '../../lib/rollout/contract';

describe('the parameter of the live model', () => {
  test.each([
    [{ bucket: 'b', key: 'k', modelPackageArn: 'arn:p', maxConcurrencyPerInstance: 4 }],
    [{ bucket: 'b', key: 'k', modelPackageArn: undefined, maxConcurrencyPerInstance: 0.5 }],
  ])('reads what it writes', (record) => {
    expect(parseLiveModel(formatLiveModel(record))).toEqual(record);
  });

  test('refuses other text with the place', () => {
    expect(() => parseLiveModel('{"bucket": "b", "key": "", "maxConcurrencyPerInstance": 0}')).toThrow(
      /key is ""; expected non-empty text[\s\S]*maxConcurrencyPerInstance is 0; expected a number above 0/,
    );
  });
});

describe('an S3 URI', () => {
  test.each([
    ['s3://bucket/a/b.tar.gz', { bucket: 'bucket', key: 'a/b.tar.gz' }],
    ['s3://bucket', undefined],
    ['s3://bucket/', undefined],
    ['https://bucket/a', undefined],
  ])('%s', (uri, location) => {
    expect(s3Location(uri)).toEqual(location);
  });
});

describe('the input of an execution', () => {
  test.each([
    [
      { ModelPackageArn: 'arn:p', ModelName: 'm' },
      { modelPackageArn: 'arn:p', restore: false },
    ],
    [{ Restore: true }, { modelPackageArn: undefined, restore: true }],
    [
      { ModelPackageArn: 7, Restore: 'true' },
      { modelPackageArn: undefined, restore: false },
    ],
  ])('%j', (input, parsed) => {
    expect(parseRolloutInput(input)).toEqual(parsed);
  });
});

test('an event of an unknown step is refused with those that there are', () => {
  expect(() => parseRolloutEvent({ step: 'sleep', execution: 'e', evaluation: 'v', state: {} })).toThrow(
    /'begin'|begin/,
  );
});

test('a report without a model is refused with the place', () => {
  expect(() => parseEvaluationReport('s3://r', '{"rows": 1, "models": {"live": {}}}')).toThrow(
    /s3:\/\/r[\s\S]*models\.candidate/,
  );
});

test('the configuration of a handler is read with its shadow, and without one', () => {
  const configuration = {
    endpointName: 'e',
    variantName: 'v',
    parameterName: 'p',
    namePrefix: 'n--',
    hostedBy: 'endpoint/e',
    approval: 'MANUAL',
    limits: {
      maxAccuracyLoss: 0,
      maxSliceLoss: 0,
      minSliceRows: 1,
      maxLatencyGrowth: 0,
      maxCostGrowth: 0,
      maxSizeGrowth: 2,
    },
    reports: { bucket: 'b', prefix: 'reports/' },
    deployment: { RollingUpdatePolicy: {} },
    shadow: { samplingPercent: 10, instanceCount: 1, minRequests: 5, maxErrorRatio: 0, maxLatencyGrowth: 1 },
  };
  expect(parseRolloutConfiguration(JSON.stringify(configuration))).toEqual(configuration);
  const { shadow: _none, ...plain } = configuration;
  expect(parseRolloutConfiguration(JSON.stringify(plain))).toEqual({ ...plain, shadow: undefined });
  expect(() => parseRolloutConfiguration('{}')).toThrow(/TIDEGATE_ROLLOUT[\s\S]*endpointName/);
});
