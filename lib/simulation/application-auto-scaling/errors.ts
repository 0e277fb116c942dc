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
