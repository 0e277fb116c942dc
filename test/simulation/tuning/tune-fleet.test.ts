import { searchedSeconds, tuneFleet } from '../../../lib/simulation/tuning/tune-fleet';
import { tuningText, type Tuning, type TuningSettings } from '../../../lib/simulation/tuning';
import type { FleetBlueprint } from '../../../lib/simulation/template';
import type { Workload } from '../../../lib/simulation/workload';
import { rehearse } from '../../../lib/simulation/simulator';
import { chatFleet, countedTraffic, crewOfOne, dailyTraffic, demandFor, settingsWith } from './tuning-support';

async function tuned(fleet: FleetBlueprint, traffic: Workload, changes: Partial<TuningSettings> = {}): Promise<Tuning> {
  const settings = settingsWith(changes);
  const demand = demandFor(traffic, settings.service);
  return tuneFleet(fleet, traffic, demand, settings, crewOfOne(traffic, demand, settings));
}

/** Tracks 2 of 8 slots: far more instances than needed. */
const wasteful = (): FleetBlueprint => {
  const fleet = chatFleet({ target: { MinCapacity: 2, MaxCapacity: 16 } });
  const policies = fleet.plan.policies.map((policy) => ({ ...policy, targetValue: 2 }) as typeof policy);
  return { ...fleet, plan: { ...fleet.plan, policies } };
};

describe('tuning a fleet', () => {
  test('finds what costs less than a wasteful policy, holds a part out and says what to paste', async () => {
    const traffic = dailyTraffic(3, 60, 500);
    const tuning = await tuned(wasteful(), traffic);
    expect(tuning.verdict).toBe('saves');
    expect(tuning.best!.whole.sloPercent).toBeGreaterThanOrEqual(99);
    expect(tuning.best!.whole.usd).toBeLessThan(tuning.today.whole.usd);
    expect(tuning.saving!.percent).toBeGreaterThan(20);
    expect(tuning.saving!.heldOutPercent).toBeGreaterThan(20);
    expect(tuning.search).toMatchObject({ method: 'pooled', candidates: 60, seconds: 2 * 86_400 });
    expect(tuning.code).toContain('new scaling.FleetScaling(');
    const text = tuningText(tuning);
    expect(text).toMatch(/^endpoint\/chat\/variant\/main {2}\(Chat\)\n/);
    expect(text).toMatch(/saves [\d.]+ %, [\d,]+ USD a month; on the held-out part alone [\d.]+ %/);
    expect(text).toMatch(/held out: served well/);
    expect(text).not.toMatch(/NaN|undefined|null/);
  }, 120_000);

  test("quotes today's policy as a rehearsal of it does, and its held-out part as what the whole has beyond the rest", async () => {
    const traffic = dailyTraffic(0.5, 60, 500);
    const settings = settingsWith({ candidates: 20 });
    const { today } = await tuned(wasteful(), traffic, settings);
    const { service, provisioning, seed } = settings;
    const whole = rehearse(wasteful(), traffic, { seed, service, provisioning });
    const beginning = rehearse(wasteful(), traffic, { seed, service, provisioning, toSeconds: 28_800 });
    expect(today.whole.usd).toBe(whole.cost.usd);
    expect(today.whole.sloPercent).toBe(whole.sloPercent);
    expect(today.heldOut!.seconds).toBe(14_400);
    expect(today.heldOut!.requests).toBe(whole.requests.arrived - beginning.requests.arrived);
    expect(today.heldOut!.usd).toBeCloseTo(whole.cost.usd - beginning.cost.usd, 3);
  });

  test("says that today's policy is best where nothing is to be saved", async () => {
    // One instance holds everything, and one is the least there can be.
    const tuning = await tuned(chatFleet(), countedTraffic(Array(400).fill(30)), { candidates: 20 });
    expect(tuning.verdict).toBe('today-is-best');
    expect(tuning.code).toBeNull();
    expect(tuningText(tuning)).toContain("today's policy is best");
  });

  test('keeps the objective for more where today misses it', async () => {
    const late = chatFleet({ target: { MinCapacity: 1, MaxCapacity: 1 } });
    const tuning = await tuned(late, dailyTraffic(0.5, 60, 600), { candidates: 80 });
    expect(tuning.today.whole.sloPercent).toBeLessThan(99);
    expect(tuning.verdict).toBe('keeps-the-objective');
    expect(tuning.saving!.usdPerMonth).toBeLessThan(0);
    expect(tuning.notes).toContainEqual(
      expect.stringMatching(/the maximum rises from 1 to \d+: check the account's quota/),
    );
    expect(tuningText(tuning)).toMatch(/keeps the objective, which today's policy misses .* more a month/);
  }, 60_000);

  test('keeps enough instances at all times where traffic rises faster than any of them starts', async () => {
    // Two minutes of 20 a second each half hour, out of nothing: 40 slots, 5 instances.
    const bursts = countedTraffic(Array.from({ length: 480 }, (_, minute) => (minute % 30 >= 28 ? 1200 : 5)));
    const tuning = await tuned(chatFleet({ target: { MinCapacity: 1, MaxCapacity: 12 } }), bursts);
    expect(tuning.verdict).toBe('keeps-the-objective');
    expect(tuning.best!.minCapacity).toBeGreaterThanOrEqual(5);
  });

  test('shows the nearest where none keeps the objective', async () => {
    // From nothing to 100 a second for three minutes, faster than any instance starts: only a fleet kept for the peak would do.
    const bursts = countedTraffic(Array.from({ length: 300 }, (_, minute) => (minute % 100 === 90 ? 3000 : 1)));
    const tuning = await tuned(chatFleet({ target: { MinCapacity: 1, MaxCapacity: 2 } }), bursts, {
      candidates: 20,
      sloPercent: 99.9,
      service: { kind: 'measured', seconds: [1, 61] },
    });
    expect(tuning.verdict).toBe('none-keeps');
    expect(tuning.saving).toBeNull();
    expect(tuning.best).not.toBeNull();
    expect(tuning.notes).toContainEqual(expect.stringContaining('no candidate keeps the objective'));
    expect(tuning.notes).toContainEqual(expect.stringMatching(/% of the requests take longer than the 60 s/));
    expect(tuningText(tuning)).toContain('no candidate serves 99.90 % well');
  });

  test('rehearses each of fewer candidates where the pooled fleet does not do, and says so', async () => {
    const random = chatFleet({ variant: { RoutingConfig: { RoutingStrategy: 'RANDOM' } } });
    const tuning = await tuned(random, countedTraffic(Array(60).fill(200)), { candidates: 500 });
    expect(tuning.search).toMatchObject({ method: 'exact', candidates: 60 });
    expect(tuning.notes).toContainEqual(
      'requests are routed at random (RANDOM), so each candidate was rehearsed request by request: 60 candidates in place of 500',
    );
    expect(tuning.notes).toContainEqual(expect.stringContaining('shorter than six hours, so nothing was held out'));
  }, 60_000);

  test('is the same every time', async () => {
    const traffic = dailyTraffic(0.3, 60, 500);
    const [first, second] = [await tuned(wasteful(), traffic), await tuned(wasteful(), traffic)];
    expect(second).toEqual(first);
  }, 60_000);

  test('says when the minimum falls, and keeps the least it is told', async () => {
    const traffic = dailyTraffic(0.3, 10, 20);
    const high = chatFleet({ target: { MinCapacity: 4, MaxCapacity: 8 } });
    const free = await tuned(high, traffic);
    expect(free.best!.minCapacity).toBe(1);
    expect(free.notes).toContainEqual(
      expect.stringMatching(/the minimum falls from 4 to 1.*--min-capacity 4 keeps it/),
    );
    const bound = await tuned(high, traffic, { leastCapacity: 3 });
    expect(bound.best!.minCapacity).toBe(3);
  });

  test('refuses an asynchronous fleet and a minimum above the maximum', async () => {
    const traffic = countedTraffic(Array(30).fill(10));
    await expect(tuned(chatFleet({ config: { AsyncInferenceConfig: {} } }), traffic)).rejects.toThrow('asynchronous');
    await expect(tuned(chatFleet(), traffic, { leastCapacity: 9 })).rejects.toThrow(
      '--min-capacity is 9, above the maximum of endpoint/chat/variant/main (8); lower it, or raise the maximum in the template',
    );
  });
});

test.each([
  [14 * 86_400, 9 * 86_400], // 9.33 days, whole days
  [3 * 86_400, 2 * 86_400],
  [86_400, 57_600],
  [6 * 3600, 4 * 3600],
  [3600, 3600],
])('of %d seconds the search sees the first %d', (duration, searched) => {
  expect(searchedSeconds(duration)).toBe(searched);
});
