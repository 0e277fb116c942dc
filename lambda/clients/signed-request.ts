import { S3Client } from '@aws-sdk/client-s3';
import { HttpRequest } from '@smithy/core/protocols';
import { Hash } from '@smithy/core/serde';
import { SignatureV4 } from '@smithy/signature-v4';
import { PermanentError, RetryableError } from '../../lib/core/errors';
import { awsClient } from './aws-client';

/** Hash function of signatures. */
class Sha256 extends Hash {
  public constructor(secret?: ConstructorParameters<typeof Hash>[1]) {
    super('sha256', secret);
  }
}

/** Signer of requests with the credentials and the region of the function. */
export interface RequestSigner {
  readonly region: string;
  /**
   * Sends a request to a service whose client would be the only use of a package, and returns the body of the response.
   *
   * @param service name of the service in its host name and in signatures
   * @throws PermanentError for a refusal; RetryableError without a response, or for a failure of the service
   */
  send(
    service: string,
    request: {
      readonly method: 'GET' | 'POST';
      readonly path: string;
      readonly headers?: { readonly [name: string]: string };
      readonly body?: string;
    },
  ): Promise<unknown>;
  /**
   * Returns the token by which a client of Amazon MSK proves its role: a signed request for a connection, in base64.
   *
   * Source: https://docs.aws.amazon.com/msk/latest/developerguide/iam-access-control.html, and AWS's signer for other languages than Java,
   * https://github.com/aws/aws-msk-iam-sasl-signer-js
   */
  mskToken(): Promise<string>;
}

const TIMEOUT_MS = 5_000;
const ATTEMPTS = 3;
/** Time for which a token is good, seconds. */
const TOKEN_SECONDS = 900;

/** {@link RequestSigner} of the function that runs. */
export function createRequestSigner(region: string, endpointUrl: string | undefined): RequestSigner {
  const credentials = () => awsClient(S3Client).config.credentials();
  const suffix = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  const signerOf = (service: string) => new SignatureV4({ service, region, credentials, sha256: Sha256 });

  async function attempt(
    service: string,
    { method, path, headers = {}, body }: Parameters<RequestSigner['send']>[1],
  ): Promise<unknown> {
    const url = new URL(endpointUrl ?? `https://${service}.${region}.${suffix}`);
    const request = await signerOf(service).sign(
      new HttpRequest({
        method,
        protocol: url.protocol,
        hostname: url.hostname,
        path,
        headers: { ...headers, host: url.host },
        body,
      }),
    );
    let response: Response;
    let text: string;
    try {
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      response = await fetch(new URL(path, url), { method, headers: request.headers, body, signal });
      text = await response.text();
    } catch (error) {
      throw new RetryableError(`${service} ${path}: ${(error as Error).message}`);
    }
    if (response.ok) return JSON.parse(text);
    const problem = `${service} ${path} returned status ${response.status}: ${text.slice(0, 500)}`;
    throw response.status >= 500 || response.status === 429 ? new RetryableError(problem) : new PermanentError(problem);
  }

  return {
    region,
    async send(service, request) {
      for (let count = 1; ; count++) {
        try {
          return await attempt(service, request);
        } catch (error) {
          if (!(error instanceof RetryableError) || count === ATTEMPTS) throw error;
        }
      }
    },
    async mskToken() {
      const hostname = `kafka.${region}.${suffix}`;
      const { query } = await signerOf('kafka-cluster').presign(
        new HttpRequest({
          method: 'GET',
          protocol: 'https:',
          hostname,
          path: '/',
          headers: { host: hostname },
          query: { Action: 'kafka-cluster:Connect' },
        }),
        { expiresIn: TOKEN_SECONDS },
      );
      const parameters = Object.entries({ ...query, 'User-Agent': 'tidegate' })
        .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`)
        .join('&');
      return Buffer.from(`https://${hostname}/?${parameters}`).toString('base64url');
    },
  };
}
