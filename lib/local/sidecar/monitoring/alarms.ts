import type { MetricAlarm } from '@aws-sdk/client-cloudwatch';
import type { EpochSeconds } from '../../../core/time';
import type { AlarmEvaluation, CloudWatch, MetricId } from '../../../simulation/cloudwatch';
import type { Actor } from '../driver';
import type { EngineServices } from '../engine-services';
import type { PlatformEvents } from '../events';
import type { Outbox } from '../outbox';
import type { AlarmSnapshot } from '../snapshot';
import { fromMetricAlarm, toPutMetricAlarm } from './alarm-definition';

/** One datum that was put into the engine's CloudWatch. */
export interface PutDatum {
  readonly namespace: string;
  readonly metricName: string;
  readonly dimensions: MetricId['dimensions'];
  readonly atSeconds: EpochSeconds;
  readonly sum: number;
  readonly sampleCount: number;
  readonly minimum: number;
  readonly maximum: number;
}

/** Real milliseconds in which several notices of changed alarms become one question. */
const DEBOUNCE_MS = 100;

/**
 * The alarms: those of the engine, evaluated here, and those that target-tracking policies own, told to the engine too.
 * A change of state is set in the engine, which then runs the alarm's notices; scaling actions are run here.
 */
export class Alarms implements Actor {
  /** The engine's alarms as last seen, by name. */
  private readonly synced = new Map<string, string>();
  /** Alarms that cannot be evaluated, with the reason. */
  private readonly unsupported = new Map<string, string>();
  private owned = new Map<string, string>();
  private debounce: NodeJS.Timeout | undefined;
  private reading: Promise<void> = Promise.resolve();
  private closed = false;

  public constructor(
    private readonly parts: {
      readonly cloudWatch: CloudWatch;
      readonly engine: EngineServices;
      readonly outbox: Outbox;
      readonly events: PlatformEvents;
      readonly log: (message: string) => void;
      readonly catchUp: () => EpochSeconds;
      /** Scaling actions and whatever else follows from evaluations of one moment. */
      readonly onEvaluations: (evaluations: readonly AlarmEvaluation[]) => void;
    },
  ) {}

  public nextEventAt(): EpochSeconds | undefined {
    return this.parts.cloudWatch.nextEvaluationAt();
  }

  public advanceTo(atSeconds: EpochSeconds): void {
    const evaluations = this.parts.cloudWatch.advanceTo(atSeconds);
    for (const evaluation of evaluations) {
      if (evaluation.state !== evaluation.previousState) this.tellChange(evaluation);
    }
    this.parts.onEvaluations(evaluations);
  }

  public putMetrics(data: readonly PutDatum[]): void {
    for (const { namespace, metricName, dimensions, ...values } of data) {
      this.parts.cloudWatch.putMetric({ metric: { namespace, metricName, dimensions }, ...values });
    }
  }

  /** The engine's alarms have changed; they are read soon. */
  public changed(): void {
    if (this.closed || this.debounce !== undefined) return;
    this.debounce = setTimeout(() => {
      this.debounce = undefined;
      this.reading = this.reading.then(() => this.read());
    }, DEBOUNCE_MS);
  }

  /** Tells the engine of the alarms that policies own: new or changed ones are put, gone ones deleted. */
  public syncOwned(names: ReadonlySet<string>): void {
    const { cloudWatch, engine, outbox } = this.parts;
    const next = new Map<string, string>();
    for (const name of names) {
      const definition = cloudWatch.alarm(name)?.definition;
      if (!definition) continue;
      const text = JSON.stringify(definition);
      next.set(name, text);
      if (this.owned.get(name) === text) continue;
      outbox.add(`PutMetricAlarm ${name}`, () => engine.putMetricAlarm(toPutMetricAlarm(definition)));
    }
    const gone = [...this.owned.keys()].filter((name) => !next.has(name));
    if (gone.length > 0) outbox.add('DeleteAlarms', () => engine.deleteAlarms(gone));
    this.owned = next;
  }

  public snapshot(): AlarmSnapshot[] {
    const evaluated = this.parts.cloudWatch.alarms().map(({ definition, state, reason, stateUpdatedAtSeconds }) => ({
      name: definition.alarmName,
      state,
      reason,
      sinceSeconds: stateUpdatedAtSeconds,
      ownedByPolicy: this.owned.has(definition.alarmName),
    }));
    const others = [...this.unsupported].map(([name, reason]) => ({
      name,
      state: 'INSUFFICIENT_DATA',
      reason,
      sinceSeconds: null,
      ownedByPolicy: false,
    }));
    return [...evaluated, ...others];
  }

  public async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.debounce);
    await this.reading;
  }

  private tellChange({ alarmName, atSeconds, state, previousState, reason }: AlarmEvaluation): void {
    const { engine, outbox, events } = this.parts;
    events.tell({ kind: 'alarm', atSeconds, alarmName, state, previousState, reason });
    outbox.add(`SetAlarmState ${alarmName}`, () => engine.setAlarmState(alarmName, state, reason));
  }

  private async read(): Promise<void> {
    if (this.closed) return;
    try {
      const alarms = await this.parts.engine.describeAlarms();
      if (!this.closed) this.take(alarms);
    } catch (error) {
      this.parts.log(`DescribeAlarms failed: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  private take(alarms: readonly MetricAlarm[]): void {
    const at = this.parts.catchUp();
    const { cloudWatch, log } = this.parts;
    const names = new Set<string>();
    for (const alarm of alarms) {
      const name = alarm.AlarmName!;
      if (this.owned.has(name) || alarm.AlarmDescription?.startsWith('DO NOT EDIT OR DELETE. For TargetTracking'))
        continue;
      names.add(name);
      const text = JSON.stringify(settingsOf(alarm));
      if (this.synced.get(name) === text) continue;
      this.synced.set(name, text);
      try {
        cloudWatch.putAlarm(fromMetricAlarm(alarm), at);
        this.unsupported.delete(name);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        cloudWatch.deleteAlarm(name);
        this.unsupported.set(name, reason);
        log(`alarm ${name} is not evaluated: ${reason}`);
      }
    }
    for (const name of [...this.synced.keys()].filter((known) => !names.has(known))) {
      this.synced.delete(name);
      this.unsupported.delete(name);
      cloudWatch.deleteAlarm(name);
    }
  }
}

/** What was set by the caller, without the state, which changes all the time. */
function settingsOf(alarm: MetricAlarm): object {
  return Object.fromEntries(Object.entries(alarm).filter(([name]) => !/^(State|AlarmConfigurationUpdated)/.test(name)));
}
