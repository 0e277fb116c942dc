import { spawnSync } from 'node:child_process';
import { GetRecordsCommand, GetShardIteratorCommand, ListShardsCommand } from '@aws-sdk/client-kinesis';
import { findMosquitto, MISSING_MOSQUITTO } from '../../../emulator/edge/mosquitto';
import { pause } from '../../../emulator/repeat';
import { LEARNING_TOUR, LEARNING_TOUR_STATES, type LearningTourState } from '../../../platform/contract';
import { until, type TourResults } from '../context';
import { SkippedStep } from '../plan';
import { copyTo } from './artifact';
import { Buoy } from './buoy';
import {
  type FleetDevice,
  type LearningContext,
  type LearningProgress,
  type MadeModel,
  requireNoDenials,
} from './progress';
import { ALL_LABELS, FIRST_LABELS, generateRows, type LearningRow, percent } from './rows';

const ASKED = 200;
const ASKED_OFFLINE = 300;
/** Time for which the stream is watched for results that land twice, real milliseconds. */
const WATCH_MS = 2_000;
const LOOK_MS = 400;

/** Result as a device forwards it. */
interface Forwarded {
  readonly id: string;
  readonly label: string;
  readonly model: string;
}

/** Brings the version that was rolled out to a device, which then goes offline, answers all the same, comes back, and forwards what it kept. */
export async function edgeStep(context: LearningContext, progress: LearningProgress): Promise<TourResults> {
  requireDevices();
  const { seed, note } = context;
  note('a device of the fleet starts with the first model');
  const buoy = await Buoy.start(context);
  progress.atEnd(() => buoy.stop());
  const rows = (prefix: string, count: number) => generateRows(seed, FIRST_LABELS, { count, prefix });
  const before = await buoy.update();
  const first = rows('edge-first', ASKED);
  const firstLabels = await buoy.ask(first, 'the device answers with the first model');

  const after = await takeVersion(context, buoy, progress.get('compressed'), LEARNING_TOUR_STATES[1], before);
  const next = rows('edge-next', ASKED);
  const nextLabels = await buoy.ask(next, 'the device answers with the new version');
  await until(context, 'the results of the device are in the stream', 7200, async () => {
    return (await forwarded(context)).length >= 2 * ASKED;
  });

  buoy.goOffline();
  const offline = rows('edge-offline', ASKED_OFFLINE);
  const offlineLabels = await buoy.ask(offline, 'the device answers offline');
  const landedOffline = (await forwarded(context)).length - 2 * ASKED;
  buoy.comeBack();
  const all = [...first, ...next, ...offline];
  const given = new Map([...firstLabels, ...nextLabels, ...offlineLabels]);
  const landed = await requireLanded(context, all, given);
  if (landedOffline > 0)
    throw new Error(`${landedOffline} results of ${all.length} landed while the device was offline`);
  progress.set('buoy', buoy);
  await requireNoDenials(context);
  const accuracyBefore = accuracyOf(first, firstLabels);
  const accuracy = accuracyOf([...next, ...offline], given);
  return {
    summary:
      `took the new version (${percent(accuracyBefore)} right before, ${percent(accuracy)} after); answered ${offline.length} requests offline; ` +
      `${landed.length} of ${all.length} results landed, 0 lost, 0 twice`,
    versionBefore: before,
    versionAfter: after,
    models: modelsOf(landed),
    answered: all.length,
    answeredOffline: offline.length,
    landedWhileOffline: landedOffline,
    landed: landed.length,
    lost: 0,
    landedTwice: 0,
    accuracyBefore,
    accuracyAfter: accuracy,
  };
}

/** Brings the version that learned the labels of the drift to the device. */
export async function driftEdgeStep(context: LearningContext, progress: LearningProgress): Promise<TourResults> {
  requireDevices();
  const buoy = progress.get('buoy');
  const rows = (prefix: string) => generateRows(context.seed, ALL_LABELS, { count: ASKED, prefix });
  const first = rows('edge-before-drift-version');
  const firstLabels = await buoy.ask(first, 'the device answers with the version before');
  const before = buoy.version();
  const model = progress.get('incrementalCompressed');
  const after = await takeVersion(context, buoy, model, LEARNING_TOUR_STATES[2], before);
  const next = rows('edge-drift-version');
  const nextLabels = await buoy.ask(next, 'the device answers with the new version');
  const landed = await requireLanded(context, [...first, ...next], new Map([...firstLabels, ...nextLabels]));
  await buoy.stop();
  await requireNoDenials(context);
  const accuracyBefore = accuracyOf(first, firstLabels);
  const accuracy = accuracyOf(next, nextLabels);
  return {
    summary:
      `took the version (${percent(accuracyBefore)} of all labels right before, ${percent(accuracy)} after); ` +
      `${landed.length} of ${2 * ASKED} results landed, 0 lost, 0 twice`,
    versionBefore: before,
    versionAfter: after,
    models: modelsOf(landed),
    answered: 2 * ASKED,
    landed: landed.length,
    lost: 0,
    landedTwice: 0,
    accuracyBefore,
    accuracyAfter: accuracy,
  };
}

/** Deploys a version to the fleet and waits until the device runs it. */
async function takeVersion(
  context: LearningContext,
  buoy: FleetDevice,
  { ModelDataUrl }: MadeModel,
  state: LearningTourState,
  before: string,
): Promise<string> {
  const { outputs, note } = context;
  note('deploying the new version to the fleet');
  await copyTo(context, ModelDataUrl, outputs.CompressedBucketName, LEARNING_TOUR.edgeModelKeys[state]!);
  await context.deploy(state);
  note('the device takes the new version');
  const after = await buoy.update();
  if (after === before) throw new Error(`the device still runs version ${before}`);
  return after;
}

/** Waits until the result of each row is in the stream; throws where one is lost, landed twice, or differs from the response. */
async function requireLanded(
  context: LearningContext,
  rows: readonly LearningRow[],
  given: ReadonlyMap<string, string>,
): Promise<Forwarded[]> {
  const asked = new Set(rows.map(({ id }) => id));
  const own = async () => (await forwarded(context)).filter(({ id }) => asked.has(id));
  await until(context, 'the device has forwarded what it kept', 7200, async () => {
    return new Set((await own()).map(({ id }) => id)).size >= rows.length;
  });
  context.note('looking for results that land twice');
  await pause(WATCH_MS, context.signal);
  const landed = await own();
  const byId = new Map(landed.map((result) => [result.id, result]));
  const twice = landed.length - byId.size;
  const different = rows.filter(({ id }) => byId.get(id)?.label !== given.get(id)).length;
  if (twice + different > 0) {
    throw new Error(`of ${rows.length} results ${twice} landed twice, ${different} differ from the response`);
  }
  return landed;
}

const modelsOf = (results: readonly Forwarded[]): number => new Set(results.map(({ model }) => model)).size;

/** Throws {@link SkippedStep} where this machine cannot run a device. */
function requireDevices(): void {
  const missing = missingForDevices();
  if (missing !== undefined) throw new SkippedStep(`it needs ${missing}`);
}

/** Part that this machine lacks for a device, with the way to get it; undefined where nothing is missing. */
function missingForDevices(): string | undefined {
  if (findMosquitto() === undefined) return MISSING_MOSQUITTO;
  const check = 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))';
  return spawnSync('python3', ['-c', check], { stdio: 'ignore' }).status === 0
    ? undefined
    : 'Python 3.11 or newer as python3, with its module venv (on Debian or Ubuntu: apt-get install python3-venv)';
}

const accuracyOf = (rows: readonly LearningRow[], labels: ReadonlyMap<string, string>): number =>
  rows.filter(({ id, label }) => labels.get(id) === label).length / rows.length;

/** Every result in the stream of the devices. */
async function forwarded({ aws, outputs, signal }: LearningContext): Promise<Forwarded[]> {
  await pause(LOOK_MS, signal);
  const StreamName = outputs.DeviceResultsStreamName;
  const { Shards = [] } = await aws.kinesis.send(new ListShardsCommand({ StreamName }));
  const results: Forwarded[] = [];
  for (const { ShardId } of Shards) {
    let { ShardIterator } = await aws.kinesis.send(
      new GetShardIteratorCommand({ StreamName, ShardId, ShardIteratorType: 'TRIM_HORIZON' }),
    );
    for (;;) {
      const { Records = [], NextShardIterator } = await aws.kinesis.send(new GetRecordsCommand({ ShardIterator }));
      if (Records.length === 0 || NextShardIterator === undefined) break;
      results.push(...Records.map(({ Data }) => JSON.parse(Buffer.from(Data!).toString('utf8')) as Forwarded));
      ShardIterator = NextShardIterator;
    }
  }
  return results;
}
