import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { runTour, type TourReport } from '../../lib/local/tour/tour';

const projectDirectory = path.resolve(__dirname, '../..');

/** Slower than the default, because other tests run on the same cores. */
const SPEED = 40;

describe('the tour of endpoints', () => {
  const outDirectory = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-tour-'));
  afterAll(() => fs.rmSync(outDirectory, { recursive: true, force: true }));

  test('deploys one of every kind, scales each, wakes those at zero, and changes versions over live traffic', async () => {
    let output = '';
    const report = await runTour(
      { projectDirectory, stage: 'dev', speed: SPEED, seed: 3, outDirectory },
      { output: { write: (text: string) => (output += text) }, signal: new AbortController().signal },
    );
    expect(report.acts.map(({ problem }) => problem)).toEqual([null, null, null, null]);
    expect(report.ok).toBe(true);
    expect(report.resources.verified).toBe(report.resources.declared);
    expect(report.resources.declared).toBeGreaterThan(30);
    expect(output).toContain('Every endpoint did what it should');
    expect(JSON.parse(fs.readFileSync(path.join(outDirectory, 'tour.json'), 'utf8')) as TourReport).toEqual(report);

    const factsOf = (id: string) => report.acts.find((act) => act.id === id)!.facts;
    expect(factsOf('asynchronous')).toMatchObject({ requests: 241, answered: 241, endedAt: 0 });
    const component = factsOf('component');
    expect(component['answered']).toBe(component['requests']);
    expect(component['triesRefusedMeanwhile']).toBeGreaterThan(0);
    const realTime = factsOf('real-time');
    for (const state of ['without-scaling', 'other-instance-types', 'next-version', 'unhealthy-version']) {
      expect(realTime[`${state}: failed`]).toBe(0);
      expect(realTime[`${state}: requests`]).toBeGreaterThan(0);
    }
    expect(realTime['failing-version: failed']).toBeGreaterThan(0);
    expect(realTime['failing-version: alarm']).toContain('RollbackOnErrors');
    expect(realTime['unhealthy-version: alarm']).toContain('RolloutTakenBack');
    expect(realTime['by hand: alarm']).toMatch(/^ConfigurationDrift after \d+ s, and at rest again$/);
    expect(realTime['by hand: failed']).toBe(0);
    expect(realTime['next-version: instances']).toMatch(/^3 before, 3 after/);
    expect(Number(realTime['requests']) - Number(realTime['answered'])).toBe(realTime['failing-version: failed']);
  }, 600_000);

  test('ends at once, with everything it started, when it is interrupted', async () => {
    const controller = new AbortController();
    const running = runTour(
      { projectDirectory, stage: 'dev', speed: SPEED, seed: 3, outDirectory },
      { output: { write: () => undefined }, signal: controller.signal },
    );
    setTimeout(() => controller.abort(new Error('Ctrl-C')), 1500);
    await expect(running).rejects.toThrow('Ctrl-C');
  }, 60_000);

  test('refuses a stage that does not exist with the reason of the app', async () => {
    await expect(
      runTour(
        { projectDirectory, stage: 'nowhere', speed: SPEED, seed: 3, outDirectory },
        { output: { write: () => undefined }, signal: new AbortController().signal },
      ),
    ).rejects.toThrow("unknown stage 'nowhere'");
  }, 60_000);
});
