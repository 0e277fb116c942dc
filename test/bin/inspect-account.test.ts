import * as fs from 'node:fs';
import { LOCAL_ACCOUNT, LOCAL_REGION } from '../../lib/emulator/credentials';
import { parseInspection, parseRecording } from '../../lib/inspection/contract';
import { describeLiveEndpoint, RESOURCE, SECRET } from '../support/live-endpoint';

describeLiveEndpoint('tidegate inspect of a live endpoint', ({ tidegate, at, read, window }) => {
  test('writes what runs and what happened, and every command takes the folder', async () => {
    const { code, stderr } = await tidegate('inspect', '--endpoint', 'chat', ...window(), '--out', at('live'));
    expect(stderr).toContain('hours: a day has hours that they do not show');
    expect(code).toBe(0);
    const manifest = parseInspection('inspection.json', read('live', 'inspection.json'));
    expect(manifest).toMatchObject({ accountId: LOCAL_ACCOUNT, region: LOCAL_REGION, missing: [], source: 'account' });
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
});
