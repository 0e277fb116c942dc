import { InputError } from '../../core/errors';

/**
 * Outcome that CloudFormation reports for an update of an endpoint that SageMaker rolled back: `failed`, or, with `silent`, a success. AWS
 * documents neither; a success was seen by users of other deployment tools, which ask whether the endpoint is InService.
 */
export type RollbackReport = 'failed' | 'silent';

/** Environment variable with the {@link RollbackReport} of a local run. */
export const ROLLBACKS_VARIABLE = 'TIDEGATE_LOCAL_ROLLBACKS';

/**
 * Parses {@link ROLLBACKS_VARIABLE}.
 *
 * @throws InputError for another value
 */
export function parseRollbackReport(text: string | undefined): RollbackReport {
  if (text === undefined || text === '' || text === 'failed') return 'failed';
  if (text === 'silent') return 'silent';
  throw new InputError(
    `${ROLLBACKS_VARIABLE} is '${text}'; give 'failed' (a rollback fails the deployment, as without it) or 'silent' (it is reported as a success)`,
  );
}
