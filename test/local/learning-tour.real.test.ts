import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { findMosquitto, MISSING_MOSQUITTO } from '../../lib/emulator/edge/mosquitto';
import { runTour, type TourReport } from '../../lib/local/tour/tour';
import { describeWith } from '../support/needs';
import { pythonWithTorch } from '../training/torch';

const projectDirectory = path.resolve(__dirname, '../..');
const torch = pythonWithTorch();
const LIMIT_MS = 900_000;

describeWith('missing' in torch ? torch.missing : undefined, 'the tour of learning', () => {
  const outDirectory = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-learning-'));
  afterAll(() => fs.rmSync(outDirectory, { recursive: true, force: true }));

  test(
    'learns from landed requests through an interruption, refuses a bad version, rolls a good one out to endpoint and device, learns again from a drift, and rolls that out too',
    async () => {
      let output = '';
      const report = await runTour(
        { tour: 'learning', projectDirectory, stage: 'dev', speed: 60, seed: 3, outDirectory },
        { output: { write: (text: string) => (output += text) }, signal: AbortSignal.timeout(LIMIT_MS - 10_000) },
      );
      const hasBroker = findMosquitto() !== undefined;
      expect(report.steps.map(({ id, problem, skipped }) => [id, problem, skipped])).toEqual([
        ['landing', null, null],
        ['training', null, null],
        ['compression', null, null],
        ['gate', null, null],
        ['rollout', null, null],
        ['edge', null, hasBroker ? null : `it needs ${MISSING_MOSQUITTO}`],
        ['drift', null, null],
        ['drift-compression', null, null],
        ['drift-rollout', null, null],
        ['drift-edge', null, hasBroker ? null : `it needs ${MISSING_MOSQUITTO}`],
      ]);
      expect(output).toContain('Every step went as expected');
      expect(JSON.parse(fs.readFileSync(path.join(outDirectory, 'tour.json'), 'utf8')) as TourReport).toEqual(report);
      const resultsOf = (id: string) => report.steps.find((step) => step.id === id)!.results;
      const landing = resultsOf('landing');
      expect(landing).toMatchObject({ requests: 1600, answered: 1600, deadLetters: 0, captured: 1600 });

      const training = resultsOf('training');
      expect(training).toMatchObject({ processes: 2, interruptions: 1 });
      expect(Number(training['rowsToLearn']) + Number(training['rowsHeldOut'])).toBe(1600);
      expect(training['resumedAtStep']).toBeGreaterThan(0);
      expect(training['accuracy']).toBeGreaterThan(0.9);
      const compression = resultsOf('compression');
      expect(Number(compression['bytesBefore']) / Number(compression['bytesAfter'])).toBeGreaterThan(2);
      expect(resultsOf('gate')['reasons']).toMatch(/^accuracy is \d+\.\d %, \d+\.\d points below the live model's/);
      const rollout = resultsOf('rollout');
      expect(rollout).toMatchObject({ failed: 0 });
      expect(rollout['requestsDuringTheRollout']).toBeGreaterThan(50);
      expect(rollout['accuracy']).toBeGreaterThan(Number(landing['accuracyOfTheFirstModel']) + 0.03);

      if (hasBroker) {
        expect(resultsOf('edge')).toMatchObject({
          ...{ models: 2, answered: 700, answeredOffline: 300, landedWhileOffline: 0 },
          ...{ landed: 700, lost: 0, landedTwice: 0 },
        });
      }
      const drift = resultsOf('drift');
      expect(drift['hoursWithoutDrift']).toBeGreaterThan(0);
      expect(drift['rightBefore']).toBe(0);
      expect(drift['accuracyOfNewLabels']).toBeGreaterThan(0.8);
      expect(Number(drift['steps']) / Number(drift['stepsOfTheFullTraining'])).toBeLessThan(0.5);
      expect(drift['forgottenOfEarlierLabels']).toBeLessThan(0.03);

      const next = resultsOf('drift-compression');
      expect(Number(next['bytesBefore']) / Number(next['bytesAfter'])).toBeGreaterThan(2);
      const nextRollout = resultsOf('drift-rollout');
      expect(nextRollout).toMatchObject({ failed: 0 });
      expect(nextRollout['requestsDuringTheRollout']).toBeGreaterThan(50);
      // The live model knows four of the six labels.
      expect(nextRollout['accuracyOfTheLiveModelBefore']).toBeLessThan(0.7);
      expect(nextRollout['accuracyInTheGate']).toBeGreaterThan(0.9);
      expect(nextRollout['lostOfAnEarlierLabel']).toBeLessThan(0.1);
      expect(nextRollout['accuracy']).toBeGreaterThan(0.9);
      if (hasBroker) {
        const device = resultsOf('drift-edge');
        expect(device).toMatchObject({ models: 2, answered: 400, landed: 400, lost: 0, landedTwice: 0 });
        expect(device['accuracyBefore']).toBeLessThan(0.7);
        expect(device['accuracyAfter']).toBeGreaterThan(0.9);
      }
    },
    LIMIT_MS,
  );
});
