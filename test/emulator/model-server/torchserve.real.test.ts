import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import type { ModelServerProcess } from '../../../lib/emulator/model-server/model-server-process';
import { findJava } from '../../../lib/emulator/java';
import { checkMachine } from '../../../lib/emulator/model-server/torchserve/machine';
import { TORCHSERVE } from '../../../lib/emulator/model-server/torchserve/torchserve';
import { pause } from '../../../lib/emulator/repeat';
import { DEFAULT_SERVICE_PROFILE, serviceSeconds } from '../../../lib/simulation/traffic/service-profile';
import { checkContainerContract } from '../../support/container-contract';
import { torchServeLeftOut } from '../../support/model-server';
import { describeWith } from '../../support/needs';
import { isRunning, networkOf, processOf } from '../../support/processes';

const projectDirectory = path.resolve(__dirname, '../../..');
const leftOut = torchServeLeftOut(projectDirectory);

describeWith(leftOut, 'TorchServe, with the settings of SageMaker', () => {
  const dataDirectory = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-model-server-'));
  let server: ModelServerProcess | undefined;
  const pid = (): number => processOf('org.pytorch.serve.ModelServer', dataDirectory);
  beforeAll(async () => {
    server = await TORCHSERVE.start({ projectDirectory, dataDirectory });
  }, 3_600_000);
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
    // It counts what its worker reports over a pipe, shortly after the response.
    let after = await server!.statistics();
    for (let look = 0; look < 250 && after.requests - before.requests < 256; look++) {
      await pause(20);
      after = await server!.statistics();
    }
    expect(after.requests - before.requests).toBe(256);
    expect(after.executions - before.executions).toBeLessThan(128);
    expect(after.executions - before.executions).toBeGreaterThan(0);
  });

  test('reports its status when a request does not fit it', async () => {
    const tokens = { contextTokens: Number.NaN, generatedTokens: 1 };
    await expect(server!.predict(tokens)).rejects.toThrow(/^TorchServe returned status 5\d\d/);
  });

  test('has a network of its own', () => {
    expect(networkOf(pid())).not.toBe(networkOf('self'));
  });

  test('follows the container contract, but for a word in the answer to /ping', async () => {
    const worker = processOf('model_service_worker.py', path.dirname(server!.socketPath));
    const violations = await checkContainerContract(
      { socketPath: server!.socketPath, pid: pid() },
      { body: JSON.stringify({ tokens: [100, 50] }) },
    );
    expect(violations).toEqual([{ clause: 'ping is empty', seen: expect.stringContaining('Healthy') as string }]);
    await server!.stop();
    expect(isRunning(worker)).toBe(false);
  }, 90_000);
});

describe('what TorchServe needs of the machine', () => {
  const JAVA = { command: 'java', version: 17 };
  const machine = { java: JAVA, projectDirectory, installs: false, platform: 'linux', architecture: 'x64' } as const;

  test.each([
    ['nothing where all is there', machine, []],
    ['another system', { ...machine, platform: 'darwin' as const }, [/^Linux on x64.*this is darwin on x64$/]],
    ['another processor', { ...machine, architecture: 'arm64' }, [/this is linux on arm64$/]],
    [
      'a Java at all',
      { ...machine, java: { command: '/none/bin/java', version: undefined } },
      [/^Java 11 or newer.*\/none\/bin\/java does not run.*or set JAVA_HOME$/],
    ],
    ['a newer Java', { ...machine, java: { command: 'java', version: 8 } }, [/^Java 11 or newer.*java is 8/]],
  ])('is required: %s', async (_name, options, wanted) => {
    const problems = await checkMachine(options);
    expect(problems).toEqual(wanted.map((pattern) => expect.stringMatching(pattern) as string));
  });

  test('is a Java that runs, with its version in either form', async () => {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-java-'));
    fs.mkdirSync(path.join(directory, 'bin'));
    const java = path.join(directory, 'bin', 'java');
    for (const [said, version] of [
      ['openjdk version "17.0.15" 2025-04-15', 17],
      ['java version "1.8.0_402"', 8],
      ['something else', undefined],
    ] as const) {
      fs.writeFileSync(java, `#!/bin/sh\necho '${said}' >&2\n`, { mode: 0o755 });
      expect(await findJava({ PATH: process.env.PATH, JAVA_HOME: directory })).toEqual({ command: java, version });
    }
    fs.rmSync(directory, { recursive: true });
    expect(await findJava({ PATH: process.env.PATH, JAVA_HOME: directory })).toEqual({
      command: java,
      version: undefined,
    });
  });

  test('refuses to install what could not run, and names what is missing', async () => {
    const data = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-model-server-'));
    const home = process.env.JAVA_HOME;
    process.env.JAVA_HOME = data;
    try {
      await expect(TORCHSERVE.start({ projectDirectory, dataDirectory: data })).rejects.toThrow(
        /^--server torchserve needs (Java 11 or newer|Linux on x64)/,
      );
    } finally {
      if (home === undefined) delete process.env.JAVA_HOME;
      else process.env.JAVA_HOME = home;
      fs.rmSync(data, { recursive: true });
    }
  });
});
