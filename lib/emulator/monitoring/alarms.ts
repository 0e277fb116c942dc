import type { MetricAlarm } from '@aws-sdk/client-cloudwatch';
import type { EpochSeconds } from '../../core/time';
import type { AlarmEvaluation, CloudWatch, MetricId } from '../../simulation/aws/cloudwatch';
import { LOCAL_ACCOUNT, LOCAL_REGION } from '../credentials';
import type { Driver } from '../driver';
import type { EngineClient } from '../engine/engine-client';
import type { AccountEvents } from '../events';
import type { DeliveryQueue } from '../engine/delivery-queue';
import type { AlarmSnapshot } from '../snapshot';
import { fromMetricAlarm, toPutMetricAlarm } from './alarm-definition';

/** A datum that was put into the engine's CloudWatch. */
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

/**
 * The alarms: those of the engine, evaluated here, and those that target-tracking policies own, put into the engine too.
 * A change of state is set in the engine, which then runs the alarm's notifications; scaling actions run here.
 */
export class Alarms {
  /** Settings of the engine's alarms as last read, by name. */
  private readonly synced = new Map<string, string>();
  /** Alarms that cannot be evaluated, with the reason. */
  private readonly unsupported = new Map<string, string>();
  private owned = new Map<string, string>();
  private isOutdated = false;
  private reading: Promise<void> | undefined;
  private isClosed = false;

  public constructor(
    private readonly parts: {
      readonly cloudWatch: CloudWatch;
      readonly engine: EngineClient;
      readonly deliveries: DeliveryQueue;
      readonly events: AccountEvents;
      readonly driver: Driver;
      readonly log: (message: string) => void;
    },
  ) {}

  public nextEventAt(): EpochSeconds | undefined {
    return this.parts.cloudWatch.nextEvaluationAt();
  }

  /** Evaluates the alarms that are due and returns the evaluations. */
  public advanceTo(atSeconds: EpochSeconds): readonly AlarmEvaluation[] {
    const evaluations = this.parts.cloudWatch.advanceTo(atSeconds);
    for (const evaluation of evaluations) {
      if (evaluation.state !== evaluation.previousState) this.publishChange(evaluation);
    }
    return evaluations;
  }

  public putMetrics(data: readonly PutDatum[]): void {
    for (const { namespace, metricName, dimensions, ...values } of data) {
      this.parts.cloudWatch.putMetric({ metric: { namespace, metricName, dimensions }, ...values });
    }
  }

  /** Reads the engine's alarms again, which have changed; changes that come during a reading share the next one. */
  public refresh(): void {
    this.isOutdated = true;
    this.reading ??= this.readWhileOutdated();
  }

  /** Brings the engine's copies of the alarms that policies own up to date: new or changed ones are put, the others deleted. */
  public syncOwned(names: ReadonlySet<string>): void {
    const { cloudWatch, engine, deliveries } = this.parts;
    const next = new Map<string, string>();
    for (const name of names) {
      const definition = cloudWatch.alarm(name)?.definition;
      if (!definition) continue;
      const text = JSON.stringify(definition);
      next.set(name, text);
      if (this.owned.get(name) === text) continue;
      deliveries.add(`PutMetricAlarm ${name}`, () => engine.putMetricAlarm(toPutMetricAlarm(definition)));
    }
    const gone = [...this.owned.keys()].filter((name) => !next.has(name));
    if (gone.length > 0) deliveries.add('DeleteAlarms', () => engine.deleteAlarms(gone));
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
    this.isClosed = true;
    await this.reading;
  }

  private publishChange({ alarmName, atSeconds, state, previousState, reason }: AlarmEvaluation): void {
    const { engine, deliveries, events } = this.parts;
    events.publish({ kind: 'alarm', atSeconds, alarmName, state, previousState, reason });
    events.putEvent({
      source: 'aws.cloudwatch',
      detailType: 'CloudWatch Alarm State Change',
      resources: [`arn:aws:cloudwatch:${LOCAL_REGION}:${LOCAL_ACCOUNT}:alarm:${alarmName}`],
      detail: {
        alarmName,
        state: { value: state, reason, timestamp: new Date(atSeconds * 1000).toISOString() },
        previousState: { value: previousState },
      },
      atSeconds,
    });
    deliveries.add(`SetAlarmState ${alarmName}`, () => engine.setAlarmState(alarmName, state, reason));
  }

  private async readWhileOutdated(): Promise<void> {
    while (this.isOutdated && !this.isClosed) {
      this.isOutdated = false;
      try {
        const alarms = await this.parts.engine.describeAlarms();
        if (!this.isClosed) this.parts.driver.apply((atSeconds) => this.take(alarms, atSeconds));
      } catch (error) {
        this.parts.log(`DescribeAlarms failed: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    this.reading = undefined;
  }

  private take(alarms: readonly MetricAlarm[], atSeconds: EpochSeconds): void {
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
        cloudWatch.putAlarm(fromMetricAlarm(alarm), atSeconds);
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

/** Settings given by the caller, without the state. */
function settingsOf(alarm: MetricAlarm): object {
  return Object.fromEntries(Object.entries(alarm).filter(([name]) => !/^(State|AlarmConfigurationUpdated)/.test(name)));
}
