import type { SecureBroker } from '../../../lib/emulator/kafka/kafka-broker';
import { KafkaAuthentication } from '../../../lib/ingestion';
import { describeWith } from '../../support/needs';
import { eventually } from '../engine/support/local-aws';
import { KafkaAccount } from './kafka-account';
import { MISSING_KAFKA } from './local-kafka';
import { OWN_LIMIT_MS, OwnIngestion, problemWith } from './own-cluster';

const USER = { username: 'reader', password: 'right-password' };
const WRONG = { ...USER, password: 'wrong-password' };

describeWith(MISSING_KAFKA, 'a Kafka cluster of one’s own that knows its clients by a secret', () => {
  let account: KafkaAccount;
  let secure: SecureBroker;
  let own: OwnIngestion;

  beforeAll(async () => {
    account = await KafkaAccount.start({ user: USER });
    secure = account.broker.secure!;
    own = new OwnIngestion(account, secure, (secret) => KafkaAuthentication.scramSha512(secret));
    await own.createTopic();
  }, 400_000);
  afterAll(async () => {
    own?.close();
    await account?.stop();
  });

  test('lets in whom its secret and its certificate are known to, and names the problem of any other', async () => {
    const secrets = {
      login: { text: JSON.stringify(USER) },
      wrong: { text: JSON.stringify(WRONG) },
      partial: { text: JSON.stringify({ username: USER.username }) },
      authority: { text: JSON.stringify({ certificate: secure.certificate }) },
      hidden: { denied: 'kms:Decrypt' },
    };
    const tryWith = (types: { readonly [type: string]: string }) => problemWith(secure, types, secrets);
    const trusted = { SERVER_ROOT_CA_CERTIFICATE: 'authority' };
    for (const type of ['SASL_SCRAM_512_AUTH', 'SASL_SCRAM_256_AUTH', 'BASIC_AUTH']) {
      expect([type, await tryWith({ [type]: 'login', ...trusted })]).toEqual([type, undefined]);
      for (const secret of ['wrong', 'partial'])
        expect([type, secret, await tryWith({ [type]: secret, ...trusted })]).toEqual([
          type,
          secret,
          'PROBLEM: SASL authentication failed',
        ]);
    }
    const scram = { SASL_SCRAM_512_AUTH: 'login' };
    expect(await tryWith(scram)).toBe('PROBLEM: Lambda failed to authenticate server');
    expect(await tryWith({ SASL_SCRAM_512_AUTH: 'hidden', ...trusted })).toBe(
      'PROBLEM: Lambda may not read the secret with the role of the function',
    );
    expect(await tryWith({ ...scram, SERVER_ROOT_CA_CERTIFICATE: 'login' })).toBe(
      'PROBLEM: Provided certificate or private key is invalid',
    );
    expect(await tryWith({ SASL_SCRAM_512_AUTH: 'absent', ...trusted })).toBe(
      'PROBLEM: Connection error. Please check your event source connection configuration.',
    );
  }, 120_000);

  test(
    'gives an ingestion its records once the password is right and the role may read it, and each has one result',
    async () => {
      await own.create(WRONG);
      expect(await own.problemOf()).toBe('PROBLEM: SASL authentication failed');

      await own.update(USER);
      // From here on every call needs the permissions of the template.
      await account.engine.enforceIam();
      const ids = Array.from({ length: 30 }, (_, i) => `request-${String(i).padStart(2, '0')}`);
      await own.send(ids);
      await own.drained(ids.length);
      expect(await own.answered()).toEqual(ids);
      expect(await account.engine.deniedCalls()).toEqual([]);

      // A role without the permissions: its mapping reads nothing, and says why.
      const ungranted = async (action: 'create' | 'update', granted: readonly string[]): Promise<void> => {
        const statements = [{ Effect: 'Allow', Action: granted, Resource: '*' }];
        await account.deploy('ungranted', { partitions: 1, statements, mapping: await loginMapping() }, action);
        expect(await own.problemOf('ungranted-topic')).toBe(
          'PROBLEM: Lambda may not read the secret with the role of the function',
        );
      };
      await ungranted('create', ['s3:PutObject']);
      const identityArn = await own.output('IdentityArn');
      expect(await account.engine.deniedCalls()).toContainEqual(
        expect.objectContaining({ action: 'secretsmanager:GetSecretValue', resource: identityArn }),
      );
      await ungranted('update', ['s3:PutObject', 'secretsmanager:GetSecretValue']);
      const denied = await eventually(
        () => account.engine.deniedCalls(),
        (calls) => calls.some(({ action }) => action === 'kms:Decrypt'),
      );
      expect(denied).toContainEqual(
        expect.objectContaining({ action: 'kms:Decrypt', resource: await own.output('KeyArn') }),
      );
    },
    4 * OWN_LIMIT_MS,
  );

  test(
    'goes on with a connection whose password has changed, and renews one that ends with the secret as it is then',
    async () => {
      const [first, second, third] = ['right-password', 'second-password', 'third-password'] as const;
      const statements = [{ Effect: 'Allow', Action: ['secretsmanager:GetSecretValue', 'kms:Decrypt'], Resource: '*' }];
      await account.deploy('renewed', { partitions: 1, statements, mapping: await loginMapping() });
      const sent: string[] = [];
      const send = async (value: string): Promise<void> => {
        const producer = (await account.kafka()).producer();
        await producer.connect();
        await producer.send({ topic: 'renewed-topic', messages: [{ value }] });
        await producer.disconnect();
        sent.push(value);
      };
      const delivered = (): readonly string[] =>
        account.invocations.flatMap(({ partition, records }) =>
          partition === 'renewed-topic-0' ? records.map(({ value }) => value) : [],
        );
      const arrives = async (value: string): Promise<void> => {
        await send(value);
        await eventually(delivered, (values) => values.includes(value), OWN_LIMIT_MS);
      };
      await arrives('before');
      // The secret changes first, and the cluster by a restart, which ends all connections.
      await own.update({ ...USER, password: second });
      await arrives('with a connection of before');
      await account.restartBroker((settings) => settings.replaceAll(first, second));
      await arrives('with the second password');
      // The cluster changes first.
      await account.restartBroker((settings) => settings.replaceAll(second, third));
      await send('with the third password');
      expect(await own.problemOf('renewed-topic')).toBe('PROBLEM: SASL authentication failed');
      expect(delivered()).not.toContain('with the third password');
      await own.update({ ...USER, password: third });
      await arrives('after');
      expect([...new Set(delivered())]).toEqual(sent);
    },
    4 * OWN_LIMIT_MS,
  );

  /** Mapping that logs in by SASL/PLAIN with the secret of the ingestion. */
  const loginMapping = async (): Promise<{ readonly [name: string]: unknown }> => ({
    EventSourceArn: undefined,
    AmazonManagedKafkaEventSourceConfig: undefined,
    SelfManagedEventSource: { Endpoints: { KafkaBootstrapServers: [secure.bootstrapServers] } },
    SourceAccessConfigurations: [
      { Type: 'BASIC_AUTH', URI: await own.output('IdentityArn') },
      { Type: 'SERVER_ROOT_CA_CERTIFICATE', URI: await own.output('AuthorityArn') },
    ],
  });
});
