import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

/** Password of the encrypted keys. */
export const KEY_PASSWORD = 'key-password';

/** Client certificate of an authority, with its key in the forms in which a secret can have it. */
export interface ClientCertificate {
  /** Certificate of the authority. */
  readonly authority: string;
  /** Certificate of the client, and behind it that of the authority. */
  readonly certificate: string;
  /** PKCS #8, not encrypted. */
  readonly plain: string;
  /** PKCS #8, encrypted by PBES1. */
  readonly encrypted: string;
  /** PKCS #8, encrypted by PBES2. */
  readonly encryptedByPbes2: string;
  /** Key in the traditional form of RSA. */
  readonly traditional: string;
}

/** Makes an authority and a client whose certificate it signs, with openssl. */
export function makeClientCertificate(name: string): ClientCertificate {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-client-'));
  const run = (...args: string[]): string =>
    execFileSync('openssl', args, { cwd: directory, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  try {
    const key = ['-newkey', 'rsa:2048', '-nodes'];
    run(
      'req',
      '-x509',
      ...key,
      '-days',
      '3650',
      '-subj',
      `/CN=${name}-authority`,
      '-keyout',
      'ca.key',
      '-out',
      'ca.crt',
    );
    run('req', ...key, '-subj', `/CN=${name}`, '-keyout', 'client.key', '-out', 'client.csr');
    const signer = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '3650'];
    const certificate = run('x509', '-req', '-in', 'client.csr', ...signer);
    const encrypt = (...algorithm: string[]): string =>
      run('pkcs8', '-topk8', '-in', 'client.key', ...algorithm, '-passout', `pass:${KEY_PASSWORD}`);
    const authority = fs.readFileSync(path.join(directory, 'ca.crt'), 'utf8');
    return {
      authority,
      certificate: certificate + authority,
      plain: fs.readFileSync(path.join(directory, 'client.key'), 'utf8'),
      encrypted: encrypt('-v1', 'PBE-SHA1-3DES'),
      encryptedByPbes2: encrypt('-v2', 'aes-256-cbc'),
      traditional: run('rsa', '-in', 'client.key', '-traditional'),
    };
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}
