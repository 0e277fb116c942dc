import { decideGuardLevel, type GuardMemory, type GuardSeen, type StatedPlan } from '../../../lib/cost/decide';
import type { CapacityLimits, LimitsSeen } from '../../../lib/scaling/decide/limits';
import { BUDGET, NOVEMBER, RESOURCE, fleet, fleetSeen, inForce, plan } from './fixtures';

/** A fleet that somebody else registered, with a floor of 1. */
const foreign: StatedPlan = { ...plan, fleets: [{ ...fleet, minCapacity: null, maxCapacity: null }] };

const TIGHT = { ...BUDGET, amountUsd: 15.1 };
const AMPLE = { ...BUDGET, amountUsd: 1e6 };

/** A guard beside an owner, who sets limits as he likes. */
class Guarded {
  public limits: CapacityLimits | undefined = { minCapacity: 3, maxCapacity: 6 };
  public readable = true;
  public memory: GuardMemory | undefined;
  public problems: readonly string[] = [];
  private minute = 0;

  public constructor(private readonly stated: StatedPlan = foreign) {}

  public look(budget: typeof BUDGET): CapacityLimits | undefined {
    const limits: LimitsSeen = !this.readable
      ? { kind: 'unreadable' }
      : this.limits === undefined
        ? { kind: 'not-registered' }
        : inForce(this.limits.minCapacity, this.limits.maxCapacity);
    const seen: GuardSeen = {
      atSeconds: NOVEMBER + 60 * this.minute++,
      budget,
      budgetRefusal: null,
      fleets: [fleetSeen(5, { limits })],
      trainingJobs: [],
    };
    const { decision, memory } = decideGuardLevel(this.stated, seen, this.memory);
    this.memory = memory;
    this.problems = decision.problems;
    for (const { minCapacity, maxCapacity } of decision.actions) this.limits = { minCapacity, maxCapacity };
    return this.limits;
  }
}

describe('limits of somebody else', () => {
  test('are lowered to the floor, and given back as they were found', () => {
    const guarded = new Guarded();
    expect(guarded.look(AMPLE)).toEqual({ minCapacity: 3, maxCapacity: 6 });
    expect(guarded.look(TIGHT)).toEqual({ minCapacity: 1, maxCapacity: 1 });
    expect(guarded.look(AMPLE)).toEqual({ minCapacity: 3, maxCapacity: 6 });
  });

  test('are given back as their owner set them last, also while the fleet was held', () => {
    const guarded = new Guarded();
    guarded.look(TIGHT);
    guarded.limits = { minCapacity: 4, maxCapacity: 12 };
    expect(guarded.look(TIGHT)).toEqual({ minCapacity: 1, maxCapacity: 1 });
    expect(guarded.memory?.holds[RESOURCE]?.declared).toEqual({ minCapacity: 4, maxCapacity: 12 });
    expect(guarded.look(AMPLE)).toEqual({ minCapacity: 4, maxCapacity: 12 });
  });

  test('stay where their owner has set tighter ones', () => {
    const guarded = new Guarded();
    guarded.look(TIGHT);
    guarded.limits = { minCapacity: 0, maxCapacity: 0 };
    expect(guarded.look(TIGHT)).toEqual({ minCapacity: 0, maxCapacity: 0 });
    expect(guarded.look(AMPLE)).toEqual({ minCapacity: 0, maxCapacity: 0 });
  });

  test('stay as they are until they were read once, and count as a problem', () => {
    const guarded = new Guarded();
    guarded.readable = false;
    expect(guarded.look(TIGHT)).toEqual({ minCapacity: 3, maxCapacity: 6 });
    expect(guarded.problems).toContainEqual(expect.stringContaining(`the limits of ${RESOURCE} could not be read`));
    guarded.readable = true;
    expect(guarded.look(TIGHT)).toEqual({ minCapacity: 1, maxCapacity: 1 });
  });

  test('that cannot be read are not overwritten: the owner may have changed them since, and the next look makes up for it', () => {
    const guarded = new Guarded();
    guarded.look(AMPLE);
    guarded.limits = { minCapacity: 4, maxCapacity: 12 };
    guarded.readable = false;
    expect(guarded.look(TIGHT)).toEqual({ minCapacity: 4, maxCapacity: 12 });
    expect(guarded.problems).toContainEqual(expect.stringContaining("they are its owner's, so the guard changes none"));
    guarded.readable = true;
    expect(guarded.look(TIGHT)).toEqual({ minCapacity: 1, maxCapacity: 1 });
    expect(guarded.look(AMPLE)).toEqual({ minCapacity: 4, maxCapacity: 12 });
  });

  test('are restored once they can be read, and never above what the owner has lowered meanwhile', () => {
    const guarded = new Guarded();
    guarded.look(TIGHT);
    guarded.readable = false;
    guarded.limits = { minCapacity: 1, maxCapacity: 2 };
    expect(guarded.look(AMPLE)).toEqual({ minCapacity: 1, maxCapacity: 2 });
    guarded.readable = true;
    expect(guarded.look(AMPLE)!.maxCapacity).toBe(2);
  });

  test('of a fleet that leaves the guard while they cannot be read are restored by the first look that reads them', () => {
    const guarded = new Guarded();
    guarded.look(TIGHT);
    guarded.readable = false;
    const after = new Guarded({ ...foreign, fleets: [] });
    Object.assign(after, { memory: guarded.memory, limits: guarded.limits, minute: 1, readable: false });
    for (let look = 0; look < 4; look++) expect(after.look(TIGHT)).toEqual({ minCapacity: 1, maxCapacity: 1 });
    after.readable = true;
    expect(after.look(TIGHT)).toEqual({ minCapacity: 3, maxCapacity: 6 });
  });

  test('of a fleet that the guard held with limits of its own deployment are those, not the ones it is held at', () => {
    const guarded = new Guarded(plan);
    guarded.limits = { minCapacity: 2, maxCapacity: 8 };
    guarded.look(TIGHT);
    const after = new Guarded();
    Object.assign(after, { memory: guarded.memory, limits: guarded.limits, minute: 1 });
    expect(after.look(TIGHT)).toEqual({ minCapacity: 1, maxCapacity: 1 });
    expect(after.look(AMPLE)).toEqual({ minCapacity: 2, maxCapacity: 8 });
  });

  test('that nobody has set are told once and count as a problem, because nothing limits the fleet', () => {
    const guarded = new Guarded();
    guarded.limits = undefined;
    expect(guarded.look(TIGHT)).toBeUndefined();
    const sentence = expect.stringMatching(
      /^endpoint\/chat\/variant\/main is metered, and nothing limits it: it is not registered/,
    );
    expect(guarded.problems).toContainEqual(sentence);
    expect(guarded.memory?.notices).toContainEqual(sentence);
    guarded.limits = { minCapacity: 1, maxCapacity: 4 };
    expect(guarded.look(TIGHT)).toEqual({ minCapacity: 1, maxCapacity: 1 });
    expect(guarded.problems.join()).not.toMatch(/not registered/);
  });

  test('are those that a dry run would set, and it sets none', () => {
    const guarded = new Guarded({ ...foreign, dryRun: true });
    expect(guarded.look(TIGHT)).toEqual({ minCapacity: 3, maxCapacity: 6 });
    expect(guarded.memory?.rehearsedHolds[RESOURCE]?.declared).toEqual({ minCapacity: 3, maxCapacity: 6 });
  });
});
