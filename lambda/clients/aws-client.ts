import { NodeHttpHandler } from '@smithy/node-http-handler';

/** Limits of the calls of a client. */
export interface CallLimits {
  /** Maximum time for a connection to be established, milliseconds. */
  readonly connectionTimeoutMs: number;
  /** Maximum time from the start of an attempt to its response, and of silence within the response, milliseconds. */
  readonly requestTimeoutMs: number;
  /** Maximum number of attempts of one call, the first included. */
  readonly maxAttempts: number;
  /** Maximum number of connections; a call beyond them waits, and the time it waits counts as its connection time. */
  readonly maxSockets: number;
}

/**
 * Limits of every client that states no others. The SDK itself waits for a response without limit
 * (https://docs.aws.amazon.com/sdk-for-javascript/v3/developer-guide/node-configuring-http.html), so that one request that is accepted and
 * never answered would take the whole time of an invocation.
 */
const CALL_LIMITS: CallLimits = {
  // A connection within a region takes milliseconds; a lost first packet is sent again after a second.
  connectionTimeoutMs: 2_000,
  // The calls of the handlers read or write one item, or one page; their slowest percentile is below a second.
  requestTimeoutMs: 5_000,
  // Throttling and lost connections pass; three attempts at the request timeout are 15 s, below the timeout of every function.
  maxAttempts: 3,
  // Below the 1,024 file descriptors of a function (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
  maxSockets: 200,
};

/** Part of the configuration that the clients of all services have in common. */
interface CommonConfiguration {
  readonly maxAttempts: number;
  readonly requestHandler: NodeHttpHandler;
}

/**
 * Returns a client of an AWS service whose calls end in time. Connections are kept open between calls. The one place of `lambda/` where
 * clients are made.
 */
export function awsClient<Client, Configuration extends object>(
  service: new (configuration: Configuration & CommonConfiguration) => Client,
  limits: Partial<CallLimits> = {},
  configuration: Configuration = {} as Configuration,
): Client {
  const { connectionTimeoutMs, requestTimeoutMs, maxAttempts, maxSockets } = { ...CALL_LIMITS, ...limits };
  const agent = { keepAlive: true, maxSockets };
  return new service({
    maxAttempts,
    requestHandler: new NodeHttpHandler({
      httpAgent: agent,
      httpsAgent: agent,
      connectionTimeout: connectionTimeoutMs,
      requestTimeout: requestTimeoutMs,
      socketTimeout: requestTimeoutMs,
      // Without it the handler only writes a warning.
      throwOnRequestTimeout: true,
    }),
    ...configuration,
  });
}
