import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { agreeCommand } from '../../bin/commands/agree';
import { agreementNotes } from '../../bin/input/agreement-file';
import { InputError } from '../../lib/core/errors';
import {
  INSPECTION_FILE,
  inspectionText,
  recordedSeries,
  recordingText,
  type FleetRecording,
  type Inspection,
} from '../../lib/inspection/contract';
import type { Agreement } from '../../lib/simulation/agree';
import { fleetsOfTemplates, type FleetBlueprint } from '../../lib/simulation/blueprint';
import { rehearse, type Rehearsal } from '../../lib/simulation/rehearse';
import { openWorkload } from '../../lib/traffic-file/open-workload';
import { CHAT, chatTemplate } from '../simulation/blueprint/chat-template';

/** 2026-11-01T00:00:00Z. */
const START = 1_793_491_200;
const MINUTES = 180;
const G5_USD_PER_HOUR = 1.408;

/** Requests of each minute: a quiet hour, five times as much, a quiet hour. */
const COUNTS = Array.from({ length: MINUTES }, (_, minute) => (minute >= 60 && minute < 120 ? 600 : 120));

const TRACE = {
  MetricDataResults: [
    {
      Id: 'requests',
      Timestamps: COUNTS.map((_, minute) => new Date((START + 60 * minute) * 1000).toISOString()),
      Values: COUNTS,
    },
  ],
};

const folders: string[] = [];
afterAll(() => folders.forEach((folder) => fs.rmSync(folder, { recursive: true, force: true })));

interface World {
  /** Policy of the template; the real fleet has 5.6. */
  readonly targetValue?: number;
  /** Mean service time of the profile; the real one is 2 s. */
  readonly meanSeconds?: number;
  /** Changes the recording of what happened. */
  readonly record?: (recording: FleetRecording) => FleetRecording;
}

function blueprintOf(template: unknown): FleetBlueprint {
  const document = { name: 'template.json', document: template, region: 'us-east-1' };
  return fleetsOfTemplates([document], { parameters: {} }).fleets[0]!;
}

/** Mean of each minute of a value of the timeline, which has a point each 10 seconds. */
function byMinute({ timeline }: Rehearsal, value: (point: Rehearsal['timeline'][number]) => number): number[] {
  const minutes = Array.from({ length: MINUTES }, (): number[] => []);
  for (const point of timeline) minutes[Math.floor(point.second / 60)]?.push(value(point));
  return minutes.map((values) => values.reduce((sum, one) => sum + one, 0) / values.length);
}

const template = (targetValue = 5.6): object =>
  JSON.parse(JSON.stringify(chatTemplate()).replace('"TargetValue":5.6', `"TargetValue":${targetValue}`)) as object;

/** Folder of an inspection of a fleet that a request-level simulation played, with a seed of its own. */
async function inspected({ targetValue, meanSeconds = 2, record = (one) => one }: World = {}): Promise<string> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-agree-'));
  folders.push(folder);
  const write = (name: string, text: string): void => fs.writeFileSync(path.join(folder, name), text);
  write('trace.json', JSON.stringify(TRACE));
  const traffic = await openWorkload({ trace: path.join(folder, 'trace.json'), seed: 99 });
  const real = rehearse(blueprintOf(template()), traffic, {
    seed: 99,
    service: { kind: 'distribution', distribution: 'lognormal', meanSeconds: 2, coefficientOfVariation: 1 },
  });
  const series: Partial<FleetRecording['series']> = {
    instances: byMinute(real, ({ inService }) => inService),
    invocations: COUNTS,
    concurrencyPerInstance: byMinute(real, ({ busySlots, slots }) => (busySlots / slots) * 8),
    modelLatencySeconds: COUNTS.map(() => real.latencySeconds.mean),
  };
  const recording = record({
    resourceId: CHAT,
    start: START,
    periodSeconds: 60,
    series: recordedSeries((name) => series[name] ?? []),
    instancesFrom: 'a simulation',
  });
  const fit = { method: 'latency', periods: 170, meanSeconds, coefficientOfVariation: 1 } as const;
  const manifest: Inspection = {
    source: 'saved-json',
    version: '0',
    command: 'test',
    madeAt: START + 60 * MINUTES,
    endpointName: 'chat',
    accountId: null,
    region: 'us-east-1',
    window: { start: START, end: START + 60 * MINUTES, periodSeconds: 60 },
    template: 'template.json',
    fleets: [
      {
        resourceId: CHAT,
        scalableDimension: 'sagemaker:variant:DesiredInstanceCount',
        name: 'main',
        kind: 'real-time',
        scaling: 'registered',
        currentCapacity: 1,
        slotsPerInstance: 8,
        slotsFrom: 'tag',
        trace: 'trace.json',
        profile: 'service-profile.json',
        recording: 'recording.json',
        service: { ...fit, p10Seconds: 1.8, p50Seconds: 2, p90Seconds: 2.2, littleSeconds: null, latencySeconds: 2.5 },
      },
    ],
    read: [],
    missing: [],
    notes: [],
  };
  write('template.json', JSON.stringify(template(targetValue)));
  write('service-profile.json', JSON.stringify({ distribution: 'lognormal', meanSeconds, coefficientOfVariation: 1 }));
  write('recording.json', recordingText(recording));
  write(INSPECTION_FILE, inspectionText(manifest));
  return folder;
}

/** Changes the recorded instances. */
const withInstances =
  (change: (value: number, minute: number) => number | null) =>
  (recording: FleetRecording): FleetRecording => ({
    ...recording,
    series: {
      ...recording.series,
      instances: recording.series.instances.map((value, minute) => change(value!, minute)),
    },
  });

async function agree(folder: string, ...args: readonly string[]) {
  let stdout = '';
  let stderr = '';
  let code: number | undefined;
  const command = agreeCommand({
    stdout: { write: (text: string) => (stdout += text) },
    stderr: { write: (text: string) => (stderr += text) },
    onExitCode: (given) => {
      code = given;
    },
  });
  command.exitOverride().configureOutput({ writeErr: () => undefined, writeOut: () => undefined });
  await command.parseAsync([folder, ...args], { from: 'user' });
  return { stdout, stderr, code };
}

async function agreement(folder: string, ...args: readonly string[]): Promise<Agreement & { readonly code: number }> {
  const { stdout, code } = await agree(folder, '--json', ...args);
  const { agreements } = JSON.parse(stdout) as { agreements: Agreement[] };
  return { ...agreements[0]!, code: code! };
}

describe('tidegate agree', () => {
  test('computes what a second computation from the timelines finds', async () => {
    const folder = await inspected();
    const found = await agreement(folder, '--seed', '5');

    const { series } = JSON.parse(fs.readFileSync(path.join(folder, 'recording.json'), 'utf8')) as FleetRecording;
    const recorded = series.instances as number[];
    const traffic = await openWorkload({ trace: path.join(folder, 'trace.json'), seed: 5 });
    const again = rehearse(blueprintOf(template()), traffic, {
      seed: 5,
      service: { kind: 'distribution', distribution: 'lognormal', meanSeconds: 2, coefficientOfVariation: 1 },
      startInstances: Math.round(recorded[0]!),
    });
    const rehearsed = byMinute(again, ({ inService }) => inService);
    const requests = byMinute(again, ({ requestsPerSecond }) => requestsPerSecond * 60);
    let [was, is, close] = [0, 0, 0];
    for (const [minute, value] of recorded.entries()) {
      was += value;
      is += rehearsed[minute]!;
      if (Math.abs(value - rehearsed[minute]!) <= 1) close++;
    }
    expect(found).toMatchObject({ code: 0, agrees: true, periods: MINUTES, comparedPeriods: MINUTES });
    expect(found.withinOnePercent).toBeCloseTo((100 * close) / MINUTES, 1);
    expect(found.instances!.recorded).toBeCloseTo(was / MINUTES, 3);
    expect(found.instances!.rehearsed).toBeCloseTo(is / MINUTES, 3);
    expect(found.costUsd!.recorded).toBeCloseTo((was / 60) * G5_USD_PER_HOUR, 3);
    expect(found.costUsd!.rehearsed).toBeCloseTo((is / 60) * G5_USD_PER_HOUR, 3);
    expect(found.invocations!.recorded).toBe(60 * 600 + 120 * 120);
    expect(found.invocations!.rehearsed / requests.reduce((sum, one) => sum + one, 0)).toBeCloseTo(1, 3);
    expect(found.latencySeconds!.rehearsed).toBeCloseTo(again.latencySeconds.mean, 1);
    // (2 / 2.5 - 1) and (2.2 - 1.8) / 2
    expect(found.profile).toEqual({ meanSeconds: 2, againstLatencyPercent: -20, spreadPercent: 20, periods: 170 });
    // The fleet grew and shrank, so one that never scales agrees less.
    expect(found.constantFleetPercent!).toBeLessThan(found.withinOnePercent!);
  });

  test("measures the requests in an instance as Little's law has them", async () => {
    const fixed = JSON.stringify(template()).replace('"MinCapacity":1,', '"MinCapacity":4,').replace('8}', '4}');
    const folder = await inspected();
    fs.writeFileSync(path.join(folder, 'template.json'), fixed);
    const { concurrencyPerInstance, instances, invocations, latencySeconds } = await agreement(folder);
    expect(instances!.rehearsed).toBe(4);
    const present = (invocations!.rehearsed * latencySeconds!.rehearsed) / (60 * MINUTES);
    expect(concurrencyPerInstance!.rehearsed / (present / 4)).toBeCloseTo(1, 1);
  });

  test('tells a profile that is not that of the model', async () => {
    const { code, agrees, reasons, instances } = await agreement(await inspected({ meanSeconds: 6 }));
    expect([code, agrees]).toEqual([1, false]);
    expect(reasons).toEqual([
      expect.stringMatching(/^the instances are within one for [\d.]+ % of the time, less than 80 %$/),
    ]);
    expect(instances!.errorPercent!).toBeGreaterThan(50);
  });

  test('tells a policy that is not the one that ran', async () => {
    const { code, instances } = await agreement(await inspected({ targetValue: 1 }));
    expect(code).toBe(1);
    expect(instances!.errorPercent!).toBeGreaterThan(50);
  });

  test('counts no gap of the recording as agreement', async () => {
    // Wrong by four instances wherever something is recorded: two minutes of three.
    const folder = await inspected({
      record: withInstances((value, minute) => (minute % 3 === 0 ? null : value + 4)),
    });
    const found = await agreement(folder);
    expect(found).toMatchObject({ code: 1, comparedPeriods: 120, periods: MINUTES, comparedPercent: 66.67 });
    // The gaps alone would be 33 %.
    expect(found.withinOnePercent!).toBeLessThan(25);
    expect(found.costUsd!.periods).toBe(120);
  });

  test('does not agree about less than half of the time, however well that fits', async () => {
    const folder = await inspected({ record: withInstances((value, minute) => (minute < 60 ? value : null)) });
    expect(await agreement(folder)).toMatchObject({
      code: 1,
      withinOnePercent: 100,
      reasons: [
        'only 33.3 % of the recorded periods have a number of instances and are rehearsed; at least 50 % have to',
      ],
    });
  });

  test('begins with the first metric, as an endpoint is younger than the days that are asked for', async () => {
    const late = (values: readonly (number | null)[]) => values.map((value, minute) => (minute < 120 ? null : value));
    const record = ({ series, ...rest }: FleetRecording): FleetRecording => ({
      ...rest,
      series: recordedSeries((name) => late(series[name])),
    });
    const found = await agreement(await inspected({ record }));
    expect(found).toMatchObject({ code: 0, periods: MINUTES - 120, comparedPercent: 100 });
  });

  test('prints a table for people, and takes another threshold', async () => {
    const folder = await inspected({ meanSeconds: 6 });
    const { stdout, stderr, code } = await agree(folder, '--min-agreement', '1');
    expect([stderr, code]).toEqual(['', 0]);
    expect(stdout).toMatch(/^endpoint\/chat\/variant\/main\n {2}compared +180 of 180 periods of 60 s \(100 %\)/);
    for (const word of ['within one', 'invocations', 'cost of instances in service, USD', 'profile', 'agrees: ']) {
      expect(stdout).toContain(word);
    }
  });

  test('leaves its result to the commands that advise, until the next inspection', async () => {
    const poor = await inspected({ meanSeconds: 6 });
    const unseen = `the agreement of a rehearsal with the recorded past is not known; run tidegate agree ${poor}`;
    expect(agreementNotes([poor])).toEqual([unseen]);
    await agree(poor);
    const note = expect.stringMatching(
      /^a rehearsal does not reproduce the recorded past of endpoint\/chat\/variant\/main, so its advice is worth less:/,
    );
    expect(agreementNotes([poor])).toEqual([note]);
    expect(agreementNotes([path.join(poor, 'template.json')])).toEqual([note]);
    const file = path.join(poor, INSPECTION_FILE);
    const manifest = fs.readFileSync(file, 'utf8');
    fs.writeFileSync(file, manifest.replace(/"madeAt": "[^"]+"/, '"madeAt": "2026-11-02T00:00:00.000Z"'));
    expect(agreementNotes([poor])).toEqual([unseen]);
    const good = await inspected();
    await agree(good);
    expect(agreementNotes([good])).toEqual([]);
    expect(agreementNotes(['/nowhere/Chat.template.json'])).toEqual([]);
  });

  test('refuses a folder that is no inspection, a damaged or lost recording, and a fleet without one', async () => {
    await expect(agree(os.tmpdir())).rejects.toThrow(/has no inspection\.json; give a folder that tidegate inspect/);
    const damaged = await inspected();
    fs.writeFileSync(path.join(damaged, 'recording.json'), '{}');
    await expect(agree(damaged)).rejects.toThrow(InputError);
    const lost = await inspected();
    fs.rmSync(path.join(lost, 'recording.json'));
    await expect(agree(lost)).rejects.toThrow(/recording\.json cannot be read \(ENOENT\); run tidegate inspect again/);
    const bare = await inspected();
    const file = path.join(bare, INSPECTION_FILE);
    const manifest = fs.readFileSync(file, 'utf8');
    fs.writeFileSync(file, manifest.replace('"recording": "recording.json"', '"recording": null'));
    await expect(agree(bare)).rejects.toThrow(
      /nothing to compare \(not compared: endpoint\/chat\/variant\/main: no metrics were recorded\)/,
    );
  });
});
