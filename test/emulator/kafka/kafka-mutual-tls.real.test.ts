import { connectCluster } from '../../../lambda/clients/kafka-cluster';
import type { RequestSigner } from '../../../lambda/clients/signed-request';
import type { SecureBroker } from '../../../lib/emulator/kafka/kafka-broker';
import { KafkaAuthentication } from '../../../lib/ingestion';
import { describeWith } from '../../support/needs';
import { KEY_PASSWORD, makeClientCertificate, type ClientCertificate } from './client-certificates';
import { KafkaAccount } from './kafka-account';
import { MISSING_KAFKA } from './local-kafka';
import { OWN_LIMIT_MS, OWN_TOPIC, OwnIngestion, problemWith } from './own-cluster';

const REFUSED = 'PROBLEM: Server failed to authenticate Lambda';
const UNUSABLE = 'PROBLEM: Provided certificate or private key is invalid';

describeWith(MISSING_KAFKA, 'a Kafka cluster of one’s own that knows its clients by certificates', () => {
  let account: KafkaAccount;
  let cluster: SecureBroker;
  let own: OwnIngestion;
  let known: ClientCertificate;
  let stranger: ClientCertificate;

  beforeAll(async () => {
    known = makeClientCertificate('reader');
    stranger = makeClientCertificate('stranger');
    account = await KafkaAccount.start({ clientAuthority: known.authority });
    cluster = account.broker.mutual!;
    own = new OwnIngestion(account, cluster, (secret) => KafkaAuthentication.mutualTls(secret));
    await own.createTopic();
  }, 400_000);
  afterAll(async () => {
    own?.close();
    await account?.stop();
  });

  const plainSecret = ({ certificate, plain: privateKey }: ClientCertificate) => ({ certificate, privateKey });
  const encryptedSecret = ({ certificate, encrypted: privateKey }: ClientCertificate) => ({
    certificate,
    privateKey,
    privateKeyPassword: KEY_PASSWORD,
  });

  test('lets in whose certificate its authority signed, and names the problem of any other', async () => {
    const { certificate } = known;
    const secrets: { readonly [name: string]: object } = {
      plain: plainSecret(known),
      encrypted: encryptedSecret(known),
      stranger: plainSecret(stranger),
      wrongPassword: { ...encryptedSecret(known), privateKeyPassword: 'wrong' },
      noPassword: { certificate, privateKey: known.encrypted },
      pbes2: { ...encryptedSecret(known), privateKey: known.encryptedByPbes2 },
      traditional: { certificate, privateKey: known.traditional },
      foreignKey: { certificate, privateKey: stranger.plain },
      noKey: { certificate },
      noCertificate: { privateKey: known.plain },
      authority: { certificate: cluster.certificate },
    };
    const replies = Object.fromEntries(
      Object.entries(secrets).map(([name, secret]) => [name, { text: JSON.stringify(secret) }]),
    );
    const found: { [name: string]: string | undefined } = {};
    for (const name of Object.keys(secrets).filter((one) => one !== 'authority')) {
      const types = { CLIENT_CERTIFICATE_TLS_AUTH: name, SERVER_ROOT_CA_CERTIFICATE: 'authority' };
      found[name] = await problemWith(cluster, types, replies);
    }
    expect(found).toEqual({
      plain: undefined,
      encrypted: undefined,
      stranger: REFUSED,
      wrongPassword: UNUSABLE,
      noPassword: UNUSABLE,
      pbes2: UNUSABLE,
      traditional: UNUSABLE,
      foreignKey: UNUSABLE,
      noKey: UNUSABLE,
      noCertificate: UNUSABLE,
    });
    expect(await problemWith(cluster, { SERVER_ROOT_CA_CERTIFICATE: 'authority' }, replies)).toBe(REFUSED);
    expect(await problemWith(cluster, { CLIENT_CERTIFICATE_TLS_AUTH: 'plain' }, replies)).toBe(
      'PROBLEM: Lambda failed to authenticate server',
    );
  }, 120_000);

  test('lets in the functions of the product, with an encrypted key', async () => {
    const secrets: { readonly [arn: string]: object } = {
      client: encryptedSecret(known),
      authority: { certificate: cluster.certificate },
    };
    const signer = {
      send: async (_: string, { body }: { readonly body: string }) => {
        const { SecretId } = JSON.parse(body) as { SecretId: string };
        return { SecretString: JSON.stringify(secrets[SecretId]) };
      },
    } as unknown as RequestSigner;
    const connection = {
      bootstrapServers: [cluster.bootstrapServers],
      mechanism: 'CLIENT_CERTIFICATE_TLS_AUTH',
      secretArn: 'client',
      rootCaSecretArn: 'authority',
    };
    const admin = (await connectCluster(connection, signer)).admin();
    await admin.connect();
    expect(await admin.listTopics()).toContain(OWN_TOPIC);
    await admin.disconnect();
  });

  test(
    'gives an ingestion nothing for the certificate of a stranger, and all records, once each, once it is corrected',
    async () => {
      const ids = Array.from({ length: 30 }, (_, i) => `request-${String(i).padStart(2, '0')}`);
      await own.create(plainSecret(stranger));
      await account.engine.enforceIam();
      await own.send(ids);
      expect(await own.problemOf()).toBe(REFUSED);
      expect(await own.answered()).toEqual([]);

      await own.update(encryptedSecret(known));
      await own.drained(ids.length);
      expect(await own.answered()).toEqual(ids);
      expect(await own.lastResult()).toBe('OK');
      expect(await account.engine.deniedCalls()).toEqual([]);
    },
    3 * OWN_LIMIT_MS,
  );
});
