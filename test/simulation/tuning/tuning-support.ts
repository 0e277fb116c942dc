import { rehearse, type RehearsalOptions } from '../../../lib/simulation/simulator';
import type { ServiceTimes } from '../../../lib/simulation/service-times';
import { fleetsOfTemplate, type FleetBlueprint } from '../../../lib/simulation/template';
import {
  demandOf,
  estimate,
  figuresOf,
  type Candidate,
  type Demand,
  type TuningCrew,
  type TuningSettings,
} from '../../../lib/simulation/tuning';
import type { Workload } from '../../../lib/simulation/workload';
import { chatTemplate, type ChatTemplate } from '../template/chat-template';

export const SERVICE: ServiceTimes = {
  kind: 'distribution',
  distribution: 'lognormal',
  meanSeconds: 2,
  coefficientOfVariation: 1,
};
export const PROVISIONING = { kind: 'lognormal', medianSeconds: 258, sigma: 0.2 } as const;

/** A fleet of ml.g5.xlarge with 8 slots each, 1 to 8 instances unless told otherwise. */
export function chatFleet(template?: ChatTemplate): FleetBlueprint {
  return fleetsOfTemplate(chatTemplate(template), { name: 'Chat' }).fleets[0]!;
}

/** Traffic of so many requests in each step. */
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

/** Days with their peak at noon: requests a minute from `low` to `high`. */
export function dailyTraffic(days: number, low: number, high: number): Workload {
  const minutes = Array.from({ length: Math.round(days * 1440) }, (_, minute) => {
    const wave = (1 - Math.cos((2 * Math.PI * minute) / 1440)) / 2;
    return Math.round(low + (high - low) * wave);
  });
  return countedTraffic(minutes);
}

export function demandFor(traffic: Workload, service: ServiceTimes = SERVICE): Demand {
  return demandOf(traffic, { service, seed: 1, requestTimeoutSeconds: 60 });
}

/** Settings in the middle of everything. */
export function candidateWith(changes: Partial<Candidate> = {}): Candidate {
  return {
    metric: 'concurrency-10s',
    safetyFactor: 0.7,
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
    leastCapacity: 1,
    ...changes,
  };
}

/** A crew of one. */
export function crewOfOne(traffic: Workload, demand: Demand, settings: TuningSettings): TuningCrew {
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
