import { InputError } from '../core/errors';

/** Account of all local resources. */
export const LOCAL_ACCOUNT = '123456789012';

/** Region of all local resources. */
export const LOCAL_REGION = 'us-east-1';

/** Credentials of the local account's root user: an access key of twelve digits, which no real account accepts. */
export const localCredentials = { accessKeyId: LOCAL_ACCOUNT, secretAccessKey: 'test' } as const;

const REAL_CREDENTIALS = [
  'AWS_PROFILE',
  'AWS_DEFAULT_PROFILE',
  'AWS_SESSION_TOKEN',
  'AWS_ROLE_ARN',
  'AWS_WEB_IDENTITY_TOKEN_FILE',
  'AWS_CONTAINER_CREDENTIALS_FULL_URI',
  'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
];

/**
 * Throws an {@link InputError} when the environment has credentials of a real AWS account: a local run then starts nothing, so that it can
 * never touch one by mistake.
 */
export function refuseRealCredentials(environment: NodeJS.ProcessEnv = process.env): void {
  const found = REAL_CREDENTIALS.filter((name) => environment[name]);
  const key = environment.AWS_ACCESS_KEY_ID;
  if (key && key !== 'test' && !/^\d{12}$/.test(key)) found.push('AWS_ACCESS_KEY_ID');
  if (found.length > 0) {
    throw new InputError(
      `real AWS credentials are in the environment (${found.join(', ')}), and a local run never uses them; ` +
        `unset them for this command: env ${found.map((name) => `-u ${name}`).join(' ')} npm start`,
    );
  }
}
