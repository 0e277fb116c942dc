import type { TargetKey } from './types';

/** The errors of the Application Auto Scaling API that this model can give. */
export type AutoScalingErrorName =
  | 'ValidationException'
  | 'ObjectNotFoundException'
  | 'LimitExceededException'
  | 'ConcurrentUpdateException'
  | 'FailedResourceAccessException'
  | 'InvalidNextTokenException';

/** A refusal in the words of the service. */
export class AutoScalingError extends Error {
  public constructor(name: AutoScalingErrorName, message: string) {
    super(message);
    this.name = name;
  }
}

/** Throws a ValidationException with every problem, or returns when there is none. */
export function refuseProblems(problems: readonly string[]): void {
  if (problems.length > 0) throw new AutoScalingError('ValidationException', problems.join('; '));
}

/** The refusal of something that a target does not have. */
export function notFound(what: string, key: TargetKey, name: string): AutoScalingError {
  return new AutoScalingError(
    'ObjectNotFoundException',
    `No ${what} found for service namespace: ${key.serviceNamespace}, resource ID: ${key.resourceId}, ` +
      `scalable dimension: ${key.scalableDimension}, ${name}`,
  );
}
