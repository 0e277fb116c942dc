import { searchedSeconds, tuneFleet } from '../../../lib/simulation/tune/tune-fleet';
import { tuningText, type Tuning, type TuningSettings } from '../../../lib/simulation/tune';
import type { FleetBlueprint } from '../../../lib/simulation/blueprint';
import type { Workload } from '../../../lib/simulation/traffic';
import { rehearse } from '../../../lib/simulation/rehearse';
import { chatFleet, countedTraffic, inlineExecutor, waveTraffic, demandFor, settingsWith } from './tuning-support';

async function tuned(fleet: FleetBlueprint, traffic: Workload, changes: Partial<TuningSettings> = {}): Promise<Tuning> {
  const settings = settingsWith(changes);
  const demand = demandFor(traffic, settings.service);
  return tuneFleet(fleet, traffic, demand, settings, inlineExecutor(traffic, demand, settings));
}

/** Fleet that tracks 2 of 8 slots: far more instances than needed. */
const wasteful = (): FleetBlueprint => {
  const fleet = chatFleet({ target: { MinCapacity: 2, MaxCapacity: 16 } });
  const policies = fleet.plan.policies.map((policy) => ({ ...policy, targetValue: 2 }) as typeof policy);
  return { ...fleet, plan: { ...fleet.plan, policies } };
};

/** Six hours, the shortest trace of which a part is held out, from 60 to 500 requests a minute and back. */
const sixHours = waveTraffic(360, 60, 500);

describe('tuning a fleet', () => {
  let tuning: Tuning;
  beforeAll(async () => {
    tuning = await tuned(wasteful(), sixHours);
  });

  test('finds a cheaper policy than a wasteful one, holds a part out and prints the code to paste', () => {
    expect(tuning.verdict).toBe('saves');
    expect(tuning.best!.whole.sloPercent).toBeGreaterThanOrEqual(99);
    expect(tuning.best!.whole.usd).toBeLessThan(tuning.today.whole.usd);
    expect(tuning.saving!.percent).toBeGreaterThan(20);
    expect(tuning.saving!.heldOutPercent).toBeGreaterThan(20);
    expect(tuning.search).toMatchObject({ method: 'pooled', candidates: 60, seconds: 14_400 });
    expect(tuning.code).toContain('new scaling.FleetScaling(');
    const text = tuningText(tuning);
    expect(text).toMatch(/^endpoint\/chat\/variant\/main {2}\(Chat\)\n/);
    expect(text).toMatch(/saves [\d.]+ %, [\d,]+ USD a month; on the held-out part alone [\d.]+ %/);
    expect(text).toMatch(/held out: served well/);
    expect(text).not.toMatch(/NaN|undefined|null/);
  });

  test("quotes a rehearsal of today's policy, and as its held-out part the whole without the beginning", () => {
    const { service, provisioning, seed } = settingsWith();
    const whole = rehearse(wasteful(), sixHours, { seed, service, provisioning });
    const beginning = rehearse(wasteful(), sixHours, { seed, service, provisioning, toSeconds: 14_400 });
    const { today } = tuning;
    expect(today.whole.usd).toBe(whole.cost.usd);
    expect(today.whole.sloPercent).toBe(whole.sloPercent);
    expect(today.heldOut!.seconds).toBe(7200);
    expect(today.heldOut!.requests).toBe(whole.requests.arrived - beginning.requests.arrived);
    expect(today.heldOut!.usd).toBeCloseTo(whole.cost.usd - beginning.cost.usd, 3);
  });

  test('is the same every time', async () => {
    expect(await tuned(wasteful(), sixHours)).toEqual(tuning);
  });

  test("finds today's policy best if nothing can be saved", async () => {
    // One instance serves everything, and one is the smallest minimum.
    const tuning = await tuned(chatFleet(), countedTraffic(Array(120).fill(30)), { candidates: 20 });
    expect(tuning.verdict).toBe('today-is-best');
    expect(tuning.code).toBeNull();
    expect(tuningText(tuning)).toContain("today's policy is best");
  });

  test("keeps the objective at a higher cost if today's policy misses it", async () => {
    const tooSmall = chatFleet({ target: { MinCapacity: 1, MaxCapacity: 1 } });
    const tuning = await tuned(tooSmall, waveTraffic(240, 60, 600), { candidates: 40 });
    expect(tuning.today.whole.sloPercent).toBeLessThan(99);
    expect(tuning.verdict).toBe('keeps-the-objective');
    expect(tuning.saving!.usdPerMonth).toBeLessThan(0);
    expect(tuning.notes).toContainEqual(
      expect.stringMatching(/the maximum rises from 1 to \d+: check the account's quota/),
    );
    expect(tuningText(tuning)).toMatch(/keeps the objective, which today's policy misses .* more a month/);
  });

  test('keeps enough instances at all times if traffic rises faster than instances start', async () => {
    // Two minutes of 20 requests per second each half hour, without a rise: 40 slots, 5 instances.
    const bursts = countedTraffic(Array.from({ length: 360 }, (_, minute) => (minute % 30 >= 28 ? 1200 : 5)));
    const tuning = await tuned(chatFleet({ target: { MinCapacity: 1, MaxCapacity: 12 } }), bursts);
    // Today's fleet grows for requests that nobody waits for any more, which the tuned one never has.
    expect(tuning.verdict).toBe('saves');
    expect(tuning.best!.minCapacity).toBeGreaterThanOrEqual(5);
  });

  test('shows the nearest policy if none keeps the objective', async () => {
    // Bursts of 50 requests per second for a minute, faster than instances start: only a fleet sized for the peak would serve them.
    const bursts = countedTraffic(Array.from({ length: 100 }, (_, minute) => (minute % 50 === 45 ? 3000 : 1)));
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

  test('rehearses every one of fewer candidates if the pooled model does not cover the fleet, with a note', async () => {
    const random = chatFleet({ variant: { RoutingConfig: { RoutingStrategy: 'RANDOM' } } });
    const tuning = await tuned(random, countedTraffic(Array(20).fill(200)), { candidates: 500 });
    expect(tuning.search).toMatchObject({ method: 'exact', candidates: 60 });
    expect(tuning.notes).toContainEqual(
      'requests are routed at random (RANDOM), so each candidate was rehearsed request by request: 60 candidates in place of 500',
    );
    expect(tuning.notes).toContainEqual(expect.stringContaining('shorter than six hours, so nothing was held out'));
  });

  test('notes that the minimum falls, and respects the smallest minimum', async () => {
    const traffic = waveTraffic(120, 10, 20);
    const high = chatFleet({ target: { MinCapacity: 4, MaxCapacity: 8 } });
    const free = await tuned(high, traffic, { candidates: 30 });
    expect(free.best!.minCapacity).toBe(1);
    expect(free.notes).toContainEqual(
      expect.stringMatching(/the minimum falls from 4 to 1.*--min-capacity 4 keeps it/),
    );
    const bound = await tuned(high, traffic, { candidates: 30, minCapacityFloor: 3 });
    expect(bound.best!.minCapacity).toBe(3);
  });

  test('refuses an asynchronous fleet and a minimum above the maximum', async () => {
    const traffic = countedTraffic(Array(30).fill(10));
    await expect(tuned(chatFleet({ config: { AsyncInferenceConfig: {} } }), traffic)).rejects.toThrow('asynchronous');
    await expect(tuned(chatFleet(), traffic, { minCapacityFloor: 9 })).rejects.toThrow(
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
])('the search sees of %d seconds the first %d', (duration, searched) => {
  expect(searchedSeconds(duration)).toBe(searched);
});
