import fc from 'fast-check';
import { decideSweep, type SweepObservation } from '../../../lib/inference/decide/sweep';

const DAY = 86_400;
const NOW = 100 * DAY;
const NOTHING = { configNames: [], modelNames: [] };

/** One configuration and one model a deployment, by the day of each. */
function deployments(days: readonly number[]): Pick<SweepObservation, 'configs' | 'models'> {
  return {
    configs: days.map((day) => ({ name: `config-${day}`, createdAt: day * DAY, modelNames: [`model-${day}`] })),
    models: days.map((day) => ({ name: `model-${day}`, createdAt: day * DAY })),
  };
}

const runningOn = (day: number) => ({ configNames: [`config-${day}`], modelNames: [`model-${day}`] });

const sweep = (observation: SweepObservation, declaredDay: number) =>
  decideSweep(observation, runningOn(declaredDay), NOW, 7 * DAY);

describe('what a sweep deletes', () => {
  test('a configuration goes seven days after it was replaced, and its model with the next sweep', () => {
    // Day 80 was replaced on day 90, ten days ago; day 90 on day 98, two days ago.
    const days = [80, 90, 98];
    const observation = { isSettled: true, inUse: runningOn(98), ...deployments(days) };
    expect(sweep(observation, 98)).toEqual({ configNames: ['config-80'], modelNames: [] });
    const later = { ...observation, configs: observation.configs.filter(({ name }) => name !== 'config-80') };
    expect(sweep(later, 98)).toEqual({ configNames: [], modelNames: ['model-80'] });
  });

  test('the configuration that a rollback returned to stays, however old it is and whatever the stack declares', () => {
    const observation = { isSettled: true, inUse: runningOn(10), ...deployments([10, 20, 30]) };
    expect(sweep(observation, 30)).toEqual({ configNames: ['config-20'], modelNames: [] });
  });

  test('nothing goes while a deployment is in progress', () => {
    expect(sweep({ isSettled: false, inUse: runningOn(30), ...deployments([10, 20, 30]) }, 30)).toEqual(NOTHING);
  });

  test('the predecessor to which a failed deployment of the stack returns stays for the retention', () => {
    expect(sweep({ isSettled: true, inUse: runningOn(99), ...deployments([10, 99]) }, 99)).toEqual(NOTHING);
  });

  test('a model that a configuration of another deployment shares stays', () => {
    const shared = [
      { name: 'config-80', createdAt: 80 * DAY, modelNames: ['model-80'] },
      { name: 'config-97', createdAt: 97 * DAY, modelNames: ['model-80'] },
      { name: 'config-98', createdAt: 98 * DAY, modelNames: ['model-98'] },
    ];
    const models = [80, 81, 98].map((day) => ({ name: `model-${day}`, createdAt: day * DAY }));
    const observation = { isSettled: true, inUse: runningOn(98), configs: shared, models };
    expect(sweep(observation, 98)).toEqual({ configNames: [], modelNames: [] });
  });

  test('never touches what is in use, declared or the newest, for any history', () => {
    const day = fc.integer({ min: 0, max: 100 });
    fc.assert(
      fc.property(
        fc.uniqueArray(day, { minLength: 1, maxLength: 12 }),
        fc.nat(),
        fc.nat(),
        fc.boolean(),
        (days, used, declared, isSettled) => {
          const usedDay = days[used % days.length]!;
          const declaredDay = days[declared % days.length]!;
          const swept = sweep({ isSettled, inUse: runningOn(usedDay), ...deployments(days) }, declaredDay);
          const kept = [usedDay, declaredDay, Math.max(...days)];
          for (const one of kept) {
            expect(swept.configNames).not.toContain(`config-${one}`);
            expect(swept.modelNames).not.toContain(`model-${one}`);
          }
        },
      ),
    );
  });
});
