import type { EndpointTourState } from '../../platform/contract';
import { InvokeConnection } from '../deploy/invoke';
import type { EndpointSnapshot } from '../../emulator/snapshot';
import { endpointOf, instancesOf, until, type TourContext, type TourResults } from './context';
import { MAX_ALARM_SECONDS, recordAlarms } from './alarms';
import { driftFromDeployment } from './configuration-drift';
import { ClosedLoopLoad, type FailedCall } from './closed-loop-load';

const TIMEOUT_MS = 75_000;
/** Number of callers that need four instances, and of those that need three during the deployments. */
const MANY_CALLERS = 24;
const STEADY_CALLERS = 12;
/** Local time without failures after which a rollback is complete. */
const QUIET_SECONDS = 60;

/** Deployment under live traffic with its expected effects. */
interface Change {
  readonly state: EndpointTourState;
  /** True if the deployment has to fail, because SageMaker rolls the endpoint back. */
  readonly rollsBack: boolean;
  /** True if requests to the new version may fail. */
  readonly mayFail: boolean;
}

const CHANGES: readonly Change[] = [
  { state: 'without-scaling', rollsBack: false, mayFail: false },
  { state: 'other-instance-types', rollsBack: false, mayFail: false },
  { state: 'next-version', rollsBack: false, mayFail: false },
  { state: 'unhealthy-version', rollsBack: true, mayFail: false },
  { state: 'failing-version', rollsBack: true, mayFail: true },
];

/** Scales the real-time endpoint out and in, and deploys five changes under live traffic. */
export async function realTimeStep(context: TourContext): Promise<TourResults> {
  const { platform, outputs, signal } = context;
  const name = outputs.RealTimeEndpointName;
  const connection = new InvokeConnection(platform.invokeUrl, name, TIMEOUT_MS);
  const load = new ClosedLoopLoad('real-time', platform.clock, (body) => connection.invoke(body), signal);
  try {
    load.setCallers(MANY_CALLERS);
    await until(context, 'the real-time endpoint has four instances', 3600, () => instancesOf(context, name) === 4);
    load.setCallers(STEADY_CALLERS);
    await until(
      context,
      'the real-time endpoint has less than four instances',
      3600,
      () => instancesOf(context, name) < 4,
    );
    let results: TourResults = {};
    for (const change of CHANGES) results = { ...results, ...(await makeChange(context, load, change)) };
    results = { ...results, ...(await driftFromDeployment(context, load)) };
    await load.stop();
    await until(context, 'the real-time endpoint has one instance', 3600, () => instancesOf(context, name) === 1);
    return { requests: load.sent, answered: load.answered, peakInstances: 4, finalInstances: 1, ...results };
  } finally {
    await load.stop();
    connection.close();
  }
}

async function makeChange(context: TourContext, load: ClosedLoopLoad, change: Change): Promise<TourResults> {
  const { platform, outputs, note } = context;
  const { state, rollsBack, mayFail } = change;
  const before = endpointOf(context, outputs.RealTimeEndpointName);
  const desired = before.variants[0]!.desiredInstances;
  const failedBefore = load.failures.length;
  const sentBefore = load.sent;
  const alarms = recordAlarms(context);
  note(`deploying ${state}`);
  let failure: string | undefined;
  await context.deploy(state).catch((error: unknown) => {
    context.signal.throwIfAborted();
    failure = error instanceof Error ? error.message : String(error);
  });
  if (rollsBack && failure !== undefined) {
    await until(context, `${state}: the alarm on the rollback goes off`, MAX_ALARM_SECONDS, () =>
      alarms.has('RolloutRolledBack'),
    );
  }
  alarms.end();
  if (rollsBack !== (failure !== undefined)) {
    throw new Error(rollsBack ? `${state} was deployed without a rollback` : `${state}: ${failure}`);
  }
  const after = endpointOf(context, outputs.RealTimeEndpointName);
  const kept = after.variants[0]!.desiredInstances;
  // The policy may have scaled meanwhile; a single instance, as in the template, means that the deployment reset the count.
  if (kept < Math.min(2, desired)) throw new Error(`${state}: ${desired} instances became ${kept}`);
  const isChanged = after.configName !== before.configName;
  if (rollsBack && isChanged)
    throw new Error(`${state}: the endpoint has ${after.configName}, not ${before.configName}`);
  const failures = load.failures.slice(failedBefore);
  const unexpected = failures.filter((failure) => !mayFail || !isOfModel(failure));
  if (unexpected.length > 0) {
    const [{ statusCode, body }] = unexpected as [FailedCall];
    throw new Error(
      `${state}: ${unexpected.length} requests failed, the first with ${statusCode}: ${body.slice(0, 200)}`,
    );
  }
  const sent = load.sent - sentBefore;
  const results: TourResults = { [`${state}: requests`]: sent, [`${state}: failed`]: failures.length };
  if (!rollsBack)
    return { ...results, [`${state}: instances`]: `${desired} before, ${kept} after (${typesOf(after)})` };

  const failed = load.failures.length;
  if (mayFail) await platform.clock.sleep(QUIET_SECONDS, context.signal);
  if (load.failures.length > failed) throw new Error(`${state}: requests still fail after the rollback`);
  return {
    ...results,
    [`${state}: instances`]: `${desired} before, ${kept} after`,
    [`${state}: alarm`]: alarms.names().join(', '),
  };
}

const typesOf = ({ variants }: EndpointSnapshot): string =>
  Object.entries(variants[0]!.byType)
    .filter(([, count]) => count > 0)
    .map(([type]) => type)
    .join(', ');

/** True for errors of the model itself. */
const isOfModel = ({ statusCode, body }: FailedCall): boolean =>
  statusCode === 424 && /"OriginalStatusCode":\s*500/.test(body);
