import * as fs from 'node:fs';
import { LOCAL_ACCOUNT, LOCAL_REGION } from '../../lib/emulator/credentials';
import { parseInspection, parseRecording } from '../../lib/inspection/contract';
import { describeLiveEndpoint, RESOURCE, SECRET } from '../support/live-endpoint';
import { createPair, createShared, sendRequests, userWithout } from '../support/live-fleets';

/** Actions that the reader of the last test is denied. */
const DENIED = [
  'application-autoscaling:DescribeScalingPolicies',
  'application-autoscaling:DescribeScalingActivities',
  'sagemaker:ListTags',
];

describeLiveEndpoint(
  'tidegate inspect of a live endpoint',
  ({ tidegate, at, read, window, account, requests, published }) => {
    const manifestOf = (name: string) => parseInspection('inspection.json', read(name, 'inspection.json'));
    const requestsOf = (name: string, recording: string): number =>
      parseRecording(recording, read(name, recording)).series.invocations.reduce<number>(
        (sum, one) => sum + (one ?? 0),
        0,
      );

    // Further endpoints beside that of the first tests; the clock runs on meanwhile.
    beforeAll(async () => {
      const { invokeUrl } = account().emulator;
      await Promise.all([createPair('pair'), createShared('shared', ['large', 'small'])]);
      await Promise.all([
        sendRequests(invokeUrl, 'pair', { requests: 120 }),
        sendRequests(invokeUrl, 'shared', { requests: 120, components: ['large', 'small'] }),
      ]);
      await published();
    }, 180_000);

    test('writes what runs and what happened, and every command takes the folder', async () => {
      const { code, stderr } = await tidegate('inspect', '--endpoint', 'chat', ...window(), '--out', at('live'));
      expect(stderr).toContain('hours: a day has hours that they do not show');
      expect(code).toBe(0);
      const manifest = parseInspection('inspection.json', read('live', 'inspection.json'));
      expect(manifest).toMatchObject({
        accountId: LOCAL_ACCOUNT,
        region: LOCAL_REGION,
        missing: [],
        source: 'account',
      });
      const [fleet] = manifest.fleets;
      expect(fleet).toMatchObject({ resourceId: RESOURCE.ResourceId, scaling: 'registered', currentCapacity: 2 });
      // 0.05 s + 100 ÷ 8000 + 150 ÷ 50 a request, by the service profile of the emulated model server.
      expect(fleet!.service!.latencySeconds).toBeCloseTo(3.06, 1);
      expect(Math.abs(fleet!.service!.littleSeconds! - 3.06)).toBeLessThan(0.6);
      const { series } = parseRecording('recording.json', read('live', 'recording.json'));
      const busy = series.instances.filter((_, index) => (series.invocations[index] ?? 0) > 0);
      expect(busy.length).toBeGreaterThanOrEqual(12);
      expect(new Set(busy)).toEqual(new Set([2]));
      const template = read('live', 'template.json');
      for (const name of ['requests', 'emergency', 'morning', 'chat too busy']) expect(template).toContain(`"${name}"`);
      for (const file of fs.readdirSync(at('live'))) expect(read('live', file)).not.toContain(SECRET);
      const simulated = await tidegate('simulate', at('live'), '--no-advice');
      expect(simulated.stdout).toMatch(/requests: target tracking at 500; emergency: steps; morning/);
      expect((await tidegate('prove', at('live'))).stdout).toContain('0 errors');
    });

    test('names an endpoint that does not exist, and writes nothing', async () => {
      const { code, stderr } = await tidegate('inspect', '--endpoint', 'nobody', '--out', at('nobody'));
      expect(stderr).toMatch(/--endpoint is 'nobody', and us-east-1 has no such endpoint; check the name/);
      expect(code).toBe(2);
      expect(fs.existsSync(at('nobody'))).toBe(false);
    });

    test('reads up to the newest datapoint where the clock of the account is ahead of this machine', async () => {
      const { code, stderr } = await tidegate('inspect', '--endpoint', 'chat', '--days', '0.1', '--out', at('ahead'));
      expect(code).toBe(0);
      expect(stderr).toMatch(/the newest metrics are [\d.]+ (minutes|hours) ahead of this machine's clock/);
      expect(manifestOf('ahead').window!.end).toBeGreaterThan(Date.now() / 1000);
      expect(requestsOf('ahead', 'recording.json')).toBe(requests());
    });

    test('has a fleet for each variant, with its share of the requests, and commands take the folder', async () => {
      const { code } = await tidegate('inspect', '--endpoint', 'pair', '--days', '0.1', '--out', at('pair'));
      expect(code).toBe(0);
      const { fleets } = manifestOf('pair');
      expect(fleets.map(({ name, scaling, currentCapacity }) => [name, scaling, currentCapacity])).toEqual([
        ['blue', 'registered', 1],
        ['green', 'none', 1],
      ]);
      const [blue, green] = fleets.map(({ recording }) => requestsOf('pair', recording!));
      expect(blue! + green!).toBe(120);
      expect(blue!).toBeGreaterThan(green!);
      const simulated = await tidegate('simulate', at('pair'), '--no-advice');
      expect(simulated.stdout).toMatch(/^endpoint\/pair\/variant\/blue[^]*^endpoint\/pair\/variant\/green/m);
      const compared = await tidegate('compare', at('pair'));
      expect([compared.code, compared.stderr]).toEqual([2, expect.stringContaining('choose one with --fleet')]);
      expect((await tidegate('prove', at('pair'))).code).toBe(0);
    });

    test('has a fleet for each inference component, counted in copies', async () => {
      const { code, stdout } = await tidegate(
        'inspect',
        '--endpoint',
        'shared',
        '--days',
        '0.1',
        '--out',
        at('shared'),
      );
      expect(code).toBe(0);
      const fleets = [...manifestOf('shared').fleets].sort((a, b) => (a.name < b.name ? -1 : 1));
      expect(fleets.map(({ name, kind, currentCapacity }) => [name, kind, currentCapacity])).toEqual([
        ['large', 'inference-component', 1],
        ['small', 'inference-component', 1],
      ]);
      expect(fleets.map(({ recording }) => requestsOf('shared', recording!))).toEqual([60, 60]);
      expect(stdout).toMatch(/large: inference-component, 1 copies, not scaled/);
      const simulated = await tidegate('simulate', at('shared'), '--no-advice');
      expect(simulated.stdout).toMatch(/^inference-component\/small[^]*^inference-component\/large/m);
    });

    test('tells what IAM denies, and gives the rest', async () => {
      const keys = await userWithout(DENIED);
      await account().engine.enforceIam();
      const own = { ...process.env };
      Object.assign(process.env, keys);
      try {
        const { code, stderr } = await tidegate('inspect', '--endpoint', 'chat', ...window(), '--out', at('denied'));
        for (const action of DENIED)
          expect(stderr).toMatch(new RegExp(`not read, ${action} is needed: .*AccessDenied`));
        expect(code).toBe(0);
        const { fleets, missing } = manifestOf('denied');
        expect([...new Set(missing.map(({ action }) => action))].sort()).toEqual([...DENIED].sort());
        expect(fleets[0]).toMatchObject({ resourceId: RESOURCE.ResourceId, currentCapacity: 2 });
        expect(fleets[0]!.service).not.toBeNull();
        expect(requestsOf('denied', 'recording.json')).toBeGreaterThan(0);
        expect((await tidegate('simulate', at('denied'), '--no-advice')).code).toBe(0);
      } finally {
        Object.assign(process.env, {
          AWS_ACCESS_KEY_ID: own.AWS_ACCESS_KEY_ID,
          AWS_SECRET_ACCESS_KEY: own.AWS_SECRET_ACCESS_KEY,
        });
      }
    });
  },
);
