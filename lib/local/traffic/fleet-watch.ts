import type { EpochSeconds } from '../../core/time';
import { repeat } from '../../emulator/repeat';
import type { FleetView, LocalPlatform } from '../deploy/local-platform';
import type { PlatformOutputs } from '../deploy/stack-outputs';
import type { Recorder } from '../recorder';
import { GuardLedger } from './guard-ledger';
import type { GuardRecordReader } from './guard-records';
import type { LoadDriver } from './load-driver';
import type { Outcomes } from './outcomes';

export interface FleetWatchOptions {
  readonly platform: LocalPlatform;
  readonly outputs: PlatformOutputs;
  readonly anchor: EpochSeconds;
  readonly driver: Pick<LoadDriver, 'demand' | 'sentSeconds'>;
  readonly outcomes: Outcomes;
  readonly guard: Pick<GuardRecordReader, 'level'>;
  readonly recorder: Recorder;
  readonly budgetUsd: number | null;
}

/** Interval of observations, real milliseconds: a cap is seen within a few local seconds. */
const OBSERVE_INTERVAL_MS = 100;
/** Interval of samples for the charts: ten local seconds, clamped to 250–2000 ms of real time. */
const SAMPLE_LOCAL_SECONDS = 10;
const MIN_SAMPLE_MS = 250;
const MAX_SAMPLE_MS = 2000;
/** Window of the recent latency: a local minute, but at least longer than the interval at which results are read. */
const LATENCY_WINDOW_SECONDS = 60;
const MIN_LATENCY_WINDOW_MS = 2500;

/** Observes the instances of the endpoint and the cost, for the charts and for the check of the cost guard. */
export class FleetWatch {
  public readonly ledger: GuardLedger;
  /** Maximum number of instances in service at once. */
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

  /** Maximum number of instances in service at once, by type. */
  public peakByType(): { readonly [instanceType: string]: number } {
    return Object.fromEntries(this.peaks);
  }

  /** Observes until the signal aborts; `onProgress` receives the share of the traffic that is sent. */
  public async run(signal: AbortSignal, onProgress: (share: number) => void, trafficSeconds: number): Promise<void> {
    const { speed } = this.options.platform.clock;
    const sampleMs = Math.min(MAX_SAMPLE_MS, Math.max(MIN_SAMPLE_MS, (SAMPLE_LOCAL_SECONDS / speed) * 1000));
    let nextSampleMs = 0;
    let percent = -1;
    await repeat(
      OBSERVE_INTERVAL_MS,
      signal,
      () => {
        if (performance.now() < nextSampleMs) {
          this.observe();
          return;
        }
        nextSampleMs = performance.now() + sampleMs;
        this.sample();
        const share = Math.min(1, this.options.driver.sentSeconds() / trafficSeconds);
        if (share < 1 && Math.floor(share * 100) > percent) {
          percent = Math.floor(share * 100);
          onProgress(share);
        }
      },
      (error) => {
        throw error;
      },
    );
  }

  /** Observes once, without a sample. */
  public observe(): FleetView {
    const view = this.view();
    this.options.outcomes.addSlots({
      at: this.options.platform.clock.now(),
      free: view.queued > 0 ? 0 : Math.max(0, view.inService * view.slotsPerInstance - view.inFlight),
    });
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

  /** Takes the last sample, with the number of records that are still in the stream: the page and the report end as the run did. */
  public sampleEnd(queued: number): void {
    this.setStreamBacklog(queued);
    this.sample();
  }

  private sample(): void {
    const { driver, outcomes, guard, recorder, platform } = this.options;
    const view = this.observe();
    const second = this.second();
    const demand = driver.demand(second);
    const window = Math.max(LATENCY_WINDOW_SECONDS, (MIN_LATENCY_WINDOW_MS / 1000) * platform.clock.speed);
    const since = platform.clock.now() - window;
    const parts = outcomes.recentParts(since);
    recorder.sample({
      second,
      requestsPerSecond: demand.requestsPerSecond,
      demandConcurrency: demand.concurrency,
      capacityConcurrency: view.inService * view.slotsPerInstance,
      inFlight: view.inFlight,
      queued: view.queued,
      streamBacklog: this.streamBacklog,
      ...outcomes.recentLatency(since),
      serviceP95: parts.service,
      queueP95: parts.queue,
      streamP95: parts.stream,
      spendUsd: view.billedUsd - this.billedBefore,
      guardLevel: guard.level(),
      desiredInstances: view.desired,
      provisioningInstances: view.provisioning,
      maxInstances: view.maxCapacity,
      instancesByType: view.byType,
    });
  }

  private view(): FleetView {
    const { platform, outputs } = this.options;
    return platform.fleet(outputs.EndpointName, outputs.VariantName);
  }

  private second(): number {
    return this.options.platform.clock.now() - this.options.anchor;
  }
}
