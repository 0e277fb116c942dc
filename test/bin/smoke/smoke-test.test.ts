import { costBound, InstanceMeter } from '../../../bin/smoke/cost';
import { runSmokeTest, type Leftover, type SmokePlan, type SmokeTarget } from '../../../bin/smoke/smoke-test';
import { InputError } from '../../../lib/core/errors';
import { pause } from '../../../lib/emulator/repeat';

const ACCOUNT = '111122223333';
const PLAN: SmokePlan = {
  accountId: ACCOUNT,
  caller: `arn:aws:iam::${ACCOUNT}:user/maintainer`,
  region: 'eu-west-1',
  stackName: 'Tidegate-dev',
  cost: { minimumUsdPerHour: 1.41, maximumUsdPerHour: 11.26, expectedUsd: 1.82, boundUsd: 17.9 },
  rows: [{ check: 'CDK bootstrap', status: 'ok', found: 'version 28' }],
  refusals: [],
};

interface Scene {
  readonly plan?: Partial<SmokePlan>;
  readonly deploy?: (signal: AbortSignal) => Promise<void>;
  readonly check?: (signal: AbortSignal) => Promise<string>;
  readonly destroy?: () => Promise<readonly Leftover[]>;
  readonly yes?: string;
  readonly answer?: string;
  readonly signal?: AbortSignal;
  readonly timeLimit?: (minutes: number, signal: AbortSignal) => Promise<void>;
}

/** Plays a smoke test; `steps` are those that would have touched the account, in order. */
async function play(scene: Scene) {
  const steps: string[] = [];
  let output = '';
  const step = async <T>(name: string, action: () => Promise<T>): Promise<T> => {
    steps.push(name);
    return action();
  };
  const target: SmokeTarget = {
    plan: async () => ({ ...PLAN, ...scene.plan }),
    deploy: (signal) => step('deploy', async () => scene.deploy?.(signal)),
    checks: [
      {
        title: 'traffic',
        run: (signal) => step('traffic', async () => (scene.check === undefined ? 'answered' : scene.check(signal))),
      },
      { title: 'limits', run: () => step('limits', async () => 'set and lifted') },
    ],
    readGuardMeter: () => step('meter', async () => undefined),
    destroy: () => step('destroy', async () => (scene.destroy === undefined ? [] : scene.destroy())),
    spent: () => ({ guardUsd: 0.5, instancesUsd: 0.71 }),
  };
  const run = runSmokeTest(target, scene.yes, {
    write: (text) => (output += text),
    ask: scene.answer === undefined ? undefined : () => Promise.resolve(scene.answer!),
    signal: scene.signal ?? new AbortController().signal,
    timeLimit:
      scene.timeLimit ??
      (async (_minutes, signal) => {
        await pause(60_000, signal);
        signal.throwIfAborted();
      }),
  });
  const [code, error] = await run.then(
    (value) => [value, undefined] as const,
    (reason: unknown) => [undefined, reason as Error] as const,
  );
  return { code, error, output, steps };
}

const ALL = ['deploy', 'traffic', 'limits', 'meter', 'destroy'];

describe('the question', () => {
  test('names account, caller, region and cost, and the typed id of the account begins the deployment', async () => {
    const { code, output, steps } = await play({ answer: ` ${ACCOUNT}\n` });
    expect(output).toContain(`account  ${ACCOUNT} (arn:aws:iam::${ACCOUNT}:user/maintainer)`);
    expect(output).toContain('region   eu-west-1');
    expect(output).toContain('1.41 USD an hour at the minimum, 11.26 at the maximum');
    expect(output).toContain('about 1.82 USD in all, at most 17.90');
    expect(output).toContain('aws cloudformation delete-stack --stack-name Tidegate-dev --region eu-west-1');
    expect(output).toContain("spent   0.71 USD for instances by their number in time, 0.50 USD by the guard's meter");
    expect(steps).toEqual(ALL);
    expect(code).toBe(0);
  });

  test.each([
    ['another answer', { answer: 'yes' }, "'yes' is not 111122223333; nothing was deployed"],
    ['an empty answer', { answer: '' }, "'' is not 111122223333; nothing was deployed"],
    ['no terminal', {}, 'to agree, run npm run smoke:aws -- --yes 111122223333'],
    [
      'the id of another account',
      { yes: '999988887777' },
      "--yes is '999988887777', and the credentials are of account",
    ],
    [
      'a stack that exists',
      { yes: ACCOUNT, plan: { refusals: ['Tidegate-dev exists in eu-west-1 already'] } },
      'Tidegate-dev exists in eu-west-1 already',
    ],
  ] as [string, Scene, string][])('refuses %s before anything is deployed', async (_case, scene, message) => {
    const { error, steps } = await play(scene);
    expect(error).toBeInstanceOf(InputError);
    expect(error!.message).toContain(message);
    expect(steps).toEqual([]);
  });

  test('is not asked where the preflight fails', async () => {
    const rows = [
      { check: 'CDK bootstrap', status: 'fails', found: 'not bootstrapped', remedy: 'npx cdk bootstrap' },
    ] as const;
    const { code, output, steps } = await play({ plan: { rows }, yes: ACCOUNT });
    expect(output).toContain('-> npx cdk bootstrap');
    expect(output).toContain('The preflight fails; nothing was deployed.');
    expect([code, steps]).toEqual([1, []]);
  });
});

describe('the teardown', () => {
  test('follows a deployment that fails, without the checks', async () => {
    const { code, output, steps } = await play({
      yes: ACCOUNT,
      deploy: () => Promise.reject(new Error('ResourceLimitExceeded')),
    });
    expect(steps).toEqual(['deploy', 'meter', 'destroy']);
    expect(output).toContain('FAILED  deployment: ResourceLimitExceeded');
    expect(code).toBe(1);
  });

  test('follows a check that fails, after the other checks', async () => {
    const { code, output, steps } = await play({
      yes: ACCOUNT,
      check: () => Promise.reject(new Error('3 requests without an answer')),
    });
    expect(steps).toEqual(ALL);
    expect(output).toContain('1 failed:\n  traffic: 3 requests without an answer');
    expect(code).toBe(1);
  });

  test('follows an interruption at once', async () => {
    const controller = new AbortController();
    const { code, output, steps } = await play({
      yes: ACCOUNT,
      signal: controller.signal,
      check: async (signal) => {
        controller.abort(new Error('ended by SIGINT'));
        signal.throwIfAborted();
        return 'never';
      },
    });
    expect(steps).toEqual(['deploy', 'traffic', 'meter', 'destroy']);
    expect(output).toContain('interrupted');
    expect(code).toBe(1);
  });

  test('follows the end of the time, so that the cost has its bound', async () => {
    const { code, output, steps } = await play({
      yes: ACCOUNT,
      timeLimit: () => pause(20),
      check: async (signal) => {
        await pause(60_000, signal);
        throw new Error('aborted');
      },
    });
    expect(steps).toEqual(['deploy', 'traffic', 'meter', 'destroy']);
    expect(output).toContain('FAILED  traffic: the 75 minutes of a smoke test are over');
    expect(code).toBe(1);
  });

  test('that leaves something is a failure if it costs, with the command that deletes it', async () => {
    const left = { thing: 'log group /aws/x', command: 'aws logs delete-log-group', isBilled: false };
    const free = await play({ yes: ACCOUNT, destroy: () => Promise.resolve([left]) });
    expect(free.output).toContain('stays   log group /aws/x\n          aws logs delete-log-group\n');
    expect(free.code).toBe(0);
    const billed = await play({ yes: ACCOUNT, destroy: () => Promise.resolve([{ ...left, isBilled: true }]) });
    expect(billed.output).toContain('FAILED  teardown: log group /aws/x stays and costs');
    expect(billed.code).toBe(1);
    const broken = await play({ yes: ACCOUNT, destroy: () => Promise.reject(new Error('DELETE_FAILED')) });
    expect(broken.output).toContain('stays   Tidegate-dev, which costs until it is deleted');
    expect(broken.code).toBe(1);
  });
});

describe('the cost', () => {
  const fleet = {
    fleet: 'chat/main',
    instanceTypes: ['ml.g5.xlarge', 'ml.g6.xlarge'],
    initial: 1,
    minimum: 1,
    maximum: 8,
    rolloutExtra: 1,
  };
  const price = (instanceType: string, usdPerHour: number) => ({
    instanceType,
    usdPerHour,
    region: 'us-east-1',
    purpose: 'hosting' as const,
  });

  test('is that of the dearest type, at the minimum and at the maximum, for the time of the test', () => {
    const prices = [price('ml.g5.xlarge', 1), price('ml.g6.xlarge', 2)];
    expect(costBound([fleet], 'us-east-1', prices)).toEqual({
      minimumUsdPerHour: 2,
      maximumUsdPerHour: 16,
      // 35 minutes at 2 USD an hour, and a dollar for the rest
      expectedUsd: (2 * 35) / 60 + 1,
      // 75 minutes of checks and 15 of deletion at 16 USD an hour, and a dollar for the rest
      boundUsd: 25,
    });
  });

  test('has no bound where the deployment decides the limits, or the price is unknown', () => {
    expect(() => costBound([{ ...fleet, maximum: null }], 'us-east-1', [])).toThrow('its cost has no bound');
    expect(() => costBound([fleet], 'eu-west-3', [])).toThrow(InputError);
  });

  test('of the instances counts the higher of two observed numbers', () => {
    const meter = new InstanceMeter(2);
    meter.observe(0, 1);
    meter.observe(1800, 3); // half an hour of 3
    meter.observe(3600, 1); // half an hour of 3
    meter.observe(5400, 0); // half an hour of 1
    expect(meter.totalUsd()).toBeCloseTo(2 * (1.5 + 1.5 + 0.5), 10);
  });
});
