import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { MISSING_KAFKA } from '../emulator/kafka/local-kafka';
import { describeWith } from '../support/needs';
import { expectWhole, runPlatform, RUN_TEST_LIMIT_MS, synthesizeLocal } from './platform-run';

const CLUSTER = 'arn:aws:kafka:us-east-1:123456789012:cluster/local/00000000-0000-4000-8000-000000000000-1';

describeWith(MISSING_KAFKA, 'the platform on this machine, with a real Kafka broker before its endpoint', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-kafka-run-'));
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

  test(
    'answers every request that came through the topic, or keeps it as a dead letter, and trains on the results',
    async () => {
      const assembly = path.join(folder, 'assembly');
      synthesizeLocal(assembly, { kafkaCluster: CLUSTER });
      const run = await runPlatform(assembly, path.join(folder, 'whole'), { ingest: 'kafka' });
      await expectWhole(run, assembly);
      expect(run.report).toMatchObject({
        ingest: 'kafka',
        traffic: expect.stringMatching(/, half of it through Kafka$/),
      });
      // The malformed records, which the topic carried too.
      expect(run.report.requests.deadLettered).toBe(5);
    },
    RUN_TEST_LIMIT_MS,
  );
});
