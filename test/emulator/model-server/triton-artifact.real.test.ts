import * as fs from 'node:fs';
import * as path from 'node:path';
import type { ModelServerProcess } from '../../../lib/emulator/model-server/model-server-process';
import { TRITON } from '../../../lib/emulator/model-server/triton/triton';
import { formatInferenceRequest } from '../../../lib/ingestion/contract';
import { missingForModelServers } from '../../support/model-server';
import { describeWith } from '../../support/needs';
import { BATCH, CompressedDigits, MISSING_FOR_COMPRESSION } from './compressed-digits';

const LIMIT_MS = 600_000;

describeWith(
  missingForModelServers() ?? MISSING_FOR_COMPRESSION,
  'an artifact of the compression pipeline on Triton',
  () => {
    const digits = new CompressedDigits();
    const serve = (location: string, payload?: string): Promise<ModelServerProcess> =>
      digits.serve(TRITON, location, payload);

    beforeAll(() => digits.make(), LIMIT_MS);
    afterEach(() => digits.stop());
    afterAll(() => digits.remove());

    test(
      'answers with the accuracy that the report of the job has, from its archive',
      async () => {
        const server = await serve(digits.archive());
        const started = await digits.endpoint(server);
        expect(await digits.accuracyThrough(started)).toBeCloseTo(digits.accuracy, 9);
        expect(server).toMatchObject({ modelName: digits.modelName() });
        const wrong = digits.requestOf(digits.evaluated.slice(0, 1)).replace('"features"', '"pixels"');
        await expect(digits.invoke(started, wrong)).rejects.toThrow("unexpected inference input 'pixels'");
        // Requests of the traffic run the model too, on requests that are made for it, and hold its response.
        const before = await server.statistics();
        expect(before.requests).toBe(digits.evaluated.length / BATCH);
        const traffic = { id: 'r-000001', key: 'user-1', contextTokens: 100, generatedTokens: 10 };
        const response = await digits.invoke(started, formatInferenceRequest(traffic));
        expect(JSON.parse(response)).toMatchObject({
          id: 'r-000001',
          generated_tokens: 10,
          output: { model_name: digits.modelName(), outputs: [{ name: 'probabilities', shape: [1, 10] }] },
        });
        let after = before;
        for (let look = 0; look < 600 && after.requests === before.requests; look++) {
          await new Promise((resolve) => setTimeout(resolve, 100));
          after = await server.statistics();
        }
        expect(after.requests).toBe(before.requests + 1);
      },
      LIMIT_MS,
    );

    test(
      'answers the same from the ONNX file alone, whose configuration Triton completes',
      async () => {
        const started = await digits.endpoint(await serve(digits.networkAlone()));
        expect(await digits.accuracyThrough(started)).toBeCloseTo(digits.accuracy, 9);
      },
      LIMIT_MS,
    );

    test(
      'does not start where Triton refuses the layout, with its reason',
      async () => {
        const cases: readonly [string, (config: string) => string, string][] = [
          ['cut', (config) => config.slice(0, -20), 'failed to read text proto'],
          ['typed', (config) => config.replace('TYPE_FP32', 'TYPE_INT64'), 'the network has TYPE_FP32'],
          [
            'torch',
            (config) => config.replace('onnxruntime_onnx', 'pytorch_libtorch'),
            'has the backends onnxruntime and python',
          ],
        ];
        for (const [name, change, reason] of cases) {
          const error = await serve(digits.changed(name, change)).catch((thrown: unknown) => thrown);
          expect(String(error)).toContain(reason);
        }
      },
      LIMIT_MS,
    );

    test(
      'takes requests of a file, and names the one that the model refuses',
      async () => {
        const payload = path.join(digits.root, 'payload.jsonl');
        const good = digits.requestOf(digits.evaluated.slice(0, 2));
        fs.writeFileSync(payload, `${good}\n${good.replace('[2,64]', '[2,63]')}\n`);
        await expect(serve(digits.model, payload)).rejects.toThrow(
          new RegExp(`refuses ${payload}:2 with status 500: .*[Ss]hape`),
        );
        fs.writeFileSync(payload, `${good}\n`);
        const served = await serve(digits.model, payload);
        expect(await served.predict({ contextTokens: 1, generatedTokens: 1 })).toEqual({
          output: expect.stringContaining('"shape":[2,10]'),
        });
      },
      LIMIT_MS,
    );
  },
);
