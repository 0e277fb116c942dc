import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { connectCluster } from '../../../lambda/clients/kafka-cluster';
import { createRequestSigner, type RequestSigner } from '../../../lambda/clients/signed-request';
import { InputError } from '../../../lib/core/errors';

const clusterArn = 'arn:aws:kafka:us-east-1:123456789012:cluster/chat/6d5c8f3e-7';

const connections: { [name: string]: unknown }[] = [];
jest.mock('kafkajs', () => ({
  logLevel: { NOTHING: 0 },
  Kafka: class {
    public constructor(settings: { [name: string]: unknown }) {
      connections.push(settings);
    }
  },
}));

/** Requests that were sent, with their services. */
const requests: unknown[] = [];
beforeEach(() => void (requests.length = 0));

/** Signer whose services answer from a table. */
const signerWith = (replies: { readonly [service: string]: unknown }): RequestSigner => ({
  region: 'us-east-1',
  send: (service, request) => {
    requests.push({ service, ...request });
    const { body } = request;
    const { SecretId = '' } = JSON.parse(body ?? '{}') as { SecretId?: string };
    const reply = replies[SecretId || service];
    return Promise.resolve(SecretId === '' ? reply : { SecretString: JSON.stringify(reply) });
  },
  mskToken: () => Promise.resolve('token'),
});

const settingsOf = async (...[connection, signer]: Parameters<typeof connectCluster>) => {
  await connectCluster(connection, signer);
  return connections.pop()!;
};

describe('a client of a Kafka cluster', () => {
  test('proves its role to Amazon MSK, over TLS', async () => {
    const brokers = 'b-1.example.com:9098,b-2.example.com:9098';
    const signer = signerWith({ kafka: { bootstrapBrokerStringSaslIam: brokers, bootstrapBrokerString: 'b:9092' } });
    const { sasl, ...settings } = await settingsOf({ clusterArn, mechanism: 'IAM' }, signer);
    expect(settings).toMatchObject({ brokers: brokers.split(','), ssl: true, retry: { retries: 0 } });
    const { mechanism, oauthBearerProvider } = sasl as {
      mechanism: string;
      oauthBearerProvider: () => Promise<object>;
    };
    expect([mechanism, await oauthBearerProvider()]).toEqual(['oauthbearer', { value: 'token' }]);
  });

  test('gives its role to no broker of this machine', async () => {
    const signer = signerWith({ kafka: { bootstrapBrokerStringSaslIam: '127.0.0.1:9092' } });
    const settings = await settingsOf({ clusterArn, mechanism: 'IAM' }, signer);
    expect([settings.ssl, settings.sasl]).toEqual([undefined, undefined]);
    // A name that looks like an address of this machine is none.
    const stranger = signerWith({ kafka: { bootstrapBrokerStringSaslIam: '127.0.0.1.example.com:9098' } });
    expect((await settingsOf({ clusterArn, mechanism: 'IAM' }, stranger)).ssl).toBe(true);
    const mixed = signerWith({ kafka: { bootstrapBrokerStringSaslIam: '127.0.0.1:9092,b-1.example.com:9098' } });
    expect((await settingsOf({ clusterArn, mechanism: 'IAM' }, mixed)).ssl).toBe(true);
  });

  test.each([
    ['SASL_SCRAM_512_AUTH', 'scram-sha-512'],
    ['SASL_SCRAM_256_AUTH', 'scram-sha-256'],
    ['BASIC_AUTH', 'plain'],
  ])('uses the user of a secret with %s, over TLS', async (mechanism, name) => {
    const signer = signerWith({ user: { username: 'u', password: 'p' }, authority: { certificate: 'PEM' } });
    const connection = { bootstrapServers: ['b-1.example.com:9096'], mechanism, secretArn: 'user' };
    const sasl = { mechanism: name, username: 'u', password: 'p' };
    expect(await settingsOf(connection, signer)).toMatchObject({ brokers: ['b-1.example.com:9096'], ssl: true, sasl });
    const own = { ...connection, rootCaSecretArn: 'authority' };
    expect(await settingsOf(own, signer)).toMatchObject({ ssl: { ca: ['PEM'] }, sasl });
  });

  test('uses the certificate of a secret', async () => {
    const secret = { certificate: 'C', privateKey: 'K', privateKeyPassword: 'P' };
    const connection = { bootstrapServers: ['b:9094'], mechanism: 'CLIENT_CERTIFICATE_TLS_AUTH', secretArn: 'client' };
    const { ssl, sasl } = await settingsOf(connection, signerWith({ client: secret }));
    expect([ssl, sasl]).toEqual([{ cert: 'C', key: 'K', passphrase: 'P' }, undefined]);
  });

  test('asks the cluster for the brokers of its authentication, and waits for none of them without end', async () => {
    const brokers = {
      bootstrapBrokerStringSaslScram: 'scram:9096',
      bootstrapBrokerStringTls: 'tls:9094',
      bootstrapBrokerStringSaslIam: 'iam:9098',
    };
    const certificate = { certificate: 'C', privateKey: 'K' };
    const signer = signerWith({ kafka: brokers, user: { username: 'u', password: 'p' }, client: certificate });
    const scram = { clusterArn, mechanism: 'SASL_SCRAM_512_AUTH', secretArn: 'user' };
    expect(await settingsOf(scram, signer)).toMatchObject({
      clientId: 'tidegate',
      brokers: ['scram:9096'],
      enforceRequestTimeout: true,
    });
    const tls = { clusterArn, mechanism: 'CLIENT_CERTIFICATE_TLS_AUTH', secretArn: 'client' };
    expect(await settingsOf(tls, signer)).toMatchObject({ brokers: ['tls:9094'], ssl: { cert: 'C', key: 'K' } });
    expect(requests.slice(0, 2)).toEqual([
      { service: 'kafka', method: 'GET', path: `/v1/clusters/${encodeURIComponent(clusterArn)}/bootstrap-brokers` },
      {
        service: 'secretsmanager',
        method: 'POST',
        path: '/',
        headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'secretsmanager.GetSecretValue' },
        body: '{"SecretId":"user"}',
      },
    ]);
  });

  test.each([
    { SecretString: 'hunter2' },
    { SecretString: '{"username":"u","password":[2222]}' },
    { SecretString: '["hunter2"]' },
    { SecretBinary: 'aHVudGVyMg==' },
  ])('names a secret that is no object of texts, and shows nothing of it: %j', async (reply) => {
    const signer = { ...signerWith({}), send: () => Promise.resolve(reply) };
    const connection = { bootstrapServers: ['b:9096'], mechanism: 'BASIC_AUTH', secretArn: 'arn:secret' };
    const failure = await connectCluster(connection, signer).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(InputError);
    expect((failure as Error).message).toMatch(/^the secret arn:secret has to be a JSON object of texts/);
    expect(inspect(failure)).not.toMatch(/hunter|aHVud|2222/);
  });

  test('encrypts where the brokers ask for no identity', async () => {
    const signer = signerWith({ kafka: { bootstrapBrokerStringTls: 'b:9094' } });
    const { brokers, ssl, sasl } = await settingsOf({ clusterArn, mechanism: 'NONE' }, signer);
    expect([brokers, ssl, sasl]).toEqual([['b:9094'], true, undefined]);
  });

  test('names what a cluster or a secret lacks', async () => {
    const plain = signerWith({ kafka: { bootstrapBrokerString: 'b:9092' }, user: { username: 'u' } });
    await expect(connectCluster({ clusterArn, mechanism: 'IAM' }, plain)).rejects.toThrow(/has no brokers for IAM/);
    const connection = { bootstrapServers: ['b:9096'], mechanism: 'BASIC_AUTH', secretArn: 'user' };
    await expect(connectCluster(connection, plain)).rejects.toThrow(/the secret user has no 'password'/);
    await expect(connectCluster({ mechanism: 'IAM' }, plain)).rejects.toThrow(/neither an MSK cluster nor brokers/);
  });
});

describe('a signed request', () => {
  let server: Server;
  const seen: { readonly url: string; readonly authorization: string }[] = [];
  const statuses: number[] = [];

  beforeAll(async () => {
    Object.assign(process.env, {
      AWS_ACCESS_KEY_ID: 'test-id',
      AWS_SECRET_ACCESS_KEY: 'test-key',
      AWS_REGION: 'us-east-1',
    });
    server = createServer((request, response) => {
      seen.push({ url: request.url!, authorization: request.headers.authorization ?? '' });
      response.writeHead(statuses.shift() ?? 200, { 'content-type': 'application/json' });
      response.end('{"answer":1}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => void server.close());
  beforeEach(() => void (seen.length = statuses.length = 0));

  const signer = () => createRequestSigner('us-east-1', `http://127.0.0.1:${(server.address() as AddressInfo).port}`);

  test('is made for its service, and again after a failure of the service', async () => {
    statuses.push(500, 429);
    expect(await signer().send('kafka', { method: 'GET', path: '/v1/clusters/a%3Ab/bootstrap-brokers' })).toEqual({
      answer: 1,
    });
    expect(seen).toHaveLength(3);
    expect(seen[0]!.url).toBe('/v1/clusters/a%3Ab/bootstrap-brokers');
    expect(seen[0]!.authorization).toMatch(/Credential=test-id\/\d{8}\/us-east-1\/kafka\/aws4_request/);
  });

  test('is not made again after a refusal', async () => {
    statuses.push(403);
    await expect(signer().send('kafka', { method: 'GET', path: '/' })).rejects.toThrow(/returned status 403/);
    expect(seen).toHaveLength(1);
  });

  test('for a connection to Amazon MSK is a token that ends after 15 minutes', async () => {
    const url = new URL(Buffer.from(await signer().mskToken(), 'base64url').toString());
    expect([url.host, url.pathname]).toEqual(['kafka.us-east-1.amazonaws.com', '/']);
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      Action: 'kafka-cluster:Connect',
      'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
      'X-Amz-Credential': expect.stringMatching(/^test-id\/\d{8}\/us-east-1\/kafka-cluster\/aws4_request$/),
      'X-Amz-Expires': '900',
      'X-Amz-SignedHeaders': 'host',
      'X-Amz-Signature': expect.stringMatching(/^[0-9a-f]{64}$/),
      'User-Agent': 'tidegate',
    });
  });
});
