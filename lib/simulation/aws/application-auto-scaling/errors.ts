import type { TargetKey } from './types';

/** Errors of the Application Auto Scaling API that this model returns. */
export type AutoScalingErrorName =
  | 'ValidationException'
  | 'ObjectNotFoundException'
  | 'LimitExceededException'
  | 'ConcurrentUpdateException'
  | 'FailedResourceAccessException'
  | 'InvalidNextTokenException';

/** Error response in the service's words. */
export class AutoScalingError extends Error {
  public constructor(name: AutoScalingErrorName, message: string) {
    super(message);
    this.name = name;
  }
}

/** Throws a ValidationException with every problem; returns if there is none. */
export function refuseProblems(problems: readonly string[]): void {
  if (problems.length > 0) throw new AutoScalingError('ValidationException', problems.join('; '));
}

/** Error for a policy or action that a target does not have. */
export function notFound(kind: string, key: TargetKey, name: string): AutoScalingError {
  return new AutoScalingError(
    'ObjectNotFoundException',
    `No ${kind} found for service namespace: ${key.serviceNamespace}, resource ID: ${key.resourceId}, ` +
      `scalable dimension: ${key.scalableDimension}, ${name}`,
  );
}
