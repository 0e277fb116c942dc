import * as fs from 'node:fs';
import * as net from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { InputError } from '../../../lib/core/errors';
import type { ModelServerProcess } from '../../../lib/emulator/model-server/model-server-process';
import { TRITON } from '../../../lib/emulator/model-server/triton/triton';
import { DEFAULT_SERVICE_PROFILE, serviceSeconds } from '../../../lib/simulation/traffic/service-profile';
import { checkContainerContract } from '../../support/container-contract';
import { missingForModelServers } from '../../support/model-server';
import { describeWith } from '../../support/needs';
import { networkOf, processOf } from '../../support/processes';

const projectDirectory = path.resolve(__dirname, '../../..');

describeWith(missingForModelServers(), 'Triton in its SageMaker mode', () => {
  const dataDirectory = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-model-server-'));
  let server: ModelServerProcess | undefined;
  const pid = (): number => processOf('bin/tritonserver', dataDirectory);
  beforeAll(async () => {
    server = await TRITON.start({ projectDirectory, dataDirectory });
  }, 300_000);
  afterAll(async () => {
    await server?.stop();
    await server?.stop();
    fs.rmSync(dataDirectory, { recursive: true, force: true });
  });

  test('gives the seconds that the network learned', async () => {
    for (const tokens of [
      { contextTokens: 100, generatedTokens: 50 },
      { contextTokens: 4000, generatedTokens: 900 },
      { contextTokens: 8000, generatedTokens: 2000 },
    ]) {
      const wanted = serviceSeconds(DEFAULT_SERVICE_PROFILE, tokens);
      expect(Math.abs(((await server!.predict(tokens)) as { seconds: number }).seconds - wanted)).toBeLessThan(
        0.05 * wanted + 0.2,
      );
    }
  });

  test('makes batches of requests that come together, as its own metrics tell', async () => {
    const before = await server!.statistics();
    const requests = Array.from({ length: 256 }, (_, index) => ({ contextTokens: index, generatedTokens: index }));
    await Promise.all(requests.map((request) => server!.predict(request)));
    // Triton counts a request shortly after its response.
    let after = await server!.statistics();
    for (let look = 0; look < 100 && after.requests - before.requests < 256; look++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      after = await server!.statistics();
    }
    expect(after.requests - before.requests).toBe(256);
    expect(after.executions - before.executions).toBeLessThan(128);
    expect(after.executions - before.executions).toBeGreaterThan(0);
  });

  test('listens on no address of this machine', async () => {
    const refused = (port: number): Promise<boolean> =>
      new Promise((resolve) => {
        const socket = net.connect(port, '127.0.0.1');
        socket.once('error', () => resolve(true));
        socket.once('connect', () => {
          socket.destroy();
          resolve(false);
        });
      });
    const log = fs.readFileSync(path.join(dataDirectory, 'triton', 'triton.log'), 'utf8');
    expect(log).toContain('Started Sagemaker HTTPService at 0.0.0.0:8080');
    expect(networkOf(pid())).not.toBe(networkOf('self'));
    // The metrics' port would be open in the same way.
    expect(await refused(8002)).toBe(true);
  });

  test('follows the container contract', async () => {
    const tensor = { name: 'tokens', shape: [1, 2], datatype: 'FP32', data: [100, 50] };
    const container = { socketPath: server!.socketPath, pid: pid() };
    const body = JSON.stringify({ inputs: [tensor] });
    expect(await server!.ping()).toBe(200);
    expect(await checkContainerContract(container, { body })).toEqual([]);
  }, 90_000);
});

test('says why Triton does not start', async () => {
  const empty = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-model-server-'));
  const programs = path.join(empty, 'lib', 'emulator', 'model-server', 'triton');
  fs.mkdirSync(programs, { recursive: true });
  fs.writeFileSync(path.join(programs, 'requirements.txt'), 'no-such-package==1\n');
  await expect(TRITON.start({ projectDirectory: empty, dataDirectory: path.join(empty, 'data') })).rejects.toThrow(
    InputError,
  );
  fs.rmSync(empty, { recursive: true, force: true });
}, 120_000);
