import { z } from 'zod';
import { isLoopback, kafkaSecurity, type KafkaSecret, type KafkaSecurity } from '../../ingestion/decide/kafka-security';
import { clientCertificateProblem } from './client-certificate';
import { connectKafka, type ClientSecurity, type Kafka } from './kafka-client';
import type { KafkaMapping, MappingCredentials } from './kafka-mapping';
import type { LambdaForKafka } from './lambda-for-kafka';

/**
 * Problems of a connection, as `LastProcessingResult` of a mapping names them. For a secret that the role may not read the documentation has no text.
 *
 * https://docs.aws.amazon.com/lambda/latest/dg/with-kafka-troubleshoot.html
 */
const PROBLEMS = {
  credentials: 'PROBLEM: SASL authentication failed',
  clientCertificate: 'PROBLEM: Server failed to authenticate Lambda',
  authority: 'PROBLEM: Lambda failed to authenticate server',
  secret: 'PROBLEM: Provided certificate or private key is invalid',
  denied: 'PROBLEM: Lambda may not read the secret with the role of the function',
  connection: 'PROBLEM: Connection error. Please check your event source connection configuration.',
} as const;

/** Failure that is a problem of the mapping. */
class MappingProblem extends Error {
  public constructor(
    public readonly problem: string,
    message: string,
  ) {
    super(message);
  }
}

interface ConnectionSettings {
  /** Address of the broker that stands for clusters that are not on this machine. */
  readonly brokerAddress: string;
  readonly lambda: Pick<LambdaForKafka, 'secret'>;
  /** Attempts of a call after the first. @default 5 */
  readonly retries?: number;
}

/**
 * Returns clients of the cluster of a mapping. A cluster of one's own whose brokers are on this machine is connected to as the mapping says: over TLS,
 * with the secrets that the function's role may read. For every other one the broker of the account stands, which knows no credentials; the role
 * still has to be allowed to read them, as for every batch.
 */
export async function connectMapping(mapping: KafkaMapping, settings: ConnectionSettings): Promise<Kafka> {
  const { brokerAddress, lambda, retries } = settings;
  const { credentials, bootstrapServers } = mapping;
  if (bootstrapServers === undefined || !bootstrapServers.split(',').every(isLoopback))
    return connectKafka(brokerAddress, { retries });
  if (credentials === undefined) return connectKafka(bootstrapServers, { retries });
  const security = await securityOf(mapping, credentials, lambda);
  return connectKafka(bootstrapServers, { retries, security: security as ClientSecurity });
}

/** Connects once, so that a client that is refused is known at once and not after the retries of a consumer. */
export async function proveConnection(kafka: Kafka): Promise<void> {
  const admin = kafka.admin();
  try {
    await admin.connect();
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

/** Problem of a mapping that stands behind a failure to connect; undefined for a failure of another kind. */
export function connectionProblem(error: Error): string | undefined {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof MappingProblem) return cause.problem;
    if (cause.name === 'KafkaJSSASLAuthenticationError') return PROBLEMS.credentials;
    // A broker that knows its clients by certificates ends the handshake with an alert.
    if (/alert [\w ]*(certificate|unknown ca)/i.test(cause.message)) return PROBLEMS.clientCertificate;
    if (/certificate|altnames/i.test(cause.message)) return PROBLEMS.authority;
    if (cause.name === 'KafkaJSConnectionError') return PROBLEMS.connection;
  }
  return undefined;
}

async function securityOf(
  mapping: KafkaMapping,
  { mechanism, secretArn, authoritySecretArn }: MappingCredentials,
  lambda: ConnectionSettings['lambda'],
): Promise<KafkaSecurity> {
  const isCertificate = mechanism === 'CLIENT_CERTIFICATE_TLS_AUTH';
  const unusable = isCertificate ? PROBLEMS.secret : PROBLEMS.credentials;
  const read = async (arn: string | undefined, problem: string): Promise<KafkaSecret> =>
    arn === undefined ? {} : readSecret(mapping, arn, lambda, problem);
  const secret = await read(secretArn, unusable);
  const { certificate } = await read(authoritySecretArn, PROBLEMS.secret);
  if (authoritySecretArn !== undefined && certificate === undefined)
    throw new MappingProblem(PROBLEMS.secret, `the secret ${authoritySecretArn} has no 'certificate'`);
  const reason = isCertificate ? clientCertificateProblem(secret) : undefined;
  if (reason !== undefined) throw new MappingProblem(unusable, `the secret ${secretArn} is of no use: ${reason}`);
  try {
    return kafkaSecurity({ mechanism, secretArn, secret, authority: certificate });
  } catch (error) {
    throw new MappingProblem(unusable, (error as Error).message);
  }
}

async function readSecret(
  mapping: KafkaMapping,
  arn: string,
  lambda: ConnectionSettings['lambda'],
  unusable: string,
): Promise<KafkaSecret> {
  const { text, denied } = await lambda.secret(mapping, arn);
  if (denied !== undefined)
    throw new MappingProblem(PROBLEMS.denied, `the function's role needs ${denied} for the secret ${arn}`);
  if (text === undefined) throw new MappingProblem(PROBLEMS.connection, `there is no secret ${arn}`);
  const parsed = z.record(z.string(), z.string()).safeParse(jsonOf(text));
  if (parsed.success) return parsed.data;
  // The message of the parser would quote what is secret.
  throw new MappingProblem(unusable, `the secret ${arn} has to be a JSON object of texts`);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
