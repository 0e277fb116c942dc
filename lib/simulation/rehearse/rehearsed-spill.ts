import { ASYNC_TIMEOUT_SECONDS } from './options';
import { RehearsalLoop } from './rehearsal-loop';

/**
 * Plays the records that left the stream of a run on the asynchronous endpoint that takes them: each joins its queue at the moment at which it spilled,
 * and the endpoint's own policies scale it, from its minimum at the start to the end of the run. Returns undefined where no record spilled or no such
 * endpoint is known.
 */
export function rehearseSpill({ setup, spilled }: RehearsalLoop): RehearsalLoop | undefined {
  const { spill, ...rest } = setup;
  const requests = spilled.list();
  if (spill === undefined || requests.at.length === 0) return undefined;
  const { name, description, durationSeconds } = setup.traffic;
  const loop = new RehearsalLoop({
    ...rest,
    ...spill,
    onProgress: undefined,
    onSpan: undefined,
    requests,
    traffic: {
      ...{ name, description, durationSeconds, requestCount: requests.at.length },
      requests: () => setup.traffic.requests(),
    },
    startInstances: spill.blueprint.plan.minCapacity,
    requestTimeoutSeconds: setup.blueprint.stream?.spillTtlSeconds ?? ASYNC_TIMEOUT_SECONDS,
    queueLimitPerInstance: Infinity,
  });
  loop.run(() => true);
  return loop;
}
