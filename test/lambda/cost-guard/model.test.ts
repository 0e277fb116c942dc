import { playScenario } from './model';

/** Scenarios played; `npm run test:guard-model` plays 100,000. */
const SCENARIOS = 120;

// The deadlines of dead runs never come.
beforeAll(() => jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate', 'performance'] }));
afterAll(() => jest.useRealTimers());

describe('the cost guard, whatever happens between two of its calls', () => {
  test('lifts its limits with their reason, keeps every floor, and tells every change of level', async () => {
    const broken: string[] = [];
    // Seed 3581: limits of an owner that no look could read before the guard set its own. 76491: a run that dies while its call is refused.
    for (const seed of [...Array.from({ length: SCENARIOS }, (_, index) => index + 1), 3581, 76_491]) {
      broken.push(...(await playScenario(seed)).map((law) => `seed ${seed}: ${law}`));
      jest.clearAllTimers();
    }
    expect(broken).toEqual([]);
  }, 120_000);
});
