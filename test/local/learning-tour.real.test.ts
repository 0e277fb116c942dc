import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { runTour, type TourReport } from '../../lib/local/tour/tour';
import { describeWith } from '../support/needs';
import { pythonWithTorch } from '../training/torch';

const projectDirectory = path.resolve(__dirname, '../..');
const torch = pythonWithTorch();
const LIMIT_MS = 600_000;

describeWith('missing' in torch ? torch.missing : undefined, 'the tour of learning', () => {
  const outDirectory = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-learning-'));
  afterAll(() => fs.rmSync(outDirectory, { recursive: true, force: true }));

  test(
    'trains through an interruption, compresses, refuses a bad version and rolls a good one out over live traffic',
    async () => {
      let output = '';
      const report = await runTour(
        { tour: 'learning', projectDirectory, stage: 'dev', speed: 60, seed: 3, outDirectory },
        { output: { write: (text: string) => (output += text) }, signal: AbortSignal.timeout(LIMIT_MS - 10_000) },
      );
      expect(report.steps.map(({ id, problem }) => [id, problem])).toEqual([
        ['training', null],
        ['compression', null],
        ['serving', null],
        ['gate', null],
        ['rollout', null],
      ]);
      expect(output).toContain('Every step went as expected');
      expect(JSON.parse(fs.readFileSync(path.join(outDirectory, 'tour.json'), 'utf8')) as TourReport).toEqual(report);
      const resultsOf = (id: string) => report.steps.find((step) => step.id === id)!.results;
      expect(resultsOf('training')).toMatchObject({ processes: 2, interruptions: 1 });
      expect(resultsOf('training')['resumedAtStep']).toBeGreaterThan(0);
      expect(resultsOf('training')['accuracy']).toBeGreaterThan(0.9);
      const compression = resultsOf('compression');
      expect(Number(compression['bytesBefore']) / Number(compression['bytesAfter'])).toBeGreaterThan(2);
      expect(resultsOf('serving')).toMatchObject({ accuracyOfLaterLabels: 0 });
      expect(resultsOf('gate')['reasons']).toMatch(/^accuracy is \d+\.\d %, \d+\.\d points below the live model's/);
      expect(resultsOf('rollout')).toMatchObject({ failed: 0 });
      expect(resultsOf('rollout')['requestsDuringTheRollout']).toBeGreaterThan(50);
      expect(resultsOf('rollout')['accuracyOfLaterLabels']).toBeGreaterThan(0.8);
    },
    LIMIT_MS,
  );
});
