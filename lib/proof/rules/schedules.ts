import { InputError } from '../../core/errors';
import type { Json } from '../../core/parse';
import { nextDue, parseSchedule, type ScheduleExpression } from '../../scaling/decide/schedule-expression';
import type { RuleViolation } from '../finding';
import { isLiteral, type Resource, type TemplateModel } from '../../template';
import type { ProofRule } from '../rule-support/rule';
import { isScaledAtRunTime } from '../rule-support/run-time-scaling';

function* scheduleInvalid(model: TemplateModel): Iterable<RuleViolation> {
  for (const { resource } of model.targets) {
    const { reader, properties } = resource;
    const names = new Set<string>();
    for (const [index, action] of reader.objects(properties['ScheduledActions']).entries()) {
      const property = `ScheduledActions.${index}`;
      const limits = reader.object(action['ScalableTargetAction']);
      if (limits !== undefined && reader.isAbsent(limits['MinCapacity']) && reader.isAbsent(limits['MaxCapacity'])) {
        yield {
          at: resource,
          property: `${property}.ScalableTargetAction`,
          message: 'the action sets neither MinCapacity nor MaxCapacity',
        };
      }
      const name = reader.text(action['ScheduledActionName']);
      if (name !== undefined && names.has(name)) {
        yield {
          at: resource,
          property: `${property}.ScheduledActionName`,
          message: `two actions have the name '${name}': the later replaces the earlier`,
          severity: 'warning',
        };
      }
      if (name !== undefined) names.add(name);
      const absent = ['ScheduledActionName', 'Schedule'].filter((one) => reader.isAbsent(action[one]));
      if (absent.length > 0) {
        yield {
          at: resource,
          property: `${property}.${absent[0]!}`,
          message: `the action has no ${absent.join(' and no ')}`,
          remedy: `set ${absent.join(' and ')}`,
        };
      }
      const [start, end] = ['StartTime', 'EndTime'].map((one) => Date.parse(reader.text(action[one]) ?? ''));
      if (start !== undefined && end !== undefined && end <= start) {
        yield {
          at: resource,
          property: `${property}.EndTime`,
          message: 'EndTime is not after StartTime, so the action never runs',
          remedy: 'set EndTime to a moment after StartTime',
          severity: 'warning',
        };
      }
      const timezone = reader.text(action['Timezone']);
      if (timezone !== undefined && isLiteral(timezone) && !isTimezone(timezone)) {
        yield {
          at: resource,
          property: `${property}.Timezone`,
          message: `'${timezone}' is not a time zone`,
          remedy: 'write a name of the IANA time zone database, for example Europe/Zurich',
        };
      }
      const schedule = reader.text(action['Schedule']);
      if (schedule === undefined || !isLiteral(schedule)) continue;
      const problem = problemOf(schedule);
      if (problem === undefined) continue;
      const isForm = !/^(at|rate|cron)\(.*\)$/.test(schedule.trim()) || /fields found/.test(problem);
      yield {
        at: resource,
        property: `${property}.Schedule`,
        message: problem,
        // The documentation is inconsistent about details of cron.
        severity: isForm ? 'error' : 'warning',
      };
    }
  }
}

function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

function problemOf(schedule: string): string | undefined {
  try {
    parseSchedule(schedule);
    return undefined;
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
}

/** Years in which schedules are compared; days of the week fall on all days of a month within them. */
const COMPARED_YEARS = [2026, 2027, 2028];

const MONTHS = Array.from({ length: 12 }, (_, index) => index + 1);

/** A scheduled action whose moments and limits are known. */
interface KnownAction {
  readonly name: string;
  readonly schedule: ScheduleExpression;
  readonly limits: { readonly [name: string]: number | undefined };
}

function knownAction({ reader }: Resource, action: Json): KnownAction | undefined {
  const isBounded = ['StartTime', 'EndTime'].some((name) => !reader.isAbsent(action[name]));
  const text = reader.text(action['Schedule']);
  const timezone = reader.isAbsent(action['Timezone']) ? 'UTC' : reader.text(action['Timezone']);
  const limits = reader.object(action['ScalableTargetAction']);
  if (isBounded || text === undefined || !isLiteral(text) || timezone === undefined || limits === undefined)
    return undefined;
  const schedule = scheduleOf(text, timezone);
  // The moments of a rate depend on when the action was created.
  if (schedule === undefined || schedule.kind === 'rate') return undefined;
  return {
    name: reader.text(action['ScheduledActionName']) ?? text,
    schedule,
    limits: Object.fromEntries(['MinCapacity', 'MaxCapacity'].map((name) => [name, reader.number(limits[name])])),
  };
}

function scheduleOf(text: string, timezone: string): ScheduleExpression | undefined {
  try {
    return parseSchedule(text, timezone);
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}

/** True if two schedules are due at one moment; false where that is unknown. */
function meet(one: ScheduleExpression, other: ScheduleExpression): boolean {
  if (one.kind === 'at') return nextDue(other, one.atSeconds - 1) === one.atSeconds;
  if (other.kind === 'at') return meet(other, one);
  if (one.kind === 'rate' || other.kind === 'rate' || one.timezone !== other.timezone) return false;
  const share = (these: readonly number[], those: readonly number[]): boolean =>
    these.some((value) => those.includes(value));
  const [a, b] = [one.cron, other.cron];
  if (!share(a.minutes, b.minutes) || !share(a.hours, b.hours)) return false;
  return COMPARED_YEARS.some(
    (year) =>
      (a.years ?? [year]).includes(year) &&
      (b.years ?? [year]).includes(year) &&
      MONTHS.some(
        (month) => a.inMonth(month) && b.inMonth(month) && share(a.daysOf(year, month), b.daysOf(year, month)),
      ),
  );
}

function* schedulesCollide(model: TemplateModel): Iterable<RuleViolation> {
  for (const { resource } of model.targets) {
    const actions = resource.reader
      .objects(resource.properties['ScheduledActions'])
      .map((action) => knownAction(resource, action));
    for (const [index, later] of actions.entries()) {
      for (const earlier of actions.slice(0, index)) {
        if (later === undefined || earlier === undefined || later.name === earlier.name) continue;
        const name = ['MinCapacity', 'MaxCapacity'].find((limit) => {
          const [one, other] = [earlier.limits[limit], later.limits[limit]];
          return one !== undefined && other !== undefined && one !== other;
        });
        if (name === undefined || !meet(earlier.schedule, later.schedule)) continue;
        yield {
          at: resource,
          property: `ScheduledActions.${index}.Schedule`,
          message: `'${earlier.name}' and '${later.name}' run at the same moment and set ${name} to ${earlier.limits[name]} and to ${later.limits[name]}: the order in which they run decides`,
        };
        break;
      }
    }
  }
}

/** Limits with the change that a schedule may make for ever: raise the minimum, lower the maximum. */
const ONE_WAY = [
  { limit: 'MinCapacity', isWorse: (value: number, base: number) => value > base, verbs: ['raises', 'lowers'] },
  { limit: 'MaxCapacity', isWorse: (value: number, base: number) => value < base, verbs: ['lowers', 'raises'] },
] as const;

function* oneWay(model: TemplateModel): Iterable<RuleViolation> {
  if (isScaledAtRunTime(model)) return;
  for (const { resource, min, max } of model.targets) {
    const { reader, properties } = resource;
    const actions = reader.objects(properties['ScheduledActions']);
    if (!reader.isCertainList(properties['ScheduledActions'])) continue;
    for (const { limit, isWorse, verbs } of ONE_WAY) {
      const base = limit === 'MinCapacity' ? min : max;
      const written = actions.map((action) => reader.object(action['ScalableTargetAction'])?.[limit]);
      const set = written.filter((one) => !reader.isAbsent(one)).map((one) => reader.number(one));
      const [first] = set;
      // Different values change the limit to and fro; one value alone changes it once.
      if (base === undefined || first === undefined || set.some((one) => one !== first) || !isWorse(first, base))
        continue;
      yield {
        at: resource,
        property: `ScheduledActions.${written.findIndex((one) => !reader.isAbsent(one))}.ScalableTargetAction.${limit}`,
        message: `a scheduled action ${verbs[0]} ${limit} from ${base} to ${first} and none ${verbs[1]} it again: after its first run it stays there`,
        remedy: `add an action that sets ${limit} back, or set it on the target`,
      };
    }
  }
}

/** Rules about scheduled actions. */
export const SCHEDULE_RULES: readonly ProofRule[] = [
  {
    id: 'schedule-invalid',
    severity: 'error',
    reason: 'the service rejects an invalid schedule, and an action without limits',
    remedy: 'write at(2026-12-24T08:00:00), rate(5 minutes) or cron(0 8 * * ? *)',
    source: 'Application Auto Scaling user guide: scheduled scaling (cron expressions)',
    check: scheduleInvalid,
  },
  {
    id: 'schedule-one-way',
    severity: 'warning',
    reason: 'a scheduled action sets limits until another one does; it does not end by itself',
    remedy: 'add the action for the way back',
    source: 'Application Auto Scaling user guide: scheduled scaling, how it works',
    check: oneWay,
  },
  {
    id: 'schedules-collide',
    severity: 'warning',
    reason: 'of two scheduled actions at one moment the later one to run sets the limit, whichever that is',
    remedy: 'run them at different moments, or merge them',
    source: 'Application Auto Scaling user guide: scheduled scaling',
    check: schedulesCollide,
  },
];
