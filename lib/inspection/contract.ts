import type { EndpointKind } from '../catalog/hosting-metrics';
import { parseJson, type JsonNode } from '../core/parse';
import type { EpochSeconds } from '../core/time';

/** Name of the manifest, which makes a folder an inspection. */
export const INSPECTION_FILE = 'inspection.json';

/** Value of `kind` in the manifest. */
const INSPECTION_KIND = 'tidegate-inspection';

/** Version of the form of the manifest and of the recordings. */
const INSPECTION_FORMAT = 1;

const SOURCES = ['account', 'saved-json', 'terraform'] as const;

/** Origin of the facts: calls to an account, saved JSON of the AWS CLI, or `terraform show -json`. */
export type InspectionSource = (typeof SOURCES)[number];

const SCALINGS = ['registered', 'none', 'unknown'] as const;

/** State of the scalable target of a fleet; `unknown` where it could not be read. */
export type InspectedScaling = (typeof SCALINGS)[number];

const SLOT_SOURCES = ['tag', 'async-configuration', 'measured', 'lower-bound', 'default'] as const;

/**
 * Origin of the concurrency of an instance: the tag of the endpoint configuration; the configuration of an asynchronous endpoint; the
 * recorded minutes in which latency grew with concurrency; the highest recorded concurrency, where latency did not grow; the default.
 */
export type SlotSource = (typeof SLOT_SOURCES)[number];

const FITS = ['little', 'latency'] as const;

/** Way in which service times were measured: mean concurrency divided by the rate of requests, or the latency of the model. */
export type ServiceFitMethod = (typeof FITS)[number];

/** Measured service times of a fleet, and how far the recording agrees with them. */
export interface ServiceFit {
  readonly method: ServiceFitMethod;
  /** Recorded periods that the measurement rests on. */
  readonly periods: number;
  readonly meanSeconds: number;
  /** Standard deviation ÷ mean of the service times, as the profile states it. */
  readonly coefficientOfVariation: number;
  /** Quantiles of the mean service time of a period, over the periods. */
  readonly p10Seconds: number;
  readonly p50Seconds: number;
  readonly p90Seconds: number;
  /** Mean by Little's law: concurrency ÷ rate; null without a recording of concurrency. */
  readonly littleSeconds: number | null;
  /** Mean of `ModelLatency`, weighted by requests; null without it. */
  readonly latencySeconds: number | null;
}

/** Variant or inference component that serves requests. */
export interface InspectedFleet {
  /** Resource id of its scalable target, registered or not, for example `endpoint/chat/variant/main`. */
  readonly resourceId: string;
  readonly scalableDimension: string;
  /** Name of the variant or of the component. */
  readonly name: string;
  readonly kind: EndpointKind;
  readonly scaling: InspectedScaling;
  /** Instances or copies at the time of the inspection; null where unknown. */
  readonly currentCapacity: number | null;
  readonly slotsPerInstance: number;
  readonly slotsFrom: SlotSource;
  /** File of the traffic in the form of `aws cloudwatch get-metric-data`; null without any request. */
  readonly trace: string | null;
  /** File of the service times, as `--profile` reads it; null where nothing was measured. */
  readonly profile: string | null;
  /** File with the {@link FleetRecording}; null without metrics. */
  readonly recording: string | null;
  readonly service: ServiceFit | null;
}

/** Span of the recorded metrics. */
export interface InspectionWindow {
  readonly start: EpochSeconds;
  readonly end: EpochSeconds;
  readonly periodSeconds: number;
}

/** Part that was read, and from where: a call or a file. */
export interface ReadSource {
  readonly what: string;
  readonly from: string;
}

/** Part that could not be read. */
export interface MissingPart {
  readonly what: string;
  /** Permission that reading it needs, for example `cloudwatch:GetMetricData`. */
  readonly action: string;
  readonly reason: string;
}

/** Manifest of an inspection. */
export interface Inspection {
  readonly source: InspectionSource;
  /** Version of the package that wrote it. */
  readonly version: string;
  readonly command: string;
  readonly madeAt: EpochSeconds;
  readonly endpointName: string;
  /** Null where the facts do not name it. */
  readonly accountId: string | null;
  readonly region: string;
  /** Null without metrics. */
  readonly window: InspectionWindow | null;
  /** File of the CloudFormation template. */
  readonly template: string;
  readonly fleets: readonly InspectedFleet[];
  readonly read: readonly ReadSource[];
  readonly missing: readonly MissingPart[];
  /** Further facts that whoever uses the files has to know, a sentence each. */
  readonly notes: readonly string[];
}

/** Values of one metric, one a period from the start of the window; null where CloudWatch has no datapoint. */
export type RecordedSeries = readonly (number | null)[];

/** Names of the series of a {@link FleetRecording}. */
const RECORDED_SERIES = [
  'instances',
  'invocations',
  'concurrencyPerInstance',
  'maxConcurrencyPerInstance',
  'modelLatencySeconds',
  'overheadLatencySeconds',
  'errors4xx',
  'errors5xx',
] as const;

export type RecordedSeriesName = (typeof RECORDED_SERIES)[number];

/**
 * Recorded past of a fleet. `instances` is the number in service (copies of an inference component) on average over a period;
 * `invocations` and the errors are sums of a period, the other series are averages over it, `maxConcurrencyPerInstance` its maximum.
 * A series that was not read is empty.
 */
export interface FleetRecording {
  readonly resourceId: string;
  readonly start: EpochSeconds;
  readonly periodSeconds: number;
  readonly series: { readonly [name in RecordedSeriesName]: RecordedSeries };
  /** Origin of each value of `instances`, in words. */
  readonly instancesFrom: string;
}

/**
 * Parses a manifest.
 *
 * @param name file, for messages
 * @throws InputError that lists every problem with its path
 */
export function parseInspection(name: string, text: string): Inspection {
  return parseJson(name, text, 'a manifest of tidegate inspect', (root) => {
    root.at('kind').oneOf([INSPECTION_KIND]);
    root.at('format').number(`${INSPECTION_FORMAT} (written by another version)`, (one) => one === INSPECTION_FORMAT);
    return {
      source: root.at('source').oneOf(SOURCES),
      version: root.at('version').text(),
      command: root.at('command').text(),
      madeAt: root.at('madeAt').time(),
      endpointName: root.at('endpointName').text(),
      accountId: orNull(root.at('accountId'), (node) => node.text()),
      region: root.at('region').text(),
      window: orNull(root.at('window'), (node) => ({
        start: node.at('start').time(),
        end: node.at('end').time(),
        periodSeconds: seconds(node.at('periodSeconds')),
      })),
      template: fileName(root.at('template')),
      fleets: root.at('fleets').items().map(parseFleet),
      read: root
        .at('read')
        .items()
        .map((node) => ({ what: node.at('what').text(), from: node.at('from').text() })),
      missing: root
        .at('missing')
        .items()
        .map((node) => ({
          what: node.at('what').text(),
          action: node.at('action').text(),
          reason: node.at('reason').text(),
        })),
      notes: root
        .at('notes')
        .items()
        .map((node) => node.text()),
    };
  });
}

function parseFleet(node: JsonNode): InspectedFleet {
  return {
    resourceId: node.at('resourceId').text(),
    scalableDimension: node.at('scalableDimension').text(),
    name: node.at('name').text(),
    kind: node.at('kind').oneOf<EndpointKind>(['real-time', 'inference-component', 'async', 'serverless']),
    scaling: node.at('scaling').oneOf(SCALINGS),
    currentCapacity: orNull(node.at('currentCapacity'), (one) => one.count()),
    slotsPerInstance: node.at('slotsPerInstance').count(),
    slotsFrom: node.at('slotsFrom').oneOf(SLOT_SOURCES),
    trace: orNull(node.at('trace'), fileName),
    profile: orNull(node.at('profile'), fileName),
    recording: orNull(node.at('recording'), fileName),
    service: orNull(node.at('service'), (fit) => ({
      method: fit.at('method').oneOf(FITS),
      periods: fit.at('periods').count(),
      meanSeconds: seconds(fit.at('meanSeconds')),
      coefficientOfVariation: fit.at('coefficientOfVariation').number('a number of at least 0', (one) => one >= 0),
      p10Seconds: seconds(fit.at('p10Seconds')),
      p50Seconds: seconds(fit.at('p50Seconds')),
      p90Seconds: seconds(fit.at('p90Seconds')),
      littleSeconds: orNull(fit.at('littleSeconds'), seconds),
      latencySeconds: orNull(fit.at('latencySeconds'), seconds),
    })),
  };
}

/**
 * Parses the recording of a fleet.
 *
 * @param name file, for messages
 * @throws InputError that lists every problem with its path
 */
export function parseRecording(name: string, text: string): FleetRecording {
  return parseJson(name, text, 'a recording of tidegate inspect', (root) => {
    const series = root.at('series');
    return {
      resourceId: root.at('resourceId').text(),
      start: root.at('start').time(),
      periodSeconds: seconds(root.at('periodSeconds')),
      series: recordedSeries((one) =>
        series
          .at(one)
          .items()
          .map((value) => orNull(value, (node) => node.number())),
      ),
      instancesFrom: root.at('instancesFrom').text(),
    };
  });
}

/** Builds every series of a recording. */
export function recordedSeries(build: (name: RecordedSeriesName) => RecordedSeries): FleetRecording['series'] {
  return Object.fromEntries(RECORDED_SERIES.map((name) => [name, build(name)])) as unknown as FleetRecording['series'];
}

/** Text of a manifest, with times that people can read. */
export function inspectionText(inspection: Inspection): string {
  const { madeAt, window, ...rest } = inspection;
  const manifest = {
    kind: INSPECTION_KIND,
    format: INSPECTION_FORMAT,
    madeAt: timeText(madeAt),
    window: window === null ? null : { ...window, start: timeText(window.start), end: timeText(window.end) },
    ...rest,
  };
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

/** Text of a recording: one line a series. */
export function recordingText({ start, series, ...rest }: FleetRecording): string {
  const head = JSON.stringify({ ...rest, start: timeText(start) }, null, 2).replace(/\n}$/, '');
  const lines = RECORDED_SERIES.map((name) => `    ${JSON.stringify(name)}: ${JSON.stringify(series[name])}`);
  return `${head},\n  "series": {\n${lines.join(',\n')}\n  }\n}\n`;
}

const timeText = (at: EpochSeconds): string => new Date(at * 1000).toISOString();

const orNull = <Value>(node: JsonNode, read: (node: JsonNode) => Value): Value | null => node.optional(read) ?? null;

const seconds = (node: JsonNode): number => node.number('a number above 0', (value) => value > 0);

/** Name of a file of the folder: no path leads out of it. */
function fileName(node: JsonNode): string {
  const name = node.text();
  if (/^[\w-][\w.-]*$/.test(name) || name === '') return name;
  node.oneOf(['a file name without a path']);
  return name;
}
