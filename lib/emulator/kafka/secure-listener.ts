import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { promisify } from 'node:util';
import { InputError } from '../../core/errors';
import { writeWholeFile } from '../../files/write-file';

/** User of a broker whose listener knows its clients by SASL over TLS. */
export interface KafkaUser {
  /** Letters, digits, hyphens and underscores. */
  readonly username: string;
  /** Letters, digits, hyphens and underscores. */
  readonly password: string;
}

/** Name of the listener with a user, as clients call its protocol. */
export const SECURE_PROTOCOL = 'SASL_SSL';

/** Name of the listener at which clients prove who they are by certificates (mutual TLS). */
export const MUTUAL_PROTOCOL = 'SSL';

/** Days for which the certificate of a broker is valid. */
const VALID_DAYS = 3650;
const SCRAM = ['SCRAM-SHA-256', 'SCRAM-SHA-512'];

interface Settings {
  readonly [name: string]: string;
}

/**
 * Makes a key and a certificate of a broker's address in its folder, and returns the settings of listeners that use them. The certificate is its own
 * authority.
 *
 * @throws InputError without the program openssl
 */
export async function brokerIdentity(directory: string, host: string): Promise<Settings> {
  const keyStore = await makeKeyStore(directory, host);
  return { 'ssl.keystore.type': 'PEM', 'ssl.keystore.location': keyStore.replaceAll('\\', '/') };
}

/**
 * Returns the settings of a listener that lets in the clients whose certificates an authority has signed.
 *
 * @param authority certificate of the authority, in PEM
 */
export function mutualListener(directory: string, authority: string): Settings {
  const trustStore = path.join(directory, 'clients.crt');
  writeWholeFile(trustStore, authority);
  const listener = `listener.name.${MUTUAL_PROTOCOL.toLowerCase()}.ssl`;
  return {
    [`${listener}.client.auth`]: 'required',
    [`${listener}.truststore.type`]: 'PEM',
    [`${listener}.truststore.location`]: trustStore.replaceAll('\\', '/'),
  };
}

/**
 * Returns the settings of a listener that lets in a user over TLS.
 *
 * @throws InputError for a user that cannot be written into the settings
 */
export function secureListener({ username, password }: KafkaUser): Settings {
  for (const [name, value] of Object.entries({ username, password })) {
    if (/^[\w-]+$/.test(value)) continue;
    throw new InputError(
      `the ${name} of the Kafka user has characters that its broker does not take; give letters, digits, - and _`,
    );
  }
  const login = 'org.apache.kafka.common.security';
  const listener = `listener.name.${SECURE_PROTOCOL.toLowerCase()}`;
  return {
    'sasl.enabled.mechanisms': [...SCRAM, 'PLAIN'].join(','),
    ...Object.fromEntries(
      SCRAM.map((mechanism) => [
        `${listener}.${mechanism.toLowerCase()}.sasl.jaas.config`,
        `${login}.scram.ScramLoginModule required;`,
      ]),
    ),
    [`${listener}.plain.sasl.jaas.config`]: `${login}.plain.PlainLoginModule required user_${username}="${password}";`,
  };
}

/** Options of `StorageTool format` with which the user is there from the first start. */
export function scramOptions({ username, password }: KafkaUser): string[] {
  return SCRAM.flatMap((mechanism) => ['--add-scram', `${mechanism}=[name=${username},password=${password}]`]);
}

/** Certificate of the broker in a folder, in PEM. */
export function readCertificate(directory: string): string {
  return fs.readFileSync(path.join(directory, 'broker.crt'), 'utf8');
}

/** Returns the file with the key and the certificate of a broker. */
async function makeKeyStore(directory: string, host: string): Promise<string> {
  const keyStore = path.join(directory, 'broker.pem');
  const certificate = path.join(directory, 'broker.crt');
  const names = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=IP:${host}`];
  const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', String(VALID_DAYS), ...names];
  try {
    await promisify(execFile)('openssl', [...request, '-keyout', keyStore, '-out', certificate]);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new InputError(
      code === 'ENOENT'
        ? 'a Kafka broker with a listener over TLS needs the program openssl for its certificate: install it, on Debian or Ubuntu the package openssl'
        : `openssl did not make the certificate of the Kafka broker: ${message}`,
    );
  }
  // The file keeps the permissions that openssl gave the key: its owner alone reads it.
  writeWholeFile(keyStore, fs.readFileSync(keyStore, 'utf8') + fs.readFileSync(certificate, 'utf8'));
  return keyStore;
}
