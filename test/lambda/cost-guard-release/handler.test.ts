import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { createHandler } from '../../../lambda/cost-guard-release/handler';
import { respond, type CustomResourceResponse } from '../../../lambda/support/custom-resource';
import { NOVEMBER, World } from '../cost-guard/fakes';

const [A, B] = ['endpoint/a/variant/main', 'endpoint/b/variant/main'] as const;

/** The release of a fleet of the world; `sleep` plays what happens meanwhile. */
async function remove(
  world: World,
  resourceId: string,
  { type = 'Delete', whileWaiting = () => undefined }: { type?: string; whileWaiting?: () => unknown } = {},
) {
  const responses: CustomResourceResponse[] = [];
  const startedAt = world.now;
  const sleeps: number[] = [];
  const call = world.calls();
  await createHandler({
    store: { load: () => call('load', () => world.state) },
    targets: world.targets(call),
    respond: (_url, response) => Promise.resolve(void responses.push(response)),
    clock: { now: () => world.now },
    sleep: async (milliseconds) => {
      sleeps.push(milliseconds / 1000);
      world.now += milliseconds / 1000;
      await whileWaiting();
    },
    logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
  })({
    RequestType: type as 'Delete',
    RequestId: 'request',
    ResponseURL: 'https://example.com',
    StackId: 'stack',
    LogicalResourceId: 'Fleet',
    ResourceProperties: { ResourceId: resourceId },
  });
  const waitedSeconds = sleeps.reduce((sum, seconds) => sum + seconds, 0);
  return { responses, waitedSeconds, tookSeconds: world.now - startedAt };
}

/** A world whose fleets are held at their floor. */
async function heldWorld(): Promise<World> {
  const world = new World();
  await world.runMinutes(26);
  return world;
}

const SUCCESS = {
  Status: 'SUCCESS',
  PhysicalResourceId: A,
  RequestId: 'request',
  StackId: 'stack',
  LogicalResourceId: 'Fleet',
};

describe('the release of a guarded fleet', () => {
  test('restores its declared limits and no others', async () => {
    const world = await heldWorld();
    const { responses } = await remove(world, A);
    expect(responses).toEqual([SUCCESS]);
    expect(world.limits).toEqual({ [A]: { minCapacity: 1, maxCapacity: 8 }, [B]: { minCapacity: 1, maxCapacity: 1 } });
  });

  test('responds where the fleet is not text, and restores nothing', async () => {
    const world = await heldWorld();
    const { responses } = await remove(world, { toString: 1 } as never);
    expect(responses).toEqual([
      {
        ...SUCCESS,
        Status: 'FAILED',
        PhysicalResourceId: 'Fleet',
        Reason: 'the property ResourceId of the custom resource is not text; deploy the stack again, which writes it',
      },
    ]);
    expect(world.limits[A]).toEqual({ minCapacity: 1, maxCapacity: 1 });
  });

  test('restores them again after an evaluation that began before the schedule was deleted', async () => {
    const world = await heldWorld();
    let looks = 0;
    await remove(world, A, { whileWaiting: () => (++looks === 3 ? world.run() : undefined) });
    expect(world.effects.slice(-3)).toEqual([`${A} 1..8`, `${A} 1..1`, `${A} 1..8`]);
    expect(world.limits[A]).toEqual({ minCapacity: 1, maxCapacity: 8 });
  });

  test('ends once the guard that goes on has forgotten the fleet', async () => {
    const world = await heldWorld();
    world.deploy({ fleets: [] });
    world.budget = JSON.stringify({ amountUsd: 1000, periodStart: NOVEMBER, periodEnd: NOVEMBER + 3600 });
    const { responses, waitedSeconds } = await remove(world, A, { whileWaiting: () => world.runMinutes(1) });
    expect(responses).toEqual([SUCCESS]);
    expect(waitedSeconds).toBeLessThan(60);
  });

  test.each<[string, (world: World) => unknown]>([
    ['the target is not registered', (world) => delete world.limits[A]],
    ['there is no state', (world) => (world.state = undefined)],
    [
      'the guard limits nothing',
      (world) => (world.state = { ...world.state!, memory: { ...world.state!.memory, holds: {}, level: 'ok' } }),
    ],
    [
      'the table is gone',
      (world) => (world.gate = () => Promise.reject(named('ResourceNotFoundException', 'no table'))),
    ],
    [
      'the target is deregistered between the look and the call',
      (world) =>
        (world.gate = (what) =>
          what.startsWith('scaling') ? Promise.reject(named('ObjectNotFoundException', 'No target')) : 'none'),
    ],
    ...["SageMaker resource doesn't exist", 'Could not find endpoint'].map(
      (message): [string, (world: World) => unknown] => [
        `the endpoint is gone (${message})`,
        (world) =>
          (world.gate = (what) =>
            what.startsWith('scaling') ? Promise.reject(named('ValidationException', message)) : 'none'),
      ],
    ),
  ])('succeeds at once where %s', async (_, change) => {
    const world = await heldWorld();
    change(world);
    const before = { ...world.limits };
    const { responses, waitedSeconds } = await remove(world, A);
    expect(responses).toEqual([SUCCESS]);
    expect(waitedSeconds).toBe(0);
    expect(world.limits).toEqual(before);
  });

  test('leaves a limit of someone else', async () => {
    const world = await heldWorld();
    world.limits[A] = { minCapacity: 1, maxCapacity: 3 };
    await remove(world, A);
    expect(world.limits[A]).toEqual({ minCapacity: 1, maxCapacity: 3 });
  });

  test('restores limits that are held although the spending is below every threshold by now', async () => {
    const world = await heldWorld();
    world.state = { ...world.state!, memory: { ...world.state!.memory, level: 'ok' } };
    expect((await remove(world, A)).responses).toEqual([SUCCESS]);
    expect(world.limits[A]).toEqual({ minCapacity: 1, maxCapacity: 8 });
  });

  test.each(['freeze-growth', 'shrink'] as const)(
    'watches a fleet that an evaluation may yet limit, as the level is %s',
    async (level) => {
      const world = await heldWorld();
      const { memory } = world.state!;
      const held = world.limits[A];
      world.limits[A] = { minCapacity: 1, maxCapacity: 8 };
      world.state = { ...world.state!, memory: { ...memory, level, holds: {} } };
      let looks = 0;
      const { responses, waitedSeconds } = await remove(world, A, {
        whileWaiting: () => {
          if (++looks !== 4) return;
          world.limits[A] = held!;
          world.state = { ...world.state!, memory };
        },
      });
      expect(responses).toEqual([SUCCESS]);
      expect(waitedSeconds).toBe(180);
      expect(world.limits[A]).toEqual({ minCapacity: 1, maxCapacity: 8 });
    },
  );

  test.each([
    ['the state cannot be read', 'load', named('ThrottlingException', 'Rate exceeded')],
    ['the limits are refused', 'scaling', named('ValidationException', 'Minimum capacity is too large')],
    ['the account is refused', 'scaling', named('AccessDeniedException', 'role not found')],
  ])('fails, with what AWS said, where %s', async (_, call, error) => {
    const world = await heldWorld();
    world.gate = (what) => (what.startsWith(call) ? Promise.reject(error) : 'none');
    const { responses } = await remove(world, A);
    expect(responses).toEqual([{ ...SUCCESS, Status: 'FAILED', Reason: expect.stringContaining(error.message) }]);
  });

  test('names the fleet, the command and the way to delete without it in a reason that CloudFormation takes', async () => {
    const world = await heldWorld();
    world.gate = (what) => (what === 'load' ? Promise.reject(new Error('x'.repeat(10_000))) : 'none');
    const [response] = (await remove(world, A)).responses;
    const { Reason: reason } = response as { Reason: string };
    expect(reason).toMatch(
      /^The limits that the cost guard set on endpoint\/a\/variant\/main cannot be restored: Error: x+\. /,
    );
    expect(reason).toMatch(
      /aws application-autoscaling register-scalable-target and delete with this resource retained\.$/,
    );
    expect(reason.length).toBeLessThan(1000);
  });

  test('looks for the last time when the watch ends, however long the looks take', async () => {
    const world = await heldWorld();
    const loads: number[] = [];
    const startedAt = world.now;
    world.gate = (what) => {
      if (what === 'load') loads.push(world.now - startedAt);
      if (what === 'load') world.now += 4;
      return 'none';
    };
    await remove(world, A);
    expect(loads.at(-1)).toBe(180);
  });

  test('tries again, and fails with the reason and the way out where the limits cannot be restored', async () => {
    const world = await heldWorld();
    world.broken.add(`scaling of ${A}`);
    const { responses, waitedSeconds } = await remove(world, A);
    expect(waitedSeconds).toBe(180);
    expect(responses).toEqual([
      {
        ...SUCCESS,
        Status: 'FAILED',
        Reason: expect.stringMatching(/is broken.*--max-capacity 8.*Delete again, or set/),
      },
    ]);
    let looks = 0;
    const later = await remove(world, A, { whileWaiting: () => (++looks === 5 ? world.broken.clear() : undefined) });
    expect(later.responses).toEqual([SUCCESS]);
    expect(world.limits[A]).toEqual({ minCapacity: 1, maxCapacity: 8 });
  });

  test('responds before the timeout of its function where every look takes as long as it may', async () => {
    const world = await heldWorld();
    world.gate = (what) => {
      world.now += what === 'load' ? 15 : 10;
      return what.startsWith('scaling') ? 'fails' : 'none';
    };
    const { responses, tookSeconds } = await remove(world, A);
    expect(responses).toEqual([{ ...SUCCESS, Status: 'FAILED', Reason: expect.stringMatching(/is broken/) }]);
    // The function has 300 s; the attempts to send the response take up to 46 s of them.
    expect(tookSeconds).toBeLessThanOrEqual(180 + 2 * 35);
  });

  test.each(['Create', 'Update'])('%s changes nothing', async (type) => {
    const world = await heldWorld();
    const effects = world.effects.length;
    expect((await remove(world, A, { type })).responses).toEqual([SUCCESS]);
    expect(world.effects).toHaveLength(effects);
  });
});

describe('the response to CloudFormation', () => {
  test('is put to the presigned URL without a content type, and again when it is refused', async () => {
    const requests: { method?: string; type?: string; body: string }[] = [];
    const server = http.createServer((request, answer) => {
      let body = '';
      request.on('data', (part) => (body += String(part)));
      request.on('end', () => {
        requests.push({ method: request.method, type: request.headers['content-type'], body });
        answer.writeHead(requests.length === 1 ? 503 : 200).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const response = { ...SUCCESS, Status: 'SUCCESS' } as const;
    await respond(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, response);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    expect(requests).toEqual(Array(2).fill({ method: 'PUT', type: '', body: JSON.stringify(response) }));
  });
});

function named(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}
