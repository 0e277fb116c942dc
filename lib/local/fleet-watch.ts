import type { EpochSeconds } from '../core/time';
import type { GuardWatch } from './guard-watch';
import type { LoadDriver } from './load/load-driver';
import type { Outcomes } from './load/outcomes';
import type { Platform } from './platform';
import { repeat } from './repeat';
import { GuardLedger } from './report/guard-ledger';
import type { Recorder } from './report/recorder';
import type { StackOutputs } from './stack-outputs';

export interface FleetWatchOptions {
  readonly platform: Platform;
  readonly outputs: StackOutputs;
  readonly anchor: EpochSeconds;
  readonly driver: Pick<LoadDriver, 'demand' | 'sentSeconds'>;
  readonly outcomes: Outcomes;
  readonly guard: Pick<GuardWatch, 'level'>;
  readonly recorder: Recorder;
  readonly budgetUsd: number | null;
}

/** The fleet is looked at this often (real), so that a cap is seen within a few local seconds. */
const LOOK_MS = 100;
/** A sample for the charts: every ten local seconds, but neither oftener nor rarer than this (real). */
const SAMPLE_LOCAL_SECONDS = 10;
const SHORTEST_SAMPLE_MS = 250;
const LONGEST_SAMPLE_MS = 2000;
/** Latency is of the answers learned in this window: a local minute, and long enough to span the reading of results. */
const LATENCY_WINDOW_SECONDS = 60;
const LATENCY_WINDOW_MS = 2500;

/** Looks at the endpoint's fleet and at the spend, for the charts and for what the guard is held to. */
export class FleetWatch {
  public readonly ledger: GuardLedger;
  /** The most instances in service at once. */
  public peakInstances = 0;
  private readonly peaks = new Map<string, number>();
  private readonly billedBefore: number;
  private streamBacklog = 0;

  public constructor(private readonly options: FleetWatchOptions) {
    this.ledger = new GuardLedger(options.budgetUsd);
    this.billedBefore = this.view().billedUsd;
  }

  public setStreamBacklog(records: number): void {
    this.streamBacklog = records;
  }

  /** The most instances in service at once, by type. */
  public peakByType(): { readonly [instanceType: string]: number } {
    return Object.fromEntries(this.peaks);
  }

  /** Looks until the signal aborts; `onProgress` hears the share of the traffic that was sent. */
  public async run(signal: AbortSignal, onProgress: (share: number) => void, trafficSeconds: number): Promise<void> {
    const { speed } = this.options.platform.clock;
    const sampleMs = Math.min(LONGEST_SAMPLE_MS, Math.max(SHORTEST_SAMPLE_MS, (SAMPLE_LOCAL_SECONDS / speed) * 1000));
    let nextSampleMs = 0;
    let percent = -1;
    await repeat(
      LOOK_MS,
      signal,
      () => {
        if (Date.now() >= nextSampleMs) {
          nextSampleMs = Date.now() + sampleMs;
          this.sample();
          const share = Math.min(1, this.options.driver.sentSeconds() / trafficSeconds);
          if (share < 1 && Math.floor(share * 100) > percent) {
            percent = Math.floor(share * 100);
            onProgress(share);
          }
        } else {
          this.look();
        }
      },
      (error) => {
        throw error;
      },
    );
  }

  /** One look, without a sample. */
  public look(): ReturnType<FleetWatch['view']> {
    const view = this.view();
    this.ledger.observe({
      second: this.second(),
      spendUsd: view.billedUsd - this.billedBefore,
      instances: view.inService + view.provisioning,
      maxInstances: view.maxCapacity,
    });
    this.peakInstances = Math.max(this.peakInstances, view.inService);
    for (const [type, count] of Object.entries(view.byType)) {
      this.peaks.set(type, Math.max(this.peaks.get(type) ?? 0, count));
    }
    return view;
  }

  private sample(): void {
    const { driver, outcomes, guard, recorder, platform } = this.options;
    const view = this.look();
    const second = this.second();
    const demand = driver.demand(second);
    const window = Math.max(LATENCY_WINDOW_SECONDS, (LATENCY_WINDOW_MS / 1000) * platform.clock.speed);
    recorder.sample({
      second,
      requestsPerSecond: demand.requestsPerSecond,
      demandConcurrency: demand.concurrency,
      capacityConcurrency: view.inService * view.slotsPerInstance,
      inFlight: view.inFlight,
      queued: view.queued,
      streamBacklog: this.streamBacklog,
      ...outcomes.recentLatency(platform.clock.now() - window),
      spendUsd: view.billedUsd - this.billedBefore,
      guardLevel: guard.level(),
      desiredInstances: view.desired,
      provisioningInstances: view.provisioning,
      maxInstances: view.maxCapacity,
      instancesByType: view.byType,
    });
  }

  private view(): ReturnType<Platform['fleet']> {
    const { platform, outputs } = this.options;
    return platform.fleet(outputs.EndpointName, outputs.VariantName);
  }

  private second(): number {
    return this.options.platform.clock.now() - this.options.anchor;
  }
}
