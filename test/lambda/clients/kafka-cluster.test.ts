import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { connectCluster } from '../../../lambda/clients/kafka-cluster';
import { createRequestSigner, type RequestSigner } from '../../../lambda/clients/signed-request';
import { InputError, PermanentError, RetryableError } from '../../../lib/core/errors';

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
  const seen: {
    readonly method: string;
    readonly url: string;
    readonly authorization: string;
    readonly body: string;
  }[] = [];
  const statuses: number[] = [];

  beforeAll(async () => {
    Object.assign(process.env, {
      AWS_ACCESS_KEY_ID: 'test-id',
      AWS_SECRET_ACCESS_KEY: 'test-key',
      AWS_REGION: 'us-east-1',
    });
    server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        const { method, url, headers } = request;
        const body = Buffer.concat(parts).toString();
        seen.push({ method: method!, url: url!, authorization: headers.authorization ?? '', body });
        response.writeHead(statuses.shift() ?? 200, { 'content-type': 'application/json' });
        response.end('{"answer":1}');
      });
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

  test('has its method, its headers and its body, which the signature covers', async () => {
    const headers = { 'x-amz-target': 'secretsmanager.GetSecretValue' };
    await signer().send('secretsmanager', { method: 'POST', path: '/', headers, body: '{"a":1}' });
    expect(seen[0]).toMatchObject({ method: 'POST', url: '/', body: '{"a":1}' });
    expect(seen[0]!.authorization).toMatch(/SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-target/);
    expect(signer().region).toBe('us-east-1');
  });

  test.each([500, 503, 429])(
    'is made three times where the service fails with %d, and may be made later',
    async (status) => {
      statuses.push(status, status, status);
      const failure = await signer()
        .send('kafka', { method: 'GET', path: '/x' })
        .catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(RetryableError);
      expect((failure as Error).message).toBe(`kafka /x returned status ${status}: {"answer":1}`);
      expect(seen).toHaveLength(3);
    },
  );

  test('without a response may be made later', async () => {
    const nobody = createRequestSigner('us-east-1', 'http://127.0.0.1:1');
    await expect(nobody.send('kafka', { method: 'GET', path: '/x' })).rejects.toThrow(RetryableError);
    await expect(nobody.send('kafka', { method: 'GET', path: '/x' })).rejects.toThrow(/^kafka \/x: /);
  });

  test.each([
    ['eu-west-1', 'kafka.eu-west-1.amazonaws.com'],
    ['cn-north-1', 'kafka.cn-north-1.amazonaws.com.cn'],
  ])('in %s goes to %s', async (region, host) => {
    const fetched = jest.spyOn(globalThis, 'fetch').mockImplementation(() => Promise.resolve(new Response('{}')));
    await createRequestSigner(region, undefined).send('kafka', { method: 'GET', path: '/x' });
    expect(String(fetched.mock.calls[0]![0])).toBe(`https://${host}/x`);
    fetched.mockRestore();
    const token = Buffer.from(await createRequestSigner(region, undefined).mskToken(), 'base64url').toString();
    expect(new URL(token).host).toBe(host);
  });

  test('is not made again after a refusal', async () => {
    statuses.push(403);
    const failure = await signer()
      .send('kafka', { method: 'GET', path: '/' })
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(PermanentError);
    expect((failure as Error).message).toMatch(/returned status 403/);
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
