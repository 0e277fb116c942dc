import * as fs from 'node:fs';
import * as path from 'node:path';
import { InputError } from '../../../lib/core/errors';
import type { ModelServerProcess } from '../../../lib/emulator/model-server/model-server-process';
import { ONNX } from '../../../lib/emulator/model-server/onnx/onnx';
import { ensureOnnxRuntime } from '../../../lib/emulator/model-server/onnx/onnx-runtime';
import { formatInferenceRequest } from '../../../lib/ingestion/contract';
import { DEFAULT_SERVICE_PROFILE, serviceSeconds } from '../../../lib/simulation/traffic/service-profile';
import { runPlatform, RUN_TEST_LIMIT_MS, expectWhole, synthesizeLocal } from '../../local/platform-run';
import { describeWith } from '../../support/needs';
import { BATCH, CompressedDigits, MISSING_FOR_COMPRESSION, projectDirectory } from './compressed-digits';

const LIMIT_MS = 600_000;
const TOKENS = { contextTokens: 100, generatedTokens: 10 };

describeWith(MISSING_FOR_COMPRESSION, 'an artifact of the compression pipeline under ONNX Runtime', () => {
  const digits = new CompressedDigits();
  const serve = (location: string, payload?: string): Promise<ModelServerProcess> =>
    digits.serve(ONNX, location, payload);

  beforeAll(() => digits.make(), LIMIT_MS);
  afterEach(() => digits.stop());
  afterAll(() => digits.remove());

  test(
    'answers with the accuracy that the report of the job has, from its archive, and the same from the ONNX file alone',
    async () => {
      const server = await serve(digits.archive());
      expect(server).toMatchObject({ name: 'onnx', modelName: digits.modelName() });
      expect(await server.ping()).toBe(200);
      const started = await digits.endpoint(server);
      expect(await digits.accuracyThrough(started)).toBeCloseTo(digits.accuracy, 9);
      const wrong = digits.requestOf(digits.evaluated.slice(0, 1)).replace('"features"', '"pixels"');
      await expect(digits.invoke(started, wrong)).rejects.toThrow("input 'features' is missing");
      expect(await server.statistics()).toEqual({
        requests: digits.evaluated.length / BATCH,
        executions: digits.evaluated.length / BATCH,
      });
      await digits.stop();
      const alone = await digits.endpoint(await serve(digits.networkAlone()));
      expect(await digits.accuracyThrough(alone)).toBeCloseTo(digits.accuracy, 9);
    },
    LIMIT_MS,
  );

  test(
    'gives requests of the traffic its response as it came',
    async () => {
      const payload = path.join(digits.root, 'payload.jsonl');
      const rows = [digits.requestOf(digits.evaluated.slice(0, 1)), digits.requestOf(digits.evaluated.slice(1, 3))];
      fs.writeFileSync(payload, rows.map((row) => `${row}\n`).join(''));
      const server = await serve(digits.model, payload);
      const started = await digits.endpoint(server);
      for (const row of rows) {
        const own = await server.infer!(row);
        const response = await digits.invoke(started, formatInferenceRequest({ id: 'r-1', key: 'k', ...TOKENS }));
        expect(response).toContain(`"output":${own.body}}`);
        expect(JSON.parse(response)).toMatchObject({ id: 'r-1', output: JSON.parse(own.body) as unknown });
      }
    },
    LIMIT_MS,
  );

  test(
    'serves the traffic of a run without a server of its own: every result in S3 has the output of the model',
    async () => {
      const assembly = path.join(digits.root, 'assembly');
      synthesizeLocal(assembly);
      const run = await runPlatform(assembly, path.join(digits.root, 'report'), { model: digits.archive() });
      await expectWhole(run, assembly);
      const { modelServer, requests } = run.report;
      expect(modelServer).toMatchObject({ name: 'onnx', model: digits.modelName() });
      expect(modelServer!.requests).toBeGreaterThanOrEqual(requests.answered);
      expect(modelServer!.results.lines).toBeGreaterThan(0.3 * requests.answered);
      expect(modelServer!.results.withOutput).toBe(modelServer!.results.lines);
      expect(run.output).toContain(`onnx with ${digits.modelName()}: `);
    },
    RUN_TEST_LIMIT_MS,
  );

  test(
    'starts again, with the model, where its process has ended',
    async () => {
      const server = await serve(digits.model);
      const request = digits.requestOf(digits.evaluated.slice(0, 1));
      const before = await server.infer!(request);
      await server.stop();
      expect((await server.infer!(request)).body).toBe(before.body);
    },
    LIMIT_MS,
  );

  test(
    'does not start with what ONNX Runtime does not run, and says what to do',
    async () => {
      const python = digits.changed('python', (config) =>
        config.replace('platform: "onnxruntime_onnx"', 'backend: "python"'),
      );
      await expect(serve(python)).rejects.toThrow(
        `--model ${python}: the model '${digits.modelName()}' is for Triton's backend 'python' (config.pbtxt), and ONNX Runtime runs ONNX networks alone; ` +
          'add --server triton, or give an artifact with an ONNX file',
      );
      const two = digits.changed('two', (config) => config);
      fs.cpSync(path.join(two, digits.modelName(), '1'), path.join(two, digits.modelName(), '2'), { recursive: true });
      await expect(serve(two)).rejects.toThrow(
        `--model ${two}: the model's artifact must have one ONNX file; it has 1/model.onnx, 2/model.onnx`,
      );
      const damaged = digits.changed('damaged', (config) => config);
      fs.writeFileSync(path.join(damaged, digits.modelName(), '1', 'model.onnx'), 'no network');
      await expect(serve(damaged)).rejects.toThrow(`--model ${damaged}: ONNX Runtime cannot load 1/model.onnx`);
      await expect(serve(damaged)).rejects.toThrow(InputError);
      const payload = path.join(digits.root, 'wrong.jsonl');
      const good = digits.requestOf(digits.evaluated.slice(0, 2));
      fs.writeFileSync(payload, `${good}\n${good.replace('[2,64]', '[2,63]')}\n`);
      await expect(serve(digits.model, payload)).rejects.toThrow(`refuses ${payload}:2 with status 400: `);
    },
    LIMIT_MS,
  );

  test(
    'predicts the seconds of service with the small network where there is no artifact',
    async () => {
      const server = await ONNX.start({ projectDirectory, dataDirectory: path.join(digits.root, 'small') });
      try {
        const wanted = serviceSeconds(DEFAULT_SERVICE_PROFILE, { contextTokens: 4000, generatedTokens: 900 });
        const { seconds } = (await server.predict({ contextTokens: 4000, generatedTokens: 900 })) as {
          seconds: number;
        };
        expect(Math.abs(seconds - wanted)).toBeLessThan(0.05 * wanted + 0.2);
        expect(await server.statistics()).toEqual({ requests: 1, executions: 1 });
      } finally {
        await server.stop();
      }
    },
    LIMIT_MS,
  );

  test(
    'says how to get ONNX Runtime where it cannot be installed',
    async () => {
      const lacking = path.join(digits.root, 'lacking');
      fs.mkdirSync(lacking);
      fs.symlinkSync(path.join(projectDirectory, 'lib'), path.join(lacking, 'lib'));
      const given = { ...process.env };
      Object.assign(process.env, {
        PIP_INDEX_URL: 'http://127.0.0.1:9/simple',
        PIP_RETRIES: '0',
        PIP_NO_CACHE_DIR: '1',
      });
      try {
        await expect(ensureOnnxRuntime({ projectDirectory: lacking })).rejects.toThrow(
          /^ONNX Runtime could not be installed with .*; check the network and the package index \(pip config list\)/,
        );
      } finally {
        process.env = given;
      }
    },
    LIMIT_MS,
  );
});
