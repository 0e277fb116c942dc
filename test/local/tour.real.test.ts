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

  test('deploys one of every kind, scales each, from zero too, and changes versions under live traffic', async () => {
    let output = '';
    const report = await runTour(
      { tour: 'endpoints', projectDirectory, stage: 'dev', speed: SPEED, seed: 3, outDirectory },
      { output: { write: (text: string) => (output += text) }, signal: AbortSignal.timeout(550_000) },
    );
    expect(report.steps.map(({ problem }) => problem)).toEqual([null, null, null, null]);
    expect(report.ok).toBe(true);
    expect(report.resources.verified).toBe(report.resources.declared);
    expect(report.resources.declared).toBeGreaterThan(30);
    expect(output).toContain('Every endpoint behaved as expected');
    expect(JSON.parse(fs.readFileSync(path.join(outDirectory, 'tour.json'), 'utf8')) as TourReport).toEqual(report);

    const resultsOf = (id: string) => report.steps.find((step) => step.id === id)!.results;
    expect(resultsOf('asynchronous')).toMatchObject({ requests: 241, answered: 241, finalInstances: 0 });
    const component = resultsOf('component');
    expect(component['answered']).toBe(component['requests']);
    expect(component['rejectedAttempts']).toBeGreaterThan(0);
    const realTime = resultsOf('real-time');
    for (const state of ['without-scaling', 'other-instance-types', 'next-version', 'unhealthy-version']) {
      expect(realTime[`${state}: failed`]).toBe(0);
      expect(realTime[`${state}: requests`]).toBeGreaterThan(0);
    }
    expect(realTime['failing-version: failed']).toBeGreaterThan(0);
    expect(realTime['failing-version: alarm']).toContain('RollbackOnErrors');
    expect(realTime['unhealthy-version: alarm']).toContain('RolloutRolledBack');
    expect(realTime['configuration-drift: alarm']).toMatch(/^ConfigurationDrift after \d+ s, then OK again$/);
    expect(realTime['configuration-drift: failed']).toBe(0);
    // A reset to the template's count would leave one; the policy itself may move between two and four on a busy machine.
    expect(realTime['next-version: instances']).toMatch(/^[2-4] before, [2-4] after/);
    expect(Number(realTime['requests']) - Number(realTime['answered'])).toBe(realTime['failing-version: failed']);
  }, 600_000);

  test('ends at once, with everything it started, when it is interrupted', async () => {
    const controller = new AbortController();
    const running = runTour(
      { tour: 'endpoints', projectDirectory, stage: 'dev', speed: SPEED, seed: 3, outDirectory },
      { output: { write: () => undefined }, signal: controller.signal },
    );
    setTimeout(() => controller.abort(new Error('Ctrl-C')), 1500);
    await expect(running).rejects.toThrow('Ctrl-C');
  }, 60_000);

  test('refuses a stage that does not exist with the reason of the app', async () => {
    await expect(
      runTour(
        { tour: 'endpoints', projectDirectory, stage: 'nowhere', speed: SPEED, seed: 3, outDirectory },
        { output: { write: () => undefined }, signal: new AbortController().signal },
      ),
    ).rejects.toThrow("unknown stage 'nowhere'");
  }, 60_000);
});
