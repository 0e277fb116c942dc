import { rehearse, type RehearsalOptions } from '../../../lib/simulation/rehearse';
import type { ServiceTimes } from '../../../lib/simulation/traffic/service-times';
import { fleetsOfTemplates, type FleetBlueprint } from '../../../lib/simulation/blueprint';
import {
  demandOf,
  estimate,
  figuresOf,
  type Candidate,
  type Demand,
  type TuningExecutor,
  type TuningSettings,
} from '../../../lib/simulation/tune';
import type { Workload } from '../../../lib/simulation/traffic';
import { chatTemplate, type ChatTemplate } from '../blueprint/chat-template';

export const SERVICE: ServiceTimes = {
  kind: 'distribution',
  distribution: 'lognormal',
  meanSeconds: 2,
  coefficientOfVariation: 1,
};
export const PROVISIONING = { kind: 'lognormal', medianSeconds: 258, sigma: 0.2 } as const;

/** Fleet of ml.g5.xlarge with 8 slots each, by default of 1 to 8 instances. */
export function chatFleet(template?: ChatTemplate): FleetBlueprint {
  return fleetsOfTemplates([{ name: 'Chat', document: chatTemplate(template) }]).fleets[0]!;
}

/** Traffic with the given number of requests in each step. */
export function countedTraffic(counts: readonly number[], stepSeconds = 60): Workload {
  return {
    name: 'counts',
    description: `${counts.length} steps`,
    durationSeconds: counts.length * stepSeconds,
    requestCount: counts.reduce((sum, count) => sum + count, 0),
    columns: { kind: 'counts', stepSeconds, counts: Uint32Array.from(counts), steps: counts.length },
    requests: () => {
      throw new Error('the columns hold the requests');
    },
  };
}

/** Traffic that rises from `low` to `high` requests per minute and falls again in each period. */
export function waveTraffic(minutes: number, low: number, high: number, periodMinutes = minutes): Workload {
  return countedTraffic(
    Array.from({ length: minutes }, (_, minute) => {
      const wave = (1 - Math.cos((2 * Math.PI * minute) / periodMinutes)) / 2;
      return Math.round(low + (high - low) * wave);
    }),
  );
}

/** Days with their peak at noon: requests per minute from `low` to `high`. */
export function dailyTraffic(days: number, low: number, high: number): Workload {
  return waveTraffic(Math.round(days * 1440), low, high, 1440);
}

export function demandFor(traffic: Workload, service: ServiceTimes = SERVICE): Demand {
  return demandOf(traffic, { service, seed: 1, requestTimeoutSeconds: 60 });
}

/** Candidate with ordinary settings. */
export function candidateWith(changes: Partial<Candidate> = {}): Candidate {
  return {
    metric: 'concurrency-10s',
    targetRatio: 0.7,
    scaleOutCooldownSeconds: 60,
    scaleInCooldownSeconds: 300,
    minCapacity: 1,
    maxCapacity: 8,
    ...changes,
  };
}

export function settingsWith(changes: Partial<TuningSettings> = {}): TuningSettings {
  return {
    seed: 1,
    sloPercent: 99,
    sloWaitSeconds: 1,
    service: SERVICE,
    provisioning: PROVISIONING,
    requestTimeoutSeconds: 60,
    candidates: 60,
    minCapacityFloor: 1,
    ...changes,
  };
}

/** Executor without threads. */
export function inlineExecutor(traffic: Workload, demand: Demand, settings: TuningSettings): TuningExecutor {
  const options: RehearsalOptions = {
    seed: settings.seed,
    service: settings.service,
    provisioning: settings.provisioning,
    sloWaitSeconds: settings.sloWaitSeconds,
    sloPercent: settings.sloPercent,
    requestTimeoutSeconds: settings.requestTimeoutSeconds,
  };
  return {
    estimate: (candidates, estimateOptions, onDone) => {
      onDone(candidates.length);
      return Promise.resolve(candidates.map((candidate) => estimate(candidate, demand, estimateOptions)));
    },
    rehearse: (tasks, onDone) => {
      onDone(tasks.length);
      return Promise.resolve(
        tasks.map(({ blueprint, untilSeconds }) =>
          figuresOf(
            rehearse(blueprint, traffic, {
              ...options,
              ...(untilSeconds !== undefined && { toSeconds: untilSeconds }),
            }),
          ),
        ),
      );
    },
  };
}
