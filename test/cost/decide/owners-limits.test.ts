import {
  decideGuardLevel,
  unregisteredFleets,
  withOwnersLimits,
  type GuardMemory,
  type GuardSeen,
  type HeldLimits,
  type StatedPlan,
} from '../../../lib/cost/decide';
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

const limitsOf = (minCapacity: number, maxCapacity: number): CapacityLimits => ({ minCapacity, maxCapacity });

/** Limits that the guard holds, in place of declared ones. */
const heldAt = (claimed: CapacityLimits, declared: CapacityLimits): HeldLimits => ({
  scalableDimension: fleet.scalableDimension,
  declared,
  claimed: [{ ...claimed, evaluations: 0 }],
  status: 'set',
});

const seeing = (limits?: LimitsSeen, resourceId = RESOURCE): GuardSeen => ({
  atSeconds: NOVEMBER,
  budget: BUDGET,
  budgetRefusal: null,
  fleets: limits === undefined ? [] : [{ ...fleetSeen(5, { limits }), resourceId }],
  trainingJobs: [],
});

/** Memory with these parts, of a guard that has begun. */
function remembering(parts: Pick<GuardMemory, 'ownersLimits' | 'holds'>): GuardMemory {
  const guarded = new Guarded();
  guarded.look(AMPLE);
  return { ...guarded.memory!, ...parts };
}

const UNREADABLE: LimitsSeen = { kind: 'unreadable' };
const NOT_REGISTERED: LimitsSeen = { kind: 'not-registered' };
const NOTHING = { ownersLimits: {}, holds: {} };

interface Known {
  readonly fleet: CapacityLimits;
  readonly owners?: CapacityLimits;
  readonly unread?: true;
}

describe('the limits of the owner', () => {
  test.each<[string, LimitsSeen | undefined, Pick<GuardMemory, 'ownersLimits' | 'holds'>, Known]>([
    ['are those in force', inForce(3, 6), NOTHING, { fleet: limitsOf(3, 6), owners: limitsOf(3, 6) }],
    [
      'are those in force, however others were before',
      inForce(3, 6),
      { ownersLimits: { [RESOURCE]: limitsOf(2, 9) }, holds: {} },
      { fleet: limitsOf(3, 6), owners: limitsOf(3, 6) },
    ],
    // The floor stands for them, and the guard changes nothing.
    ['are unknown until they are read', UNREADABLE, NOTHING, { fleet: limitsOf(1, 1), unread: true }],
    ['are unknown where the fleet was not looked at', undefined, NOTHING, { fleet: limitsOf(1, 1), unread: true }],
    ['are unknown before there are any', NOT_REGISTERED, NOTHING, { fleet: limitsOf(1, 1), unread: true }],
    [
      'are remembered while they cannot be read, and may have changed',
      UNREADABLE,
      { ownersLimits: { [RESOURCE]: limitsOf(2, 9) }, holds: {} },
      { fleet: limitsOf(2, 9), owners: limitsOf(2, 9), unread: true },
    ],
    [
      'are remembered while there are none',
      NOT_REGISTERED,
      { ownersLimits: { [RESOURCE]: limitsOf(2, 9) }, holds: {} },
      { fleet: limitsOf(2, 9), owners: limitsOf(2, 9) },
    ],
    [
      'are those before, where those in force are of the guard',
      inForce(1, 1),
      { ownersLimits: { [RESOURCE]: limitsOf(2, 9) }, holds: { [RESOURCE]: heldAt(limitsOf(1, 1), limitsOf(2, 9)) } },
      { fleet: limitsOf(2, 9), owners: limitsOf(2, 9) },
    ],
    [
      'are those that the guard holds, where the deployment stated them before',
      inForce(1, 1),
      { ownersLimits: {}, holds: { [RESOURCE]: heldAt(limitsOf(1, 1), limitsOf(2, 8)) } },
      { fleet: limitsOf(2, 8), owners: limitsOf(2, 8) },
    ],
    [
      'are those set last rather than those the guard holds',
      inForce(1, 1),
      { ownersLimits: { [RESOURCE]: limitsOf(2, 9) }, holds: { [RESOURCE]: heldAt(limitsOf(1, 1), limitsOf(2, 8)) } },
      { fleet: limitsOf(2, 9), owners: limitsOf(2, 9) },
    ],
    [
      'take a new maximum beside a minimum of the guard',
      inForce(1, 7),
      { ownersLimits: { [RESOURCE]: limitsOf(2, 9) }, holds: { [RESOURCE]: heldAt(limitsOf(1, 1), limitsOf(2, 9)) } },
      { fleet: limitsOf(2, 7), owners: limitsOf(2, 7) },
    ],
    [
      'take a new minimum beside a maximum of the guard',
      inForce(0, 1),
      { ownersLimits: { [RESOURCE]: limitsOf(2, 9) }, holds: { [RESOURCE]: heldAt(limitsOf(1, 1), limitsOf(2, 9)) } },
      { fleet: limitsOf(0, 9), owners: limitsOf(0, 9) },
    ],
    // The maximum is new, the minimum of before is above it.
    [
      'have no minimum above their maximum',
      inForce(1, 3),
      { ownersLimits: { [RESOURCE]: limitsOf(5, 9) }, holds: { [RESOURCE]: heldAt(limitsOf(1, 1), limitsOf(5, 9)) } },
      { fleet: limitsOf(3, 3), owners: limitsOf(3, 3) },
    ],
  ])('%s', (_, limits, parts, { fleet: expected, owners, unread }) => {
    const known = withOwnersLimits(foreign, seeing(limits), remembering(parts));
    expect(known.plan).toEqual({ ...foreign, fleets: [{ ...fleet, ...expected }] });
    expect(known.ownersLimits).toEqual(owners === undefined ? {} : { [RESOURCE]: owners });
    expect([...known.unread]).toEqual(unread === true ? [RESOURCE] : []);
  });

  test('are the same at the first look, without a memory', () => {
    const known = withOwnersLimits(foreign, seeing(inForce(3, 6)), undefined);
    expect(known).toEqual({
      plan: { ...foreign, fleets: [{ ...fleet, ...limitsOf(3, 6) }] },
      ownersLimits: { [RESOURCE]: limitsOf(3, 6) },
      unread: new Set(),
    });
  });

  test('are not asked for where the deployment states both, and are where it states one', () => {
    const stated = withOwnersLimits(plan, seeing(UNREADABLE), undefined);
    expect(stated).toEqual({ plan, ownersLimits: {}, unread: new Set() });
    for (const partly of [
      { minCapacity: 2, maxCapacity: null },
      { minCapacity: null, maxCapacity: 8 },
    ]) {
      const known = withOwnersLimits({ ...plan, fleets: [{ ...fleet, ...partly }] }, seeing(inForce(3, 6)), undefined);
      expect(known.plan.fleets).toEqual([{ ...fleet, ...limitsOf(3, 6) }]);
    }
  });

  const held = { [RESOURCE]: heldAt(limitsOf(1, 1), limitsOf(2, 9)) };
  const owners = { [RESOURCE]: limitsOf(2, 9) };
  test.each<[string, LimitsSeen | undefined, Pick<GuardMemory, 'ownersLimits' | 'holds'>, boolean, boolean]>([
    ['are kept while the guard holds it', inForce(1, 1), { ownersLimits: owners, holds: held }, true, false],
    [
      'are kept, and not overwritten, while they cannot be read',
      UNREADABLE,
      { ownersLimits: owners, holds: held },
      true,
      true,
    ],
    ['are kept where nobody looked', undefined, { ownersLimits: owners, holds: held }, true, true],
    ['are forgotten once it is free', inForce(2, 9), { ownersLimits: owners, holds: {} }, false, false],
    ['are none where its deployment stated them', UNREADABLE, { ownersLimits: {}, holds: held }, false, false],
  ])('of a fleet that has left %s', (_, limits, parts, isKept, isUnread) => {
    const without = { ...foreign, fleets: [] };
    const known = withOwnersLimits(without, seeing(limits), remembering(parts));
    expect(known.plan).toEqual(without);
    expect(known.ownersLimits).toEqual(isKept ? owners : {});
    expect([...known.unread]).toEqual(isUnread ? [RESOURCE] : []);
  });

  test('of a fleet beside one that has left are its own', () => {
    const other = 'endpoint/other/variant/main';
    const parts = {
      ownersLimits: { ...owners, [other]: limitsOf(4, 5) },
      holds: { ...held, [other]: held[RESOURCE]! },
    };
    const { ownersLimits, unread } = withOwnersLimits(foreign, seeing(inForce(3, 6)), remembering(parts));
    expect(ownersLimits).toEqual({ [RESOURCE]: limitsOf(3, 6), [other]: limitsOf(4, 5) });
    expect([...unread]).toEqual([other]);
  });
});

test.each<[string, StatedPlan, GuardSeen, boolean]>([
  ['somebody else has to register', foreign, seeing(NOT_REGISTERED), true],
  ['its deployment registers', plan, seeing(NOT_REGISTERED), false],
  ['is registered', foreign, seeing(inForce(1, 4)), false],
  ['cannot be read', foreign, seeing(UNREADABLE), false],
  ['was not looked at', foreign, seeing(), false],
  ['is another than the unregistered one', foreign, seeing(NOT_REGISTERED, 'endpoint/other/variant/main'), false],
])('a fleet that %s is told as unlimited: only where it is', (_, stated, seen, isTold) => {
  expect(unregisteredFleets(stated, seen)).toEqual(
    isTold
      ? [
          `${RESOURCE} is metered, and nothing limits it: it is not registered with Application Auto Scaling; register it ` +
            '(aws application-autoscaling register-scalable-target), or leave it out of the guard',
        ]
      : [],
  );
});
