import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { missingForModelServers } from '../support/model-server';
import { describeWith } from '../support/needs';
import { expectWhole, runPlatform, RUN_TEST_LIMIT_MS, synthesizeLocal } from './platform-run';

describeWith(missingForModelServers(), 'the platform on this machine, with a real Triton behind its endpoint', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-platform-'));
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

  test(
    'sends every request through the model server, also those that Kinesis and the handler carried',
    async () => {
      const assembly = path.join(folder, 'assembly');
      synthesizeLocal(assembly);
      const run = await runPlatform(assembly, path.join(folder, 'whole'), { server: 'triton' });
      await expectWhole(run, assembly);
      expect(run.report.modelServer!.requests).toBeGreaterThanOrEqual(run.report.requests.answered);
    },
    RUN_TEST_LIMIT_MS,
  );
});
