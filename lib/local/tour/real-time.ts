import type { TourState } from '../../platform/contract';
import { InvokeConnection } from '../load/direct-sender';
import type { EndpointSnapshot } from '../sidecar/snapshot';
import { endpointOf, instancesOf, until, type Facts, type Stage } from './act';
import { ALARM_SECONDS, listenForAlarms } from './alarms-heard';
import { changeByHand } from './by-hand';
import { LiveLoad, type FailedCall } from './live-load';

const TIMEOUT_MS = 75_000;
/** Callers that need four instances, and those that go on while versions change and need three. */
const MANY_CALLERS = 24;
const STEADY_CALLERS = 12;
/** Local seconds without a failure after which a way back is over. */
const QUIET_SECONDS = 60;

/** A deployment over live traffic, and what has to come of it. */
interface Change {
  readonly state: TourState;
  /** Whether CloudFormation has to refuse it, because the endpoint went back. */
  readonly goesBack: boolean;
  /** Whether requests may fail that the new version answered. */
  readonly mayFail: boolean;
}

const CHANGES: readonly Change[] = [
  { state: 'without-scaling', goesBack: false, mayFail: false },
  { state: 'other-instance-types', goesBack: false, mayFail: false },
  { state: 'next-version', goesBack: false, mayFail: false },
  { state: 'unhealthy-version', goesBack: true, mayFail: false },
  { state: 'failing-version', goesBack: true, mayFail: true },
];

/** Deploys a state; rejects as the deployment does. */
export type DeployState = (state: TourState) => Promise<void>;

/** The real-time endpoint: out and in under traffic, and five deployments while requests go on. */
export async function realTimeAct(stage: Stage, deploy: DeployState): Promise<Facts> {
  const { platform, outputs, signal } = stage;
  const name = outputs.RealTimeEndpointName;
  const connection = new InvokeConnection(platform.invokeUrl, name, TIMEOUT_MS);
  const load = new LiveLoad('real-time', platform.clock, (body) => connection.invoke(body), signal);
  try {
    load.setCallers(MANY_CALLERS);
    await until(stage, 'the real-time endpoint has four instances', 3600, () => instancesOf(stage, name) === 4);
    load.setCallers(STEADY_CALLERS);
    await until(stage, 'the real-time endpoint is in from four instances', 3600, () => instancesOf(stage, name) < 4);
    let facts: Facts = {};
    for (const change of CHANGES) facts = { ...facts, ...(await makeChange(stage, load, change, deploy)) };
    facts = { ...facts, ...(await changeByHand(stage, load)) };
    await load.stop();
    await until(stage, 'one instance is left', 3600, () => instancesOf(stage, name) === 1);
    return { requests: load.sent, answered: load.answered, peakInstances: 4, endedAt: 1, ...facts };
  } finally {
    await load.stop();
    connection.close();
  }
}

async function makeChange(stage: Stage, load: LiveLoad, change: Change, deploy: DeployState): Promise<Facts> {
  const { platform, outputs, note } = stage;
  const { state, goesBack, mayFail } = change;
  const before = endpointOf(stage, outputs.RealTimeEndpointName);
  const desired = before.variants[0]!.desiredInstances;
  const failedBefore = load.failures.length;
  const sentBefore = load.sent;
  const alarms = listenForAlarms(stage);
  note(`deploys ${state}`);
  let refusal: string | undefined;
  await deploy(state).catch((error: unknown) => {
    stage.signal.throwIfAborted();
    refusal = error instanceof Error ? error.message : String(error);
  });
  if (goesBack && refusal !== undefined) {
    await until(stage, `${state}: an alarm tells that it was taken back`, ALARM_SECONDS, () =>
      alarms.has('RolloutTakenBack'),
    );
  }
  alarms.end();
  if (goesBack !== (refusal !== undefined)) {
    throw new Error(goesBack ? `${state} was deployed, and should not have been` : `${state}: ${refusal}`);
  }
  const after = endpointOf(stage, outputs.RealTimeEndpointName);
  const kept = after.variants[0]!.desiredInstances;
  // The policy may have decided meanwhile; the count of the template, 1, would be a deployment that reset it.
  if (kept < Math.min(2, desired)) throw new Error(`${state}: ${desired} instances became ${kept}`);
  const isChanged = after.configName !== before.configName;
  if (goesBack && isChanged)
    throw new Error(`${state}: the endpoint has ${after.configName}, not ${before.configName}`);
  const failures = load.failures.slice(failedBefore);
  const foreign = failures.filter((failure) => !mayFail || !isOfModel(failure));
  if (foreign.length > 0) {
    const [{ statusCode, body }] = foreign as [FailedCall];
    throw new Error(`${state}: ${foreign.length} requests failed, the first with ${statusCode}: ${body.slice(0, 200)}`);
  }
  const sent = load.sent - sentBefore;
  const facts: Facts = { [`${state}: requests`]: sent, [`${state}: failed`]: failures.length };
  if (!goesBack) return { ...facts, [`${state}: instances`]: `${desired} before, ${kept} after (${typesOf(after)})` };

  const failed = load.failures.length;
  if (mayFail) await platform.clock.sleep(QUIET_SECONDS, stage.signal);
  if (load.failures.length > failed) throw new Error(`${state}: requests still fail after the way back`);
  return {
    ...facts,
    [`${state}: instances`]: `${desired} before, ${kept} after`,
    [`${state}: alarm`]: alarms.names().join(', '),
  };
}

const typesOf = ({ variants }: EndpointSnapshot): string =>
  Object.entries(variants[0]!.byType)
    .filter(([, count]) => count > 0)
    .map(([type]) => type)
    .join(', ');

/** The model itself answered with an error. */
const isOfModel = ({ statusCode, body }: FailedCall): boolean =>
  statusCode === 424 && /"OriginalStatusCode":\s*500/.test(body);
