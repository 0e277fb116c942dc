import { InputError } from '../../../core/errors';
import type { EpochSeconds } from '../../../core/time';
import { ACTION_REPEAT_SECONDS } from './alarm-count';
import { EXTRA_DATAPOINTS, type AlarmVerdict } from './alarm-evaluation';
import { AlarmWindow, type CompiledMetrics } from './alarm-window';
import { parseExpression, type Expression } from './metric-math';
import { DEFAULT_RETENTION_SECONDS, MetricStore } from './metric-store';
import type { StatisticSet } from './statistics';
import type {
  AlarmCondition,
  AlarmDefinition,
  AlarmEvaluation,
  AlarmState,
  AlarmStatus,
  Datapoint,
  MetricId,
  PeriodValue,
  Statistic,
} from './types';

/** Settings for which AWS publishes no number. */
export interface CloudWatchOptions {
  /** Seconds from the end of a period until an alarm evaluates it, for periods of a minute or more. @default 60 */
  readonly publishDelaySeconds?: number;
  /** The same for periods of 10, 20 and 30 seconds. @default 10 */
  readonly highResolutionPublishDelaySeconds?: number;
  /** Seconds for which metrics are kept. @default 3 hours */
  readonly retentionSeconds?: number;
}

interface Alarm {
  definition: AlarmDefinition;
  window: AlarmWindow;
  state: AlarmState;
  /** State before the last evaluation, of which the verdict tells. */
  stateBefore: AlarmState;
  /** Result of the last evaluation; undefined until it is read. */
  verdict: Pick<AlarmVerdict, 'datapoints' | 'reason'> | undefined;
  stateUpdatedAtSeconds: EpochSeconds;
  value: number | null;
  isCurrent: boolean;
  actionsInvokedAtSeconds: EpochSeconds | undefined;
  /** Undefined until a first time is known. */
  nextEvaluationAtSeconds: EpochSeconds | undefined;
}

/**
 * CloudWatch as far as scaling depends on it: metrics, and alarms with M of N datapoints, missing data and metric math.
 *
 * The caller gives the time: {@link advanceTo} makes every evaluation up to a moment. Alarms with a period of at least a minute are
 * evaluated each minute, others every 10 seconds, on periods that ended at least the publish delay ago.
 */
export class CloudWatch {
  private readonly store: MetricStore;
  private readonly alarmsByName = new Map<string, Alarm>();
  /** The same in the order of their creation. */
  private alarmList: readonly Alarm[] = [];
  private readonly publishDelaySeconds: number;
  private readonly highResolutionPublishDelaySeconds: number;
  private readonly retentionSeconds: number;
  private nowSeconds: EpochSeconds | undefined;

  public constructor(options: CloudWatchOptions = {}) {
    this.publishDelaySeconds = options.publishDelaySeconds ?? 60;
    this.highResolutionPublishDelaySeconds = options.highResolutionPublishDelaySeconds ?? 10;
    this.retentionSeconds = options.retentionSeconds ?? DEFAULT_RETENTION_SECONDS;
    this.store = new MetricStore(this.retentionSeconds);
  }

  /** Adds samples; samples of the same second are merged. */
  public putMetric(datapoint: Datapoint): void {
    this.store.put(datapoint);
  }

  /** The same with the samples by themselves, for callers that publish often. */
  public putSamples(metric: MetricId, atSeconds: EpochSeconds, samples: StatisticSet): void {
    this.store.putSamples(metric, atSeconds, samples);
  }

  /** Returns the values of a metric in `[fromSeconds, toSeconds)` by period; periods without data are left out. */
  public statistics(
    metric: MetricId,
    statistic: Statistic,
    periodSeconds: number,
    fromSeconds: EpochSeconds,
    toSeconds: EpochSeconds,
  ): PeriodValue[] {
    return this.store.statistics(metric, statistic, periodSeconds, fromSeconds, toSeconds);
  }

  /**
   * Creates an alarm in INSUFFICIENT_DATA, or changes an existing one, which keeps its state.
   *
   * @throws InputError for a period, count or expression that CloudWatch rejects
   */
  public putAlarm(definition: AlarmDefinition, atSeconds?: EpochSeconds): void {
    checkAlarm(definition);
    const window = new AlarmWindow(definition, this.compile(definition), definition.periodSeconds);
    const now = this.pass(atSeconds);
    const present = this.alarmsByName.get(definition.alarmName);
    const nextEvaluationAtSeconds = now === undefined ? undefined : this.firstEvaluationAfter(definition, now);
    if (present !== undefined) {
      Object.assign(present, { verdict: verdictOf(present), definition, window, nextEvaluationAtSeconds });
      return;
    }
    this.alarmsByName.set(definition.alarmName, {
      definition,
      window,
      state: 'INSUFFICIENT_DATA',
      stateBefore: 'INSUFFICIENT_DATA',
      verdict: { datapoints: [], reason: 'Unchecked: Initial alarm creation' },
      stateUpdatedAtSeconds: now ?? 0,
      value: null,
      isCurrent: false,
      actionsInvokedAtSeconds: undefined,
      nextEvaluationAtSeconds,
    });
    this.alarmList = [...this.alarmsByName.values()];
  }

  /** Deletes an alarm; returns false if no alarm has the name. */
  public deleteAlarm(alarmName: string): boolean {
    const isKnown = this.alarmsByName.delete(alarmName);
    this.alarmList = [...this.alarmsByName.values()];
    return isKnown;
  }

  public alarm(alarmName: string): AlarmStatus | undefined {
    const alarm = this.alarmsByName.get(alarmName);
    return alarm === undefined ? undefined : statusOf(alarm);
  }

  /** Returns all alarms in the order of their creation. */
  public alarms(): AlarmStatus[] {
    return this.alarmList.map(statusOf);
  }

  /** Sets a state until the next evaluation and returns the change; undefined if no alarm has the name. */
  public setAlarmState(
    alarmName: string,
    state: AlarmState,
    reason: string,
    atSeconds: EpochSeconds,
  ): AlarmEvaluation | undefined {
    const alarm = this.alarmsByName.get(alarmName);
    if (alarm === undefined) return undefined;
    alarm.verdict = { reason, datapoints: verdictOf(alarm).datapoints };
    return new Evaluation(alarm, atSeconds, this.settle(alarm, atSeconds, state));
  }

  /** Returns the moment of the next evaluation: 0 ("at once") for an alarm put before the first known time, undefined without alarms. */
  public nextEvaluationAt(): EpochSeconds | undefined {
    let next: EpochSeconds | undefined;
    for (const alarm of this.alarmList) {
      const at = alarm.nextEvaluationAtSeconds ?? 0;
      if (next === undefined || at < next) next = at;
    }
    return next;
  }

  /** Returns the present condition of an alarm, without the texts of {@link alarm}; undefined if no alarm has the name. */
  public alarmCondition(alarmName: string): AlarmCondition | undefined {
    return this.alarmsByName.get(alarmName);
  }

  /** Makes every evaluation due up to and including a moment and returns all of them in order of time, also those without a change. */
  public advanceTo(atSeconds: EpochSeconds): AlarmEvaluation[] {
    return this.evaluateDue(atSeconds, false);
  }

  /** The same, but returns only the evaluations that invoke an action that their alarm has for its state. */
  public invocationsUntil(atSeconds: EpochSeconds): AlarmEvaluation[] {
    return this.evaluateDue(atSeconds, true);
  }

  private evaluateDue(atSeconds: EpochSeconds, onlyInvoking: boolean): AlarmEvaluation[] {
    const now = this.pass(atSeconds)!;
    const evaluations: AlarmEvaluation[] = [];
    for (;;) {
      let due: Alarm | undefined;
      for (const alarm of this.alarmList) {
        const at = (alarm.nextEvaluationAtSeconds ??= this.firstEvaluationAfter(alarm.definition, now));
        if (at <= atSeconds && (due === undefined || at < due.nextEvaluationAtSeconds!)) due = alarm;
      }
      if (due === undefined) return evaluations;
      const at = due.nextEvaluationAtSeconds!;
      const invokesActions = this.evaluate(due, at);
      const isInvoking = invokesActions && actionsOf(due.definition, due.state).length > 0;
      if (isInvoking || !onlyInvoking) evaluations.push(new Evaluation(due, at, invokesActions));
    }
  }

  /** Evaluates an alarm; returns true if it invokes its actions. */
  private evaluate(alarm: Alarm, atSeconds: EpochSeconds): boolean {
    const { definition, window } = alarm;
    const frequency = frequencyOf(definition);
    alarm.nextEvaluationAtSeconds = atSeconds + frequency;
    window.moveTo(Math.floor((atSeconds - this.delayOf(definition)) / frequency + 1e-9) * frequency);
    alarm.isCurrent = window.isCurrent();
    alarm.value = window.newest();
    alarm.verdict = undefined;
    return this.settle(alarm, atSeconds, window.state(alarm.state));
  }

  /** Sets the state of an alarm; returns true if it invokes its actions. */
  private settle(alarm: Alarm, atSeconds: EpochSeconds, state: AlarmState): boolean {
    const changed = state !== alarm.state;
    const since = alarm.actionsInvokedAtSeconds ?? -Infinity;
    const invokesActions =
      (alarm.definition.actionsEnabled ?? true) && (changed || atSeconds - since >= ACTION_REPEAT_SECONDS - 1e-6);
    if (invokesActions) alarm.actionsInvokedAtSeconds = atSeconds;
    if (changed) alarm.stateUpdatedAtSeconds = atSeconds;
    alarm.stateBefore = alarm.state;
    alarm.state = state;
    return invokesActions;
  }

  /** Compiles the metric or metric math of an alarm into a function from a range of periods to values. */
  private compile(definition: AlarmDefinition): CompiledMetrics {
    const { periodSeconds } = definition;
    const keepSeconds =
      (definition.evaluationPeriods + EXTRA_DATAPOINTS + 1) * periodSeconds + this.delayOf(definition) + periodSeconds;
    const watch = (metric: MetricId, statistic: Statistic): CompiledMetrics => {
      const series = this.store.keep(metric, Math.max(keepSeconds, this.retentionSeconds));
      return {
        series: [series],
        isPointwise: true,
        value: (start, end) => series.value(statistic, start, end),
        values: (start, count) => series.values(statistic, start, periodSeconds, count),
      };
    };
    if (definition.metric !== undefined) return watch(definition.metric, definition.statistic!);

    const rows = new Map<string, CompiledMetrics>();
    const queries = definition.metrics!;
    const expressions = new Map<string, Expression>();
    for (const { id, expression } of queries) {
      if (expression !== undefined) expressions.set(id, parseExpression(expression));
    }
    checkReferences(expressions, new Set(queries.map((query) => query.id)));
    for (const { id, metric, statistic } of queries) {
      if (metric !== undefined) rows.set(id, watch(metric, statistic!));
    }
    const metricRows = [...rows.values()];
    const isPointwise = [...expressions.values()].every((expression) => expression.isPointwise);
    for (const [id, expression] of expressions) {
      rows.set(id, {
        series: metricRows.flatMap(({ series }) => series),
        isPointwise,
        values: (start, count) => expression.evaluate((other) => rows.get(other)!.values(start, count), count),
        ...(isPointwise && {
          value: (start, end) => expression.valueAt((other) => rows.get(other)!.value!(start, end)),
        }),
      });
    }
    return rows.get(queries.find((query) => query.returnData ?? true)!.id)!;
  }

  private delayOf(definition: AlarmDefinition): number {
    return definition.periodSeconds < 60 ? this.highResolutionPublishDelaySeconds : this.publishDelaySeconds;
  }

  private firstEvaluationAfter(definition: AlarmDefinition, atSeconds: EpochSeconds): EpochSeconds {
    const frequency = frequencyOf(definition);
    const delay = this.delayOf(definition);
    return (Math.floor((atSeconds - delay) / frequency + 1e-9) + 1) * frequency + delay;
  }

  private pass(atSeconds: EpochSeconds | undefined): EpochSeconds | undefined {
    if (atSeconds !== undefined) this.nowSeconds = Math.max(this.nowSeconds ?? atSeconds, atSeconds);
    return this.nowSeconds;
  }
}

/** Rejects unknown ids and circular expressions. */
function checkReferences(expressions: ReadonlyMap<string, Expression>, known: ReadonlySet<string>): void {
  const visit = (id: string, path: readonly string[]): void => {
    if (path.includes(id)) throw new InputError(`metric math refers in a circle: ${[...path, id].join(' -> ')}`);
    for (const other of expressions.get(id)?.ids ?? []) {
      if (!known.has(other))
        throw new InputError(`metric math refers to '${other}'; known ids: ${[...known].join(', ')}`);
      visit(other, [...path, id]);
    }
  };
  for (const id of expressions.keys()) visit(id, []);
}

/** Actions of an alarm in a state. */
export function actionsOf(definition: AlarmDefinition, state: AlarmState): readonly string[] {
  switch (state) {
    case 'ALARM':
      return definition.alarmActions ?? [];
    case 'OK':
      return definition.okActions ?? [];
    case 'INSUFFICIENT_DATA':
      return definition.insufficientDataActions ?? [];
  }
}

function frequencyOf(definition: AlarmDefinition): number {
  return definition.periodSeconds < 60 ? 10 : 60;
}

function verdictOf(alarm: Alarm): Pick<AlarmVerdict, 'datapoints' | 'reason'> {
  return (alarm.verdict ??= alarm.window.verdict(alarm.state, alarm.stateBefore));
}

function statusOf(alarm: Alarm): AlarmStatus {
  const { definition, state, stateUpdatedAtSeconds, value, isCurrent } = alarm;
  const { reason, datapoints } = verdictOf(alarm);
  return { definition, state, reason, stateUpdatedAtSeconds, value, isCurrent, datapoints };
}

/** An evaluation whose reason is written when it is read. */
class Evaluation implements AlarmEvaluation {
  public readonly alarmName: string;
  public readonly state: AlarmState;
  public readonly previousState: AlarmState;
  public readonly value: number | null;
  public readonly datapoints: readonly number[];
  public readonly threshold: number;
  private readonly verdict: Pick<AlarmVerdict, 'datapoints' | 'reason'>;

  public constructor(
    alarm: Alarm,
    public readonly atSeconds: EpochSeconds,
    public readonly invokesActions: boolean,
  ) {
    this.alarmName = alarm.definition.alarmName;
    this.state = alarm.state;
    this.previousState = alarm.stateBefore;
    this.value = alarm.value;
    this.verdict = verdictOf(alarm);
    this.datapoints = this.verdict.datapoints;
    this.threshold = alarm.definition.threshold;
  }

  public get reason(): string {
    return this.verdict.reason;
  }
}

/**
 * Maximum time that an alarm looks back, by its period: a day, and seven from periods of an hour on. Source:
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html (EvaluationPeriods)
 */
const MAX_EVALUATION_SECONDS = { ofShortPeriods: 86_400, ofHours: 604_800 };

function checkAlarm(definition: AlarmDefinition): void {
  const where = `alarm ${definition.alarmName}`;
  const { periodSeconds, evaluationPeriods, datapointsToAlarm = evaluationPeriods, metric, metrics } = definition;
  const reject = (problem: string): never => {
    throw new InputError(`${where}: ${problem}`);
  };
  if (![10, 20, 30].includes(periodSeconds) && !(periodSeconds > 0 && periodSeconds % 60 === 0)) {
    reject(`periodSeconds (${periodSeconds}) must be 10, 20, 30 or a multiple of 60`);
  }
  if (!Number.isInteger(evaluationPeriods) || evaluationPeriods < 1) {
    reject(`evaluationPeriods (${evaluationPeriods}) must be a whole number of at least 1`);
  }
  const maxSeconds = periodSeconds < 3600 ? MAX_EVALUATION_SECONDS.ofShortPeriods : MAX_EVALUATION_SECONDS.ofHours;
  if (periodSeconds * evaluationPeriods > maxSeconds) {
    reject(
      `periodSeconds times evaluationPeriods (${periodSeconds} x ${evaluationPeriods}) must be at most ${maxSeconds} s, as CloudWatch takes it`,
    );
  }
  if (!Number.isInteger(datapointsToAlarm) || datapointsToAlarm < 1 || datapointsToAlarm > evaluationPeriods) {
    reject(`datapointsToAlarm (${datapointsToAlarm}) must be from 1 to evaluationPeriods (${evaluationPeriods})`);
  }
  if (!Number.isFinite(definition.threshold)) reject(`threshold (${definition.threshold}) must be a finite number`);
  if ((metric === undefined) === (metrics === undefined)) reject('give either metric or metrics');
  if (metric !== undefined && definition.statistic === undefined) reject('statistic is required with metric');
  if (metrics === undefined) return;
  if (metrics.filter((query) => query.returnData ?? true).length !== 1) {
    reject('exactly one of metrics must have returnData true');
  }
  for (const query of metrics) {
    if (!/^[a-z][A-Za-z0-9_]*$/.test(query.id)) reject(`id '${query.id}' must begin with a lower-case letter`);
    if ((query.metric === undefined) === (query.expression === undefined)) {
      reject(`query ${query.id} needs either metric or expression`);
    }
    if (query.metric !== undefined && query.statistic === undefined) reject(`query ${query.id} needs a statistic`);
  }
}
