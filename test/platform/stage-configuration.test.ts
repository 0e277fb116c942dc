import { Duration } from 'aws-cdk-lib';
import { checkStageConfiguration, STAGE_NAMES, stageConfiguration } from '../../lib/platform/stages';
import type { StageConfiguration } from '../../lib/platform/stage-configuration';

const dev = stageConfiguration('dev');
const problemsOf = (overrides: Partial<StageConfiguration>): string[] =>
  checkStageConfiguration({ ...dev, ...overrides });

describe('stageConfiguration', () => {
  test('knows local, dev and prod', () => {
    expect(STAGE_NAMES).toEqual(['local', 'dev', 'prod']);
  });

  test.each(STAGE_NAMES)('finds no problem in %s', (name) => {
    expect(checkStageConfiguration(stageConfiguration(name))).toEqual([]);
  });

  test('keeps one instance in local and dev, two in prod', () => {
    expect(STAGE_NAMES.map((name) => stageConfiguration(name).minCapacity)).toEqual([1, 1, 2]);
  });

  test('sets the budget of local above what the largest fleet costs in a month', () => {
    const { budgetUsd, maxCapacity } = stageConfiguration('local');
    // 8 x 1.408 USD/h x 744 h = 8,380 USD
    expect(budgetUsd).toBeGreaterThan(maxCapacity * 1.408 * 744);
  });

  test('names the nearest stages to an unknown one, and how to choose', () => {
    expect(() => stageConfiguration('prdo')).toThrow(/unknown stage 'prdo'; nearest: prod.*-c stage=NAME/);
  });
});

describe('checkStageConfiguration refuses', () => {
  test.each<[string, Partial<StageConfiguration>, RegExp]>([
    ['a minimum above the maximum', { minCapacity: 9 }, /minCapacity \(9\) is above maxCapacity \(8\); lower/],
    ['a floor above the maximum', { protectedFloor: 9 }, /protectedFloor \(9\) is above maxCapacity \(8\)/],
    ['no instance', { minCapacity: 0 }, /minCapacity \(0\) must be a whole number from 1/],
    ['half an instance', { maxCapacity: 2.5 }, /maxCapacity \(2.5\) must be a whole number/],
    ['a capacity that is no number', { maxCapacity: NaN }, /^maxCapacity is NaN; give a number$/],
    ['an unknown instance type', { instanceTypes: ['ml.g5.xlarg'] }, /ml\.g5\.xlarg[^]*ml\.g5\.xlarge/],
    ['an unknown type for training', { trainingInstanceTypes: ['ml.p9.big'] }, /ml\.p9\.big/],
    ['no instance type', { instanceTypes: [] }, /instanceTypes is empty/],
    ['a type without a price', { instanceTypes: ['ml.p4de.24xlarge'] }, /no hosting price .* ml\.p4de\.24xlarge/],
    ['a region without prices', { region: 'eu-central-1' }, /no hosting price .* in eu-central-1/],
    ['a price of zero', { pricesPerHourUsd: { 'ml.g5.xlarge': 0 } }, /a number of USD from 0\.000001 to 1000000/],
    ['a budget that is no amount', { budgetUsd: -5 }, /budgetUsd \(-5\) must be above 0/],
    // 1 x 1.127 USD/h (the cheaper type) x 744 h
    [
      'a budget that the floor spends on the dearest type',
      { budgetUsd: 1040 },
      /budgetUsd \(1040\) is spent by the protected floors alone .* = 1047\.55 USD/,
    ],
    [
      'a floor above the minimum that spends it',
      { budgetUsd: 3000, protectedFloor: 3 },
      /3 x 1\.408 USD\/h x 744 h = 3142\.66 USD/,
    ],
    [
      'an unknown forecast mode',
      { forecastMode: 'on' as never },
      /forecastMode \('on'\) is unknown; use one of shadow, active/,
    ],
    ['requests that take no time', { serviceTime: Duration.millis(0) }, /serviceTime \(0 ms\) must be at least 1 ms/],
    ['a name that is no part of a stack name', { name: 'dev_1' }, /name \('dev_1'\) cannot be part/],
    ['a name that differs from another in case alone', { name: 'Dev' }, /name \('Dev'\) cannot be part.*lower-case/],
    ['a name with two hyphens in a row', { name: 'dev--b' }, /name \('dev--b'\) cannot be part.*single hyphens/],
    ['a name that is none', { name: ['dev'] as never }, /^name is \["dev"\]; give text$/],
    [
      'types in a text',
      { instanceTypes: 'ml.g5.xlarge' as never },
      /^instanceTypes is 'ml\.g5\.xlarge'; give a list of texts$/,
    ],
    ['no budget', { budgetUsd: undefined }, /^budgetUsd is missing; give a number$/],
    [
      'recipients of another type',
      { notifications: { emailAddresses: 'oncall@example.com' as never } },
      /^notifications\.emailAddresses is 'oncall@example\.com'; give a list of texts$/,
    ],
    ['a topic that is none', { kafka: 'requests' as never }, /^kafka is 'requests'; give settings of a topic$/],
    ['a topic without its cluster', { kafka: {} as never }, /^kafka\.clusterArn is missing; give text$/],
    [
      'the name of a cluster for its ARN',
      { kafka: { clusterArn: 'chat' } },
      /kafka\.clusterArn \('chat'\) is no ARN of an MSK cluster/,
    ],
    [
      'a topic without partitions',
      {
        kafka: {
          clusterArn: 'arn:aws:kafka:us-east-1:123456789012:cluster/chat/6d5c8f3e-7',
          topicName: 'chat requests',
          partitions: 0,
        },
      },
      /kafka\.topicName \('chat requests'\) is no name of a topic[^]*kafka\.partitions \(0\) must be a whole number from 1/,
    ],
    ['features that are none', { features: true as never }, /^features is true; give settings of a feature pipeline$/],
    [
      'workers in words',
      { features: { maxWorkers: 'four' as never } },
      /^features\.maxWorkers is 'four'; give a number$/,
    ],
    ['a driver alone', { features: { maxWorkers: 1 } }, /features\.maxWorkers \(1\) must be a whole number from 2/],
    [
      'half an hour',
      { features: { interval: Duration.minutes(90) } },
      /features\.interval \(1\.5 hours\) must be whole/,
    ],
    [
      'runs without a limit',
      { features: { executionTimeout: Duration.minutes(0) } },
      /features\.executionTimeout \(0 minutes\) must be whole minutes from 5 to the interval/,
    ],
    [
      'runs longer than their interval',
      { features: { executionTimeout: Duration.hours(2) } },
      /features\.executionTimeout \(120 minutes\)[^]*so that runs do not queue up/,
    ],
    [
      'half a price',
      { features: { prices: { usdPerVcpuHour: 0.05 } as never } },
      /features\.prices\.usdPerGbHour is missing; give a number/,
    ],
    [
      // 1 x 1.408 USD/h x 744 h; 744 runs x 0.5 h x (16 x 0.052624 + 64 x 0.0057785) USD/h
      'a budget below the ceiling of the features',
      { features: {}, budgetUsd: 1490 },
      /budgetUsd \(1490\) does not cover the protected floor \(1047\.55 USD a month\) and the ceiling .* \(450\.79 USD a month\)/,
    ],
    ['the name of a tour', { name: 'dev-tour' }, /name \('dev-tour'\) ends in -tour/],
  ])('%s', (_, overrides, message) => {
    expect(problemsOf(overrides).join('\n')).toMatch(message);
  });

  test('every problem at once', () => {
    expect(problemsOf({ minCapacity: 9, budgetUsd: 0, instanceTypes: ['x'] })).toHaveLength(3);
  });
});

describe('checkStageConfiguration accepts', () => {
  test('features within the budget, and those of a region without a price', () => {
    expect(problemsOf({ features: {}, budgetUsd: 1500 })).toEqual([]);
    expect(problemsOf({ features: { interval: Duration.hours(6) }, region: 'us-west-2' })).toEqual([]);
  });

  test('a type without a listed price when the stage gives it', () => {
    const pricesPerHourUsd = { 'ml.p4de.24xlarge': 31 };
    expect(problemsOf({ instanceTypes: ['ml.p4de.24xlarge'], pricesPerHourUsd, budgetUsd: 30_000 })).toEqual([]);
  });
});
