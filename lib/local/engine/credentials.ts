import { InputError } from '../../core/errors';

/** The account that everything local lives in. */
export const LOCAL_ACCOUNT = '123456789012';

/** The region that everything local lives in. */
export const LOCAL_REGION = 'us-east-1';

/** The root user of the local account: an access key of twelve digits, which no real account accepts. */
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
 * Throws an {@link InputError} when the environment could reach a real AWS account: a local run starts nothing then, so
 * that no mistake of its own can ever touch one.
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
