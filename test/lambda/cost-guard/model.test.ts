import { playScenario } from './model';

/** Scenarios played; `npm run test:guard-model` plays 100,000. */
const RUNS = Number(process.env.TIDEGATE_RUNS ?? 120);

const FIRST_SEED = Number(process.env.TIDEGATE_SEED ?? 1);

// The deadlines of dead runs never come.
beforeAll(() => jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate', 'performance'] }));
afterAll(() => jest.useRealTimers());

describe('the cost guard, whatever happens between two of its calls', () => {
  test(
    'lifts its limits with their reason, keeps every floor, and tells every change of level',
    async () => {
      const broken: string[] = [];
      for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS && broken.length < 5; seed++) {
        broken.push(...(await playScenario(seed)).map((law) => `seed ${seed}: ${law}`));
        jest.clearAllTimers();
      }
      expect(broken).toEqual([]);
    },
    // 100,000 scenarios take minutes.
    3_600_000,
  );
});
