import { InputError } from '../../core/errors';

/** Secret of a client, or of an authority: a JSON object of texts. */
export interface KafkaSecret {
  readonly [name: string]: string;
}

/** Settings of a Kafka client for the encryption of its connections, and for its identity. */
export interface KafkaSecurity {
  readonly ssl: true | TlsSettings;
  readonly sasl?: SaslUser;
}

interface TlsSettings {
  /** Certificates of the authorities that may have signed that of a broker, in PEM. @default - those of Node.js */
  readonly ca?: string[];
  readonly cert?: string;
  readonly key?: string;
  readonly passphrase?: string;
}

interface SaslUser {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  readonly username: string;
  readonly password: string;
}

const SASL_MECHANISMS: { readonly [mechanism: string]: SaslUser['mechanism'] } = {
  BASIC_AUTH: 'plain',
  SASL_SCRAM_256_AUTH: 'scram-sha-256',
  SASL_SCRAM_512_AUTH: 'scram-sha-512',
};

export interface KafkaCredentials {
  /** Type of Lambda's `SourceAccessConfiguration`, or `NONE`. */
  readonly mechanism: string;
  /** ARN of the secret, for messages. */
  readonly secretArn: string | undefined;
  readonly secret: KafkaSecret;
  /** Certificate of the authority of the brokers, in PEM; undefined for those that clients trust anyway. */
  readonly authority: string | undefined;
}

/**
 * Returns the settings of a client that proves who it is by a secret, over TLS.
 *
 * https://docs.aws.amazon.com/lambda/latest/dg/kafka-cluster-auth.html
 *
 * @throws InputError when the secret lacks a member that the mechanism needs
 */
export function kafkaSecurity({ mechanism, secretArn, secret, authority }: KafkaCredentials): KafkaSecurity {
  const trust = authority === undefined ? {} : { ca: [authority] };
  const required = (name: string): string => {
    const value = secret[name];
    if (value !== undefined) return value;
    throw new InputError(`the secret ${secretArn} has no '${name}'; give it the JSON that ${mechanism} needs`);
  };
  if (mechanism === 'CLIENT_CERTIFICATE_TLS_AUTH') {
    const key = { key: required('privateKey'), passphrase: secret.privateKeyPassword };
    return { ssl: { ...trust, cert: required('certificate'), ...key } };
  }
  const ssl = authority === undefined ? true : trust;
  const saslMechanism = SASL_MECHANISMS[mechanism];
  if (saslMechanism === undefined) return { ssl };
  return {
    ssl,
    sasl: { mechanism: saslMechanism, username: required('username'), password: required('password') },
  };
}

/** True for a broker, as `host:port`, whose address is of this machine. */
export function isLoopback(broker: string): boolean {
  return /^127(\.\d{1,3}){3}:\d+$/.test(broker);
}
