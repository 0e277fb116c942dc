import { HttpRequest } from '@smithy/core/protocols';
import { isThrottlingError, isTransientError, StandardRetryStrategy } from '@smithy/core/retry';
import { Hash } from '@smithy/core/serde';
import { SignatureV4 } from '@smithy/signature-v4';
import { setTimeout as sleep } from 'node:timers/promises';
import { plainText } from '../../lib/template';

/** Attempts of a call that was throttled or got no reply, the first included. */
const MAX_ATTEMPTS = 3;

/** Error that a service returned. */
export class ServiceCallError extends Error {
  /** Status of the response, where the SDK's retries look for it. */
  public readonly $metadata: { readonly httpStatusCode: number };

  public constructor(code: string, message: string, httpStatusCode: number) {
    super(message);
    this.name = code;
    this.$metadata = { httpStatusCode };
  }
}

/** Credentials of AWS. */
export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** Hash function of signatures. */
class Sha256 extends Hash {
  public constructor(secret?: ConstructorParameters<typeof Hash>[1]) {
    super('sha256', secret);
  }
}

/**
 * Signed calls for the few operations of services whose clients would be the only use of a package; signatures and retries are those of
 * the SDK.
 *
 * Source: https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html
 */
export class SignedCalls {
  private readonly retries = new StandardRetryStrategy(MAX_ATTEMPTS);

  public constructor(
    private readonly options: {
      readonly region: string;
      readonly credentials: () => Promise<AwsCredentials>;
      /** URL of another endpoint than AWS's. */
      readonly endpointUrl?: string;
      /** Maximum time of an attempt. */
      readonly timeoutMs: number;
    },
  ) {}

  /** Calls of another region. */
  public in(region: string): SignedCalls {
    return new SignedCalls({ ...this.options, region });
  }

  /**
   * Calls an operation in the JSON protocol.
   *
   * @param service name of the service in signatures
   * @param host prefix of the service's host name
   * @throws ServiceCallError with the code of the service
   */
  public async call(
    service: string,
    host: string,
    target: string,
    input: object,
  ): Promise<{ readonly [member: string]: unknown }> {
    const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target };
    return this.retried(async () => {
      const { isOk, status, text } = await this.post(service, host, headers, JSON.stringify(input));
      const reply = (text.startsWith('{') ? JSON.parse(text) : {}) as { readonly [member: string]: unknown };
      if (isOk) return reply;
      const code = plainText(reply['__type'] ?? `HTTP ${status}`).replace(/^.*#/, '');
      throw new ServiceCallError(code, plainText(reply['message'] ?? reply['Message'] ?? text.slice(0, 200)), status);
    });
  }

  /**
   * Returns account and ARN of the caller.
   *
   * @throws ServiceCallError when the credentials are refused
   */
  public async callerIdentity(): Promise<{ readonly accountId: string; readonly arn: string }> {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const body = 'Action=GetCallerIdentity&Version=2011-06-15';
    return this.retried(async () => {
      const { isOk, status, text } = await this.post('sts', 'sts', headers, body);
      const element = (name: string): string => new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1] ?? '';
      if (isOk) return { accountId: element('Account'), arn: element('Arn') };
      throw new ServiceCallError(element('Code') || `HTTP ${status}`, element('Message') || text.slice(0, 200), status);
    });
  }

  /** Repeats a call that was throttled or got no reply, after the SDK's pauses. */
  private async retried<Reply>(call: () => Promise<Reply>): Promise<Reply> {
    let token = await this.retries.acquireInitialRetryToken('');
    for (;;) {
      try {
        const reply = await call();
        this.retries.recordSuccess(token);
        return reply;
      } catch (error) {
        const errorType = retryable(error as SdkError);
        if (errorType === undefined) throw error;
        try {
          token = await this.retries.refreshRetryTokenForRetry(token, { errorType });
        } catch {
          throw error;
        }
        await sleep(token.getRetryDelay());
      }
    }
  }

  private async post(
    service: string,
    host: string,
    headers: { readonly [name: string]: string },
    body: string,
  ): Promise<{ readonly isOk: boolean; readonly status: number; readonly text: string }> {
    const { region, credentials, endpointUrl, timeoutMs } = this.options;
    const suffix = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
    const url = new URL(endpointUrl ?? `https://${host}.${region}.${suffix}`);
    const signer = new SignatureV4({ service, region, credentials, sha256: Sha256 });
    const request = await signer.sign(
      new HttpRequest({
        method: 'POST',
        protocol: url.protocol,
        hostname: url.hostname,
        path: '/',
        headers: { ...headers, host: url.host },
        body,
      }),
    );
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await fetch(url, { method: 'POST', headers: request.headers, body, signal });
    return { isOk: response.ok, status: response.status, text: await response.text() };
  }
}

/** Error as the retries of the SDK read it. */
type SdkError = Parameters<typeof isThrottlingError>[0];

/** Returns the kind of an error after which the SDK repeats a call; undefined for one that would come again. */
function retryable(error: SdkError): 'THROTTLING' | 'TRANSIENT' | undefined {
  if (isThrottlingError(error)) return 'THROTTLING';
  return isTransientError(error) ? 'TRANSIENT' : undefined;
}
