import { execFileSync, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { projectDirectory } from '../architecture/imports';
import { describeWith, testWith } from '../support/needs';
import { type DeviceResponse, deviceParts, type ForwardedResult } from './device';

const COMPONENT = path.join(projectDirectory, 'lib', 'edge', 'assets', 'component');
const DRIVER = path.join(__dirname, 'drive_service.py');
const TIMEOUT_MS = 300_000;

const parts = deviceParts();

interface Plan {
  readonly requests: readonly string[];
  readonly online?: boolean;
  readonly answer?: string;
  readonly end?: 'kill';
}

interface Outcome {
  readonly failure: string | null;
  readonly responses: readonly DeviceResponse[];
  readonly landed: readonly string[];
  readonly counts: { readonly [name: string]: number };
  readonly calls: readonly { readonly InferenceId?: string }[];
}

const request = (id: string, confidence = 0.9, more: object = {}): string =>
  JSON.stringify({ id, features: [confidence, 0], ...more });

/** Prefix of a command for which a folder is a disk of 12 MiB of its own; undefined where this user may not mount one. */
function smallDisk(folder: string): readonly string[] | undefined {
  const mount = `mount -t tmpfs -o size=12m tmpfs '${folder}' && exec "$@"`;
  const prefix = ['unshare', '--map-root-user', '--mount', 'sh', '-c', mount, 'sh'];
  return spawnSync(prefix[0]!, [...prefix.slice(1), 'true']).status === 0 ? prefix : undefined;
}

describeWith('missing' in parts ? parts.missing : undefined, 'the service of a device', () => {
  const { python } = parts as { python: string };
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-edge-service-'));
  afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

  function drive(store: string, plan: Plan): Outcome {
    const output = execFileSync(python, ['-B', DRIVER, COMPONENT, path.join(root, store), JSON.stringify(plan)], {
      encoding: 'utf8',
      timeout: TIMEOUT_MS,
      maxBuffer: 64 * 1024 * 1024,
    });
    return JSON.parse(output.trim().split('\n').at(-1)!) as Outcome;
  }

  test(
    'refuses requests that no model and no store can take, each with a response, and answers the next one',
    () => {
      const hostile = [
        `{"id": "integer of 400 digits", "features": [${'1'.repeat(400)}, 0]}`,
        '{"id": "beyond float32", "features": [1e300, 0]}',
        '{"id": "no number", "features": [NaN, 0]}',
        '{"id": "overflows in the model", "features": [1e9, 0]}',
        '{"id": "half a character \\ud800", "features": [1, 0]}',
        '['.repeat(100_000),
        'no JSON',
      ];
      const { failure, responses, landed, counts } = drive('hostile', {
        requests: [...hostile, request('good')],
        online: true,
      });
      expect(failure).toBeNull();
      expect(responses.map(({ error }) => error !== undefined)).toEqual([...hostile.map(() => true), false]);
      expect(landed.map((line) => (JSON.parse(line) as ForwardedResult).id)).toEqual(['good']);
      expect(counts).toMatchObject({ requests: 1, refused: hostile.length, forwarded: 1 });
    },
    TIMEOUT_MS,
  );

  test(
    'answers a repeated request whose result waits for longer than answers are remembered',
    () => {
      const requests = Array.from({ length: 2_000 }, (_, index) => request(`r-${index}`));
      const { failure, responses, counts } = drive('repeated', { requests: [...requests, request('r-0')] });
      expect(failure).toBeNull();
      expect(responses.at(-1)).toEqual(responses[0]);
      expect(counts).toMatchObject({ requests: 2_000, repeated: 1 });
    },
    TIMEOUT_MS,
  );

  test(
    'asks the endpoint about ids that a header of HTTP cannot have without them, so that no call looks like an outage',
    () => {
      const ids = ['plain', '\u65e5\u672c', 'two\nlines'];
      const { calls, responses } = drive('ids', {
        requests: ids.map((id) => request(id, 0.1)),
        answer: JSON.stringify({ label: 'b', confidence: 0.75 }),
      });
      expect(responses.map(({ id, source }) => [id, source]).sort()).toEqual(ids.map((id) => [id, 'cloud']).sort());
      expect(calls.flatMap(({ InferenceId }) => InferenceId ?? [])).toEqual(['plain']);
    },
    TIMEOUT_MS,
  );

  test.each([
    ['label', '{"label": "b", "confidence": NaN}'],
    ['scores', '{"outputs": [{"data": [NaN, 1]}]}'],
  ])(
    'lands its own answer where the %s of the endpoint has no number, which would be no JSON',
    (name, answer) => {
      const { landed, counts } = drive(name, {
        requests: [request('r', 0.1)],
        answer,
        online: true,
      });
      expect(landed.map((line) => (JSON.parse(line) as ForwardedResult).source)).toEqual(['edge']);
      expect(counts).toMatchObject({ cloudFailures: 1, answeredAtEdge: 1 });
    },
    TIMEOUT_MS,
  );

  const disk = path.join(root, 'disk');
  fs.mkdirSync(disk);
  const prefix = smallDisk(disk);
  testWith(prefix === undefined ? 'a user who may mount a small disk: unshare --map-root-user --mount' : undefined)(
    'starts on a disk that has filled up meanwhile, after a stop and after a kill, and loses nothing',
    () => {
      const step = (plan: Plan): string => `'${python}' -B '${DRIVER}' '${COMPONENT}' store '${JSON.stringify(plan)}'`;
      const numbered = (name: string, count: number): string[] =>
        Array.from({ length: count }, (_, index) => request(`${name}-${index}`));
      const script = [
        `cd '${disk}'`,
        step({ requests: numbered('before', 500) }),
        'dd if=/dev/zero of=fill bs=1k count=20000 2>/dev/null',
        step({ requests: numbered('stopped', 500), end: 'kill' }),
        step({ requests: numbered('killed', 500), online: true }),
        'df --output=avail . | tail -1',
      ];
      const { stdout, stderr } = spawnSync(prefix![0]!, [...prefix!.slice(1), 'sh', '-c', script.join('\n')], {
        encoding: 'utf8',
        timeout: TIMEOUT_MS,
      });
      const outcomes = stdout
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as Outcome);
      expect([outcomes.map(({ failure }) => failure), stderr]).toEqual([[null, null, null], expect.anything()]);
      // No byte of the disk was free.
      expect(stdout.trim().split('\n').at(-1)!.trim()).toBe('0');
      expect(outcomes.flatMap(({ responses }) => responses).every(({ stored }) => stored !== false)).toBe(true);
      expect(new Set(outcomes[2]!.landed.map((line) => (JSON.parse(line) as ForwardedResult).id)).size).toBe(1_500);
    },
    TIMEOUT_MS,
  );
});
