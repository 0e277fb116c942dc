import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { KafkaSecret } from '../../ingestion/decide/kafka-security';

/** DER of the object identifier of PBES2, 1.2.840.113549.1.5.13. */
const PBES2 = Buffer.from('06092a864886f70d01050d', 'hex');

/**
 * Returns the reason for which Lambda cannot use the certificate and the key of a secret; undefined for none. Both are in PEM, the key in PKCS #8; an
 * encrypted key has its password in the secret and is encrypted by PBES1, because Lambda does not know PBES2.
 *
 * https://docs.aws.amazon.com/lambda/latest/dg/kafka-cluster-auth.html
 */
export function clientCertificateProblem({
  certificate,
  privateKey,
  privateKeyPassword,
}: KafkaSecret): string | undefined {
  if (certificate === undefined) return "it has no 'certificate'";
  if (privateKey === undefined) return "it has no 'privateKey'";
  const content = /-----BEGIN (ENCRYPTED )?PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END/.exec(privateKey);
  if (content === null) return 'its privateKey is no PEM of a PKCS #8 key; convert it by openssl pkcs8 -topk8';
  const [, isEncrypted, base64] = content;
  if (isEncrypted !== undefined) {
    if (privateKeyPassword === undefined) return "its privateKey is encrypted, and it has no 'privateKeyPassword'";
    if (Buffer.from(base64!, 'base64').includes(PBES2))
      return 'its privateKey is encrypted by PBES2, which Lambda does not know; encrypt it by openssl pkcs8 -topk8 -v1 PBE-SHA1-3DES';
  }
  try {
    const key = createPrivateKey({ key: privateKey, passphrase: privateKeyPassword });
    return new X509Certificate(certificate).checkPrivateKey(key)
      ? undefined
      : 'its certificate is not that of its privateKey';
  } catch (error) {
    return `its certificate or its privateKey cannot be read: ${(error as Error).message}`;
  }
}
