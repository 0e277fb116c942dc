import { LOCAL_REGION, localCredentials } from '../credentials';
import { dateOnMachine, type RunClock } from '../clock';
import type { RoleCredentials } from './token-exchange';

export interface AssumedRole {
  readonly engineUrl: string;
  readonly roleArn: string;
  /** Name of the session, which refusals of calls show. */
  readonly sessionName: string;
  /** Clock of the engine, by which the credentials expire. @default - that of the machine */
  readonly clock?: Pick<RunClock, 'now' | 'speed'>;
}

/**
 * Returns credentials of a role in the local account, as AWS IoT gives them to a device for its role alias. Calls with them are checked against the
 * policies of the role. Their expiration is on the clock of the machine, which is that of the components.
 */
export async function assumeRole({ engineUrl, roleArn, sessionName, clock }: AssumedRole): Promise<RoleCredentials> {
  const response = await fetch(engineUrl, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      // The engine reads the account and the service from the credential's scope and checks no signature.
      authorization: `AWS4-HMAC-SHA256 Credential=${localCredentials.accessKeyId}/20260101/${LOCAL_REGION}/sts/aws4_request, SignedHeaders=host, Signature=local`,
    },
    body: new URLSearchParams({
      Action: 'AssumeRole',
      Version: '2011-06-15',
      RoleArn: roleArn,
      RoleSessionName: sessionName,
    }),
    signal: AbortSignal.timeout(10_000),
  });
  const text = await response.text();
  const value = (name: string): string => {
    const [, found] = new RegExp(`<${name}>([^<]+)</${name}>`).exec(text) ?? [];
    if (found === undefined) throw new Error(`${roleArn} cannot be assumed: ${text.slice(0, 300)}`);
    return found;
  };
  const expiration = new Date(value('Expiration'));
  return {
    accessKeyId: value('AccessKeyId'),
    secretAccessKey: value('SecretAccessKey'),
    sessionToken: value('SessionToken'),
    expiration: clock === undefined ? expiration : dateOnMachine(clock, expiration.getTime() / 1000),
  };
}
