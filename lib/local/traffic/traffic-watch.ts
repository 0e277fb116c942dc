import type { EpochSeconds } from '../../core/time';
import { linkedController, repeat } from '../../emulator/repeat';
import type { AwsClients } from '../deploy/aws';
import type { LocalPlatform } from '../deploy/local-platform';
import type { PlatformOutputs } from '../deploy/stack-outputs';
import type { Recorder } from '../recorder';
import { dropCapacity, type CapacityDrop } from './capacity-drop';
import { haltOnDenied } from './denied-calls';
import { FleetWatch } from './fleet-watch';
import { GuardRecordReader } from './guard-records';
import type { Load } from './load';
import { describeEvent } from './platform-events';

/** Moment at which an instance type had no capacity, in seconds since the first request. */
export interface CapacityShortage {
  readonly atSecond: number;
  readonly instanceType: string;
  readonly fallbackInstanceType: string | null;
}

export interface TrafficWatchOptions {
  readonly platform: LocalPlatform;
  readonly aws: AwsClients;
  readonly outputs: PlatformOutputs;
  readonly recorder: Recorder;
  readonly anchor: EpochSeconds;
  readonly budgetUsd: number | null;
  readonly load: Load;
  readonly trafficSeconds: number;
  /** Capacity drop of the run; undefined for none. */
  readonly drop: (CapacityDrop & { readonly instanceType: string }) | undefined;
  /** Aborted with the reason when a call is denied. */
  readonly halt: AbortController;
  readonly signal: AbortSignal;
  readonly onError: (message: string) => void;
}

const RESULTS_INTERVAL_MS = 700;
const GUARD_INTERVAL_MS = 500;
const DENIED_INTERVAL_MS = 1000;
const BACKLOG_INTERVAL_MS = 500;

/** Observes the platform during the traffic and records what happens, until it is stopped. */
export class TrafficWatch {
  public readonly guard: GuardRecordReader;
  public readonly fleet: FleetWatch;
  public readonly capacityErrors: CapacityShortage[] = [];
  private readonly controller: AbortController;
  private readonly watchers: readonly Promise<void>[];
  private readonly stopEvents: () => void;
  private allSent = false;

  public constructor(private readonly options: TrafficWatchOptions) {
    const { platform, aws, outputs, recorder, anchor, load, drop, halt } = options;
    this.controller = linkedController(options.signal);
    this.guard = new GuardRecordReader(aws.dynamodb, outputs.GuardTableName, anchor);
    this.fleet = new FleetWatch({
      platform,
      outputs,
      anchor,
      driver: load.driver,
      outcomes: load.outcomes,
      guard: this.guard,
      recorder,
      budgetUsd: options.budgetUsd,
    });
    this.stopEvents = this.recordEvents();
    const { signal } = this.controller;
    this.watchers = [
      this.fleet.run(
        signal,
        (share) => {
          if (!this.allSent) recorder.step('traffic', 'running', `${Math.floor(share * 100)} %`);
        },
        options.trafficSeconds,
      ),
      this.every(RESULTS_INTERVAL_MS, () => load.results.poll()),
      this.every(GUARD_INTERVAL_MS, () => this.recordGuard()),
      this.every(BACKLOG_INTERVAL_MS, async () =>
        // The consumer reads ahead of the place up to which the engine counts.
        this.fleet.setStreamBacklog(Math.min(await load.streamBacklog(), load.outcomes.unresolved())),
      ),
      this.every(DENIED_INTERVAL_MS, () => haltOnDenied(platform, recorder, anchor, halt)),
      ...(drop === undefined ? [] : [dropCapacity(platform, drop.instanceType, anchor, drop, signal)]),
    ];
  }

  /** Ends the progress of the traffic step. */
  public setAllSent(): void {
    this.allSent = true;
  }

  /** Records the changes of the cost guard since the last call. */
  public async recordGuard(): Promise<void> {
    const { recorder, anchor } = this.options;
    for (const { atSeconds, level, previousLevel, reason } of await this.guard.poll()) {
      const title =
        level === previousLevel ? `Cost guard: limits changed at ${level}` : `Cost guard: ${previousLevel} → ${level}`;
      recorder.event(atSeconds - anchor, 'guard', title, reason);
    }
  }

  /** Ends all watchers; `stopped` resolves after the last one. */
  public stop(): void {
    this.stopEvents();
    this.controller.abort();
  }

  public async stopped(): Promise<void> {
    await Promise.all(this.watchers);
  }

  private every(intervalMs: number, action: () => unknown): Promise<void> {
    return repeat(intervalMs, this.controller.signal, action, (error) =>
      this.options.onError(error instanceof Error ? error.message : String(error)),
    );
  }

  private recordEvents(): () => void {
    const { platform, recorder, anchor } = this.options;
    return platform.onEvent((event) => {
      if (event.kind === 'capacity-error') {
        const { atSeconds, instanceType, fallbackInstanceType } = event;
        this.capacityErrors.push({ atSecond: Math.round(atSeconds - anchor), instanceType, fallbackInstanceType });
      }
      const described = describeEvent(event);
      if (described !== undefined) {
        recorder.event(event.atSeconds - anchor, described.kind, described.title, described.reason);
      }
    });
  }
}
