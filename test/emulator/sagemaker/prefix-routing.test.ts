import {
  CreateEndpointCommand,
  type ProductionVariant,
  UpdateEndpointWeightsAndCapacitiesCommand,
} from '@aws-sdk/client-sagemaker';
import { InvokeEndpointCommand } from '@aws-sdk/client-sagemaker-runtime';
import {
  createConfig,
  createModel,
  deployEndpoint,
  describeEndpoint,
  inStatus,
  EmulatedAccount,
} from '../../support/emulated-account';

let account: EmulatedAccount;
beforeEach(async () => {
  account = await EmulatedAccount.start();
});
afterEach(() => account.stop());

const prefixAware = (ConcurrencyThreshold: number, PrefixLength = 1024): Partial<ProductionVariant> => ({
  InitialInstanceCount: 4,
  RoutingConfig: {
    RoutingStrategy: 'PREFIX_AWARE',
    PrefixAwareRoutingConfig: { PrefixLength, ConcurrencyThreshold },
  },
});

interface Asked {
  /** Fills the first 1,100 bytes of the body. */
  readonly prompt: string;
  readonly tokens?: number;
  readonly prefixAwareId?: string;
}

/** Sends a request and resolves with the instance that served it. */
async function ask({ prompt, tokens = 1, prefixAwareId }: Asked): Promise<string> {
  const key = prompt.repeat(1100).slice(0, 1100);
  const reply = await account.runtime.send(
    new InvokeEndpointCommand({
      EndpointName: 'chat',
      ContentType: 'application/json',
      PrefixAwareId: prefixAwareId,
      // The end of the body differs from request to request.
      Body: JSON.stringify({
        key,
        id: `r-${sequence++}`,
        context_tokens: 10,
        generated_tokens: tokens,
        sent_at: 0,
      }),
    }),
  );
  return (JSON.parse(Buffer.from(reply.Body!).toString()) as { instance: string }).instance;
}
let sequence = 0;

const instanceOf = (asked: Asked): Promise<string> => account.finish(ask(asked));

const PROMPTS = [...'abcdefghijklmnopqrst'];

async function instancesOf(asked: readonly Asked[]): Promise<string[]> {
  const instances: string[] = [];
  for (const one of asked) instances.push(await instanceOf(one));
  return instances;
}

const asPrompts = PROMPTS.map((prompt) => ({ prompt }));

test('requests with the same first bytes go to the same instance, and prefixes are spread over all', async () => {
  await deployEndpoint(account, prefixAware(8));
  const first = await instancesOf(asPrompts);
  expect(await instancesOf(asPrompts)).toEqual(first);
  expect(await instancesOf(asPrompts)).toEqual(first);
  expect(new Set(first).size).toBe(4);
  const described = (await describeEndpoint(account)).ProductionVariants![0]!;
  expect(described.RoutingConfig).toEqual(prefixAware(8).RoutingConfig);
});

test('only the first PrefixLength bytes count', async () => {
  await deployEndpoint(account, prefixAware(8, 2048));
  // The prompt fills 1,100 bytes; the request's number behind it is inside the longer prefix.
  const instances = await instancesOf(Array.from({ length: 20 }, () => ({ prompt: 'a' })));
  expect(new Set(instances).size).toBeGreaterThan(1);
});

test('a PrefixAwareId separates applications with the same prompt', async () => {
  await deployEndpoint(account, prefixAware(8));
  const byId = await instancesOf(PROMPTS.map((prefixAwareId) => ({ prompt: 'same', prefixAwareId })));
  expect(new Set(byId).size).toBe(4);
  expect(await instancesOf(PROMPTS.map((prefixAwareId) => ({ prompt: 'same', prefixAwareId })))).toEqual(byId);
});

test('beyond the threshold requests go where the fewest are', async () => {
  await deployEndpoint(account, prefixAware(2));
  const home = await instanceOf({ prompt: 'hot' });
  // Eight requests of 50 s at once: two at home, and two on each of the others.
  const requests = Array.from({ length: 8 }, () => ask({ prompt: 'hot', tokens: 2500 }));
  const instances = await account.finish(Promise.all(requests));
  const counts = new Map<string, number>();
  for (const instance of instances) counts.set(instance, (counts.get(instance) ?? 0) + 1);
  expect([...counts.values()]).toEqual([2, 2, 2, 2]);
  expect(counts.get(home)).toBe(2);
  expect(await instanceOf({ prompt: 'hot' })).toBe(home);
});

test('a new instance takes over its share of the prefixes and leaves the others where they are', async () => {
  await deployEndpoint(account, prefixAware(8));
  const before = await instancesOf(asPrompts);
  await account.sageMaker.send(
    new UpdateEndpointWeightsAndCapacitiesCommand({
      EndpointName: 'chat',
      DesiredWeightsAndCapacities: [{ VariantName: 'gpu', DesiredInstanceCount: 5 }],
    }),
  );
  await account.until('the fifth instance serves', () => {
    return account.emulator.snapshot().endpoints[0]!.variants[0]!.inServiceInstances === 5;
  });
  const after = await instancesOf(asPrompts);
  const moved = after.filter((instance, index) => instance !== before[index]);
  expect(new Set(moved).size).toBe(1);
  expect(before).not.toContain(moved[0]);
});

test('other strategies ignore prefixes', async () => {
  await deployEndpoint(account, {
    InitialInstanceCount: 4,
    RoutingConfig: { RoutingStrategy: 'LEAST_OUTSTANDING_REQUESTS' },
  });
  const instances = await instancesOf(Array.from({ length: 8 }, () => ({ prompt: 'a', prefixAwareId: 'x' })));
  expect(new Set(instances).size).toBe(4);
});

test('the lengths and the threshold have to be given, inside their limits', async () => {
  await createModel(account);
  const create = (RoutingConfig: ProductionVariant['RoutingConfig']) =>
    createConfig(account, 'wrong', { RoutingConfig });
  await expect(create({ RoutingStrategy: 'PREFIX_AWARE' })).rejects.toThrow('must be given with the RoutingStrategy');
  await expect(create({ ...prefixAware(8).RoutingConfig, RoutingStrategy: 'RANDOM' })).rejects.toThrow('only with it');
  await expect(create(prefixAware(8, 100).RoutingConfig)).rejects.toMatchObject({ name: 'ValidationException' });
  await createConfig(account, 'right', prefixAware(1024, 65_536));
  await account.sageMaker.send(new CreateEndpointCommand({ EndpointName: 'right', EndpointConfigName: 'right' }));
  await inStatus(account, 'InService', 'right');
});
