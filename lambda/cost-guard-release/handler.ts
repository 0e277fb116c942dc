import type { GuardState } from '../../lib/cost/contract';
import type { HeldLimits } from '../../lib/cost/decide/held-limits';
import { levelRank } from '../../lib/cost/decide/levels';
import { restoreLimits } from '../../lib/cost/decide/restore-limits';
import { textProperty } from '../../lib/runtime/contract';
import type { GuardStore } from '../clients/guard-store';
import type { ScalableTargets } from '../clients/scalable-target';
import type { WallClock } from '../support/clock';
import { readProperties, type CustomResourceRequest, type CustomResourceResponse } from '../support/custom-resource';
import { LOOK_DEADLINE_SECONDS, withDeadline } from '../support/deadline';
import type { Logger } from '../support/logger';
import type { Sleep } from '../support/sleep';

/** Everything outside the handler. */
export interface ReleaseDependencies {
  readonly store: Pick<GuardStore, 'load'>;
  readonly targets: ScalableTargets;
  readonly respond: (url: string, response: CustomResourceResponse) => Promise<void>;
  readonly clock: WallClock;
  readonly sleep: Sleep;
  readonly logger: Logger;
}

/**
 * Time for which limits are restored again and again: an evaluation may still begin two minutes after the schedule was deleted, which is
 * the maximum age of its event in EventBridge and then in Lambda, and takes up to 50 seconds. Looks that take as
 * long as they may make it two looks longer, which leaves the function time to send its response.
 */
const WATCH_SECONDS = 180;

/** Interval between two looks at the limits. */
const LOOK_INTERVAL_SECONDS = 15;

/**
 * Handler of the custom resource that stands for one guarded fleet. Its deletion restores the limits of the fleet: when the fleet leaves
 * the guard, and when the guard is removed from its stack.
 *
 * The deletion succeeds where there is nothing to restore: no state, no limits of the guard, no scalable target, no endpoint. Limits that
 * cannot be restored fail it, with the reason and the way out, so that they are not forgotten.
 */
export function createHandler(dependencies: ReleaseDependencies): (request: CustomResourceRequest) => Promise<void> {
  const { respond, logger } = dependencies;
  return async (request) => {
    const { RequestType, RequestId, StackId, LogicalResourceId, ResponseURL } = request;
    const read = readProperties(request, (properties) => textProperty(properties, 'ResourceId'));
    if ('problem' in read) {
      const ids = { PhysicalResourceId: LogicalResourceId, RequestId, StackId, LogicalResourceId };
      return respond(ResponseURL, { ...ids, Status: 'FAILED', Reason: read.problem });
    }
    const resourceId = read.value;
    // The id changes with the fleet: CloudFormation then deletes the resource of the former one.
    const ids = { PhysicalResourceId: resourceId, RequestId, StackId, LogicalResourceId };
    const problem = RequestType === 'Delete' ? await release(dependencies, resourceId) : undefined;
    if (problem !== undefined) logger.error(`cannot restore the limits of ${resourceId}`, { problem });
    await respond(
      ResponseURL,
      problem === undefined ? { ...ids, Status: 'SUCCESS' } : { ...ids, Status: 'FAILED', Reason: problem },
    );
  };
}

/** Restores the limits of a fleet until no evaluation can set them again; returns the problem that remains. */
async function release(dependencies: ReleaseDependencies, resourceId: string): Promise<string | undefined> {
  const { clock, sleep, logger } = dependencies;
  const endSeconds = clock.now() + WATCH_SECONDS;
  let problem: string | undefined;
  for (;;) {
    const isLast = clock.now() >= endSeconds;
    try {
      problem = undefined;
      if (await isReleased(dependencies, resourceId)) return undefined;
    } catch (error) {
      logger.warn(`the limits of ${resourceId} are not restored yet`, { error });
      problem = describeProblem(resourceId, error);
    }
    if (isLast) return problem;
    await sleep(Math.max(0, Math.min(LOOK_INTERVAL_SECONDS, endSeconds - clock.now())) * 1000);
  }
}

/** Restores the limits once; true when no evaluation will set them again. */
async function isReleased({ store, targets, logger }: ReleaseDependencies, resourceId: string): Promise<boolean> {
  const state = await loadState(store);
  const held = state?.memory.holds[resourceId];
  if (state === undefined || (held === undefined && levelRank(state.memory.level) < levelRank('freeze-growth')))
    return true;
  if (held === undefined) return false;
  const target = { resourceId, scalableDimension: held.scalableDimension };
  const limits = await withDeadline(LOOK_DEADLINE_SECONDS, `limits of ${resourceId}`, (signal) =>
    targets.limits(target, signal),
  );
  if (limits.kind === 'not-registered') return true;
  const { action, before, step } = restoreLimits(resourceId, held, limits, 'the guard no longer limits the fleet');
  if (action === undefined) return false;
  const { minCapacity, maxCapacity } = action;
  logger.info(step.reason, { resourceId });
  try {
    await withDeadline(LOOK_DEADLINE_SECONDS, `limits of ${resourceId}`, (signal) =>
      targets.setLimits(target, { minCapacity, maxCapacity }, signal, before),
    );
  } catch (error) {
    if (!isGone(error)) throw withDeclared(error, held);
    logger.warn(`${resourceId} is gone: its limits are not restored`, { error });
    return true;
  }
  return false;
}

/** Returns the state; undefined where there is none, or no table. */
async function loadState(store: Pick<GuardStore, 'load'>): Promise<GuardState | undefined> {
  try {
    return await store.load();
  } catch (error) {
    if (nameOf(error) === 'ResourceNotFoundException') return undefined;
    throw error;
  }
}

/** True if Application Auto Scaling does not know the target, or SageMaker the endpoint. */
function isGone(error: unknown): boolean {
  if (nameOf(error) === 'ObjectNotFoundException') return true;
  return nameOf(error) === 'ValidationException' && /n't exist|not exist|not found|not find/i.test(String(error));
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : '';
}

function withDeclared(error: unknown, { declared }: HeldLimits): Error {
  const { minCapacity, maxCapacity } = declared;
  return new Error(`${String(error)} (declared: --min-capacity ${minCapacity} --max-capacity ${maxCapacity})`);
}

function describeProblem(resourceId: string, error: unknown): string {
  return (
    `The limits that the cost guard set on ${resourceId} cannot be restored: ${String(error).slice(0, 500)}. ` +
    'Delete again, or set the declared limits with aws application-autoscaling register-scalable-target and delete with ' +
    'this resource retained.'
  );
}
