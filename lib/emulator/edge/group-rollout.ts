import { decideRollout } from '../../edge/decide/rollout';
import { type RunClock, sleepUntil } from '../clock';
import type { CoreDevice, DeploymentDocument, DeploymentResult } from './core-device';
import type { GroupDeployment } from './greengrass';

/** Device of a thing group, as far as a rollout needs it. */
export type GroupMember = Pick<CoreDevice, 'deploy'>;

/** End of a rollout over a thing group. */
export interface RolloutEnd {
  /** `CANCELED` where too many devices failed. */
  readonly status: 'COMPLETED' | 'CANCELED';
  readonly reason: string;
  /** Devices that were notified, in their order. */
  readonly results: readonly DeploymentResult[];
}

const SECONDS_PER_MINUTE = 60;

/**
 * Takes a deployment to the devices of a thing group, as jobs of AWS IoT do: to a number of devices each minute, which grows with successes, and to no
 * further ones at the threshold of failures. Devices that were notified before end by themselves.
 */
export async function rollOutToGroup(
  deployment: GroupDeployment,
  devices: readonly GroupMember[],
  clock: RunClock,
): Promise<RolloutEnd> {
  const { rollout, abort, targetArn: _group, deploymentName: _name, ...document } = deployment;
  const results: DeploymentResult[] = [];
  const deployed: Promise<void>[] = [];
  const progress = { notified: 0, succeeded: 0, failed: 0 };
  for (;;) {
    const decision = decideRollout(rollout, abort, devices.length, progress);
    if (decision.abort || progress.notified === devices.length) {
      await Promise.all(deployed);
      const last = decideRollout(rollout, abort, devices.length, progress);
      return { status: last.abort ? 'CANCELED' : 'COMPLETED', reason: last.reason, results };
    }
    for (const device of devices.slice(progress.notified, progress.notified + decision.notify)) {
      deployed.push(deployTo(device, document, progress, results));
    }
    progress.notified += decision.notify;
    if (progress.notified < devices.length) await sleepUntil(clock, clock.now() + SECONDS_PER_MINUTE);
  }
}

async function deployTo(
  device: GroupMember,
  document: DeploymentDocument,
  progress: { succeeded: number; failed: number },
  results: DeploymentResult[],
): Promise<void> {
  const result = await device.deploy(document);
  results.push(result);
  if (result.status === 'SUCCESSFUL') progress.succeeded++;
  else progress.failed++;
}
