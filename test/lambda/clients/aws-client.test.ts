import type { NodeHttpHandler } from '@smithy/node-http-handler';
import { awsClient } from '../../../lambda/clients/aws-client';

/** Service that keeps its configuration. */
class Service {
  public constructor(public readonly configuration: { maxAttempts: number; requestHandler: NodeHttpHandler }) {}
}

/** Returns the limits that a client of the service has. */
async function limitsOf({ configuration: { maxAttempts, requestHandler } }: Service) {
  // The handler settles its configuration with its first request; the address is one where nobody listens.
  const request = { protocol: 'http:', hostname: '127.0.0.1', port: 9, method: 'GET', path: '/', headers: {} };
  await requestHandler.handle(request as never).catch(() => undefined);
  const { httpAgent, httpsAgent, ...timeouts } = requestHandler.httpHandlerConfigs();
  const agents = [httpAgent, httpsAgent].map((agent) => {
    const { maxSockets, options } = agent as { maxSockets: number; options: { keepAlive?: boolean } };
    return { maxSockets, keepAlive: options.keepAlive };
  });
  return { maxAttempts, agents, timeouts };
}

test('every client has limits of its calls, and keeps its connections open', async () => {
  const agent = { maxSockets: 200, keepAlive: true };
  expect(await limitsOf(awsClient(Service))).toMatchObject({
    maxAttempts: 3,
    agents: [agent, agent],
    timeouts: { connectionTimeout: 2_000, requestTimeout: 5_000, socketTimeout: 5_000, throwOnRequestTimeout: true },
  });
});

test('a client may have other limits, and settings of its service', async () => {
  const limits = { maxAttempts: 1, requestTimeoutMs: 65_000, maxSockets: 7 };
  const client = awsClient(Service, limits, { region: 'eu-west-3' });
  expect(client.configuration).toMatchObject({ region: 'eu-west-3' });
  expect(await limitsOf(client)).toMatchObject({
    maxAttempts: 1,
    agents: [{ maxSockets: 7 }, { maxSockets: 7 }],
    timeouts: { connectionTimeout: 2_000, requestTimeout: 65_000, socketTimeout: 65_000 },
  });
});
