import { Kafka, logLevel, type KafkaConfig } from 'kafkajs';
import { InputError } from '../../lib/core/errors';
import { parseJson, parseValue } from '../../lib/core/parse';
import type { KafkaConnection } from '../../lib/ingestion/contract';
import { isLoopback, kafkaSecurity } from '../../lib/ingestion/decide/kafka-security';
import type { RequestSigner } from './signed-request';

/** Member of the response of `GetBootstrapBrokers` with the brokers for a mechanism. */
const BROKERS_OF: { readonly [mechanism: string]: string } = {
  IAM: 'bootstrapBrokerStringSaslIam',
  SASL_SCRAM_512_AUTH: 'bootstrapBrokerStringSaslScram',
  CLIENT_CERTIFICATE_TLS_AUTH: 'bootstrapBrokerStringTls',
  NONE: 'bootstrapBrokerStringTls',
};

/**
 * Returns a client of a Kafka cluster that proves who it is in the way of the connection. Each call is made once: whether it may be repeated is up to
 * the caller.
 *
 * @throws InputError for a cluster without brokers for the mechanism, or a secret of another form
 */
export async function connectCluster(connection: KafkaConnection, signer: RequestSigner): Promise<Kafka> {
  const brokers = await brokersOf(connection, signer);
  return new Kafka({
    clientId: 'tidegate',
    brokers: [...brokers],
    logLevel: logLevel.NOTHING,
    connectionTimeout: 5_000,
    authenticationTimeout: 5_000,
    requestTimeout: 15_000,
    enforceRequestTimeout: true,
    retry: { retries: 0 },
    ...(await securityOf(connection, brokers, signer)),
  });
}

async function brokersOf(
  { clusterArn, bootstrapServers, mechanism }: KafkaConnection,
  signer: RequestSigner,
): Promise<readonly string[]> {
  if (bootstrapServers !== undefined) return bootstrapServers;
  if (clusterArn === undefined) throw new InputError('the connection names neither an MSK cluster nor brokers');
  const path = `/v1/clusters/${encodeURIComponent(clusterArn)}/bootstrap-brokers`;
  const response = await signer.send('kafka', { method: 'GET', path });
  return parseValue('the brokers of the cluster', response, (root) => {
    const member = BROKERS_OF[mechanism];
    const text = member && root.at(member).optional((node) => node.text());
    if (text) return text.split(',');
    throw new InputError(
      `the cluster ${clusterArn} has no brokers for ${mechanism}; enable it on the cluster, or give the authentication that it has`,
    );
  });
}

async function securityOf(
  { mechanism, secretArn, rootCaSecretArn }: KafkaConnection,
  brokers: readonly string[],
  signer: RequestSigner,
): Promise<Pick<KafkaConfig, 'ssl' | 'sasl'>> {
  if (mechanism === 'IAM') {
    // The broker of a local run, which knows no roles; nothing leaves the machine.
    if (brokers.every(isLoopback)) return {};
    const oauthBearerProvider = async () => ({ value: await signer.mskToken() });
    return { ssl: true, sasl: { mechanism: 'oauthbearer', oauthBearerProvider } };
  }
  const secret = secretArn === undefined ? {} : await readSecret(secretArn, signer);
  const authority = rootCaSecretArn === undefined ? undefined : (await readSecret(rootCaSecretArn, signer)).certificate;
  return kafkaSecurity({ mechanism, secretArn, secret, authority }) as Pick<KafkaConfig, 'ssl' | 'sasl'>;
}

async function readSecret(secretArn: string, signer: RequestSigner): Promise<{ readonly [name: string]: string }> {
  const response = await signer.send('secretsmanager', {
    method: 'POST',
    path: '/',
    headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'secretsmanager.GetSecretValue' },
    body: JSON.stringify({ SecretId: secretArn }),
  });
  try {
    const text = parseValue('the secret', response, (root) => root.at('SecretString').text());
    return parseJson('the secret', text, 'an object of texts', (root) => root.map((node) => node.anyText()));
  } catch {
    // The messages of the parser quote what they refuse, which here is secret.
    throw new InputError(
      `the secret ${secretArn} has to be a JSON object of texts, such as {"username": "…", "password": "…"}`,
    );
  }
}
