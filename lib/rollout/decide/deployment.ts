/** Endpoint during and after an update. */
export interface ObservedEndpoint {
  readonly status: string;
  readonly configName: string;
  readonly failureReason: string | undefined;
}

/** State of an update. */
export type DeploymentProgress =
  | { readonly progress: 'running' }
  | { readonly progress: 'done' }
  | { readonly progress: 'rolled-back'; readonly reason: string };

/** Statuses in which an endpoint serves and no update is in progress (API reference, DescribeEndpoint). */
const SETTLED = ['InService', 'Failed', 'OutOfService', 'UpdateRollbackFailed'];

/** True if the endpoint serves and no update is in progress. */
export function isSettled({ status }: ObservedEndpoint): boolean {
  return SETTLED.includes(status);
}

/**
 * Decides how far an update is. SageMaker returns to the previous configuration on a rollback, with InService as after a success: the name of the
 * configuration tells one from the other.
 */
export function decideProgress(endpoint: ObservedEndpoint, wantedConfigName: string): DeploymentProgress {
  const { status, configName, failureReason } = endpoint;
  // Scaling during the update leaves it in Updating with the new configuration.
  if (!isSettled(endpoint)) return { progress: 'running' };
  if (status === 'InService' && configName === wantedConfigName) return { progress: 'done' };
  const reason =
    failureReason ??
    (status === 'InService'
      ? `the endpoint returned to ${configName}`
      : `the endpoint is ${status} with the configuration ${configName}`);
  return { progress: 'rolled-back', reason };
}
