import { finite, isObject } from '../core/parse';
import { SECONDS_PER_DAY, type EpochSeconds } from '../core/time';
import { concurrencyTag, DEFAULT_MAX_CONCURRENCY_PER_INSTANCE } from '../inference/contract';
import {
  INSPECTION_FILE,
  inspectionText,
  recordedSeries,
  recordingText,
  type FleetRecording,
  type InspectedFleet,
  type InspectedScaling,
  type Inspection,
  type InspectionSource,
  type InspectionWindow,
  type RecordedSeries,
} from './contract';
import type { EndpointFacts, FleetFacts } from './facts';
import { readActivities, recordedInstances } from './instances';
import { readMetrics, seriesOf, windowOf, type ReadMetrics } from './metrics';
import { objectOf, textOf } from './reading';
import { measureService, type ServiceMeasurement, type Slots } from './service-fit';
import { inspectedTemplate } from './template';

const MICROSECONDS = 1e-6;

/** Region of an inspection that names none, such as that of a Terraform plan. */
const ASSUMED_REGION = 'us-east-1';

/** Facts about the inspection itself. */
export interface InspectionOrigin {
  readonly source: InspectionSource;
  readonly version: string;
  readonly command: string;
  readonly madeAt: EpochSeconds;
  /** Region, if no ARN states it. */
  readonly region?: string;
  /** Window that was asked for. @default - from the first to the last recorded value */
  readonly window?: InspectionWindow;
}

/** Files of an inspection by name, and its manifest. */
export interface InspectionFiles {
  readonly manifest: Inspection;
  readonly files: ReadonlyMap<string, string>;
}

/** Recording, traffic and service of a fleet. */
interface MeasuredFleet {
  readonly facts: FleetFacts;
  readonly recording: FleetRecording | undefined;
  readonly service: ServiceMeasurement | undefined;
  readonly declared: Slots | undefined;
}

/** Builds all files of an inspection from what was read. */
export function inspectionFiles(facts: EndpointFacts, origin: InspectionOrigin): InspectionFiles {
  const read = new Map<FleetFacts, ReadMetrics>();
  const notes: string[] = [];
  for (const fleet of facts.fleets) {
    if (fleet.metrics === undefined) continue;
    const metrics = readMetrics(fleet.metrics.document, fleet.kind, fleet.metrics.from);
    read.set(fleet, metrics);
    notes.push(...metrics.problems);
  }
  const recorded = windowOf([...read.values()]);
  const window = recorded === null ? null : (origin.window ?? recorded);
  const measured = facts.fleets.map((fleet) => measuredFleet(facts, fleet, read.get(fleet), window));
  notes.push(...measured.flatMap((fleet) => notesOf(fleet, facts, measured.length > 1)));
  if (facts.fleets.length === 0) {
    notes.push('the endpoint hosts inference components, and none was found: the template has its instances alone');
  }
  if (window !== null && window.end - window.start < SECONDS_PER_DAY) {
    const hours = ((window.end - window.start) / 3600).toFixed(1);
    notes.push(
      `the metrics span ${hours} hours: a day has hours that they do not show, so take advice from them with care`,
    );
  }
  if (recorded !== null && window !== null && recorded.start - window.start > SECONDS_PER_DAY) {
    const first = new Date(recorded.start * 1000).toISOString();
    notes.push(`the metrics begin at ${first}; CloudWatch has none before`);
  }

  const files = new Map<string, string>();
  const fleets = measured.map((fleet) => inspectedFleet(fleet, measured, files));
  const slots = new Map(
    measured.flatMap(({ facts: { resourceId }, declared, service }): [string, Slots][] =>
      declared !== undefined || service === undefined || service.slots.from === 'default'
        ? []
        : [[resourceId, service.slots]],
    ),
  );
  files.set('template.json', `${JSON.stringify(inspectedTemplate(facts, slots), null, 2)}\n`);
  const region = facts.region ?? origin.region;
  if (region === undefined) {
    notes.push(`no response names the region: prices are those of ${ASSUMED_REGION}; give --region NAME for another`);
  }
  const manifest: Inspection = {
    source: origin.source,
    version: origin.version,
    command: origin.command,
    madeAt: origin.madeAt,
    endpointName: facts.endpointName,
    accountId: facts.accountId,
    region: region ?? ASSUMED_REGION,
    window,
    template: 'template.json',
    fleets,
    read: facts.read,
    missing: facts.missing.map(({ what, action, reason }) => ({ what, action, reason })),
    notes,
  };
  files.set(INSPECTION_FILE, inspectionText(manifest));
  return { manifest, files };
}

function measuredFleet(
  facts: EndpointFacts,
  fleet: FleetFacts,
  metrics: ReadMetrics | undefined,
  window: InspectionWindow | null,
): MeasuredFleet {
  const declared = declaredSlots(facts, fleet);
  if (metrics === undefined || window === null) {
    return { facts: fleet, recording: undefined, service: undefined, declared };
  }
  const { points } = metrics;
  const plain = (name: keyof typeof points, scale = 1): RecordedSeries => seriesOf(points[name], window, scale);
  const instances = recordedInstances({
    window,
    invocations: plain('invocations'),
    invocationsPerInstance: plain('perInstance'),
    memorySamples: plain('memorySamples'),
    activities: readActivities(fleet.activities ?? []),
    presentCapacity: fleet.presentCapacity,
  });
  const series = {
    instances: instances.series,
    invocations: plain('invocations'),
    concurrencyPerInstance: plain('concurrency'),
    maxConcurrencyPerInstance: plain('maxConcurrency'),
    modelLatencySeconds: plain('latency', MICROSECONDS),
    overheadLatencySeconds: plain('overhead', MICROSECONDS),
    errors4xx: plain('errors4xx'),
    errors5xx: plain('errors5xx'),
  };
  const recording: FleetRecording = {
    resourceId: fleet.resourceId,
    start: window.start,
    periodSeconds: window.periodSeconds,
    series: recordedSeries((name) => series[name]),
    instancesFrom: instances.from,
  };
  const quantiles = { p50: plain('latencyP50', MICROSECONDS), p90: plain('latencyP90', MICROSECONDS) };
  return { facts: fleet, recording, service: measureService(recording, quantiles, declared), declared };
}

/** Concurrency that a tag or the configuration of an asynchronous endpoint states. */
function declaredSlots(facts: EndpointFacts, { subject }: FleetFacts): Slots | undefined {
  const component = facts.components.find(
    ({ description }) => subject.kind === 'component' && description['InferenceComponentName'] === subject.name,
  );
  const keyOf = ({ Key }: { readonly [name: string]: unknown }): string | undefined => textOf(Key);
  const tag =
    component === undefined
      ? concurrencyTag(facts.configTags, keyOf, subject.name)
      : concurrencyTag(component.tags, keyOf);
  const tagged = finite(tag?.['Value']);
  if (tagged !== undefined && tagged >= 1) return { value: Math.floor(tagged), from: 'tag' };
  const client = objectOf(objectOf(facts.config['AsyncInferenceConfig'])['ClientConfig']);
  const configured = finite(client['MaxConcurrentInvocationsPerInstance']);
  return configured === undefined || configured < 1
    ? undefined
    : { value: Math.floor(configured), from: 'async-configuration' };
}

function scalingOf({ targets, scalableDimension }: FleetFacts): InspectedScaling {
  if (targets === undefined) return 'unknown';
  return targets.some(({ ScalableDimension }) => ScalableDimension === scalableDimension) ? 'registered' : 'none';
}

function inspectedFleet(
  { facts: fleet, recording, service, declared }: MeasuredFleet,
  all: readonly MeasuredFleet[],
  files: Map<string, string>,
): InspectedFleet {
  const { resourceId, scalableDimension, subject, kind, presentCapacity } = fleet;
  const suffix = all.length === 1 ? '' : `.${subject.name}`;
  const put = (name: string, text: string | undefined): string | null => {
    if (text === undefined) return null;
    const file = `${name}${suffix}.json`;
    files.set(file, text);
    return file;
  };
  const slots = declared ?? service?.slots ?? { value: DEFAULT_MAX_CONCURRENCY_PER_INSTANCE, from: 'default' as const };
  const fit = service?.fit ?? null;
  return {
    resourceId,
    scalableDimension,
    name: subject.name,
    kind,
    scaling: scalingOf(fleet),
    currentCapacity: presentCapacity,
    slotsPerInstance: slots.value,
    slotsFrom: slots.from,
    trace: put('trace', recording === undefined ? undefined : traceText(recording, kind)),
    profile: put(
      'service-profile',
      fit === null
        ? undefined
        : `${JSON.stringify({
            distribution: 'lognormal',
            meanSeconds: fit.meanSeconds,
            coefficientOfVariation: fit.coefficientOfVariation,
          })}\n`,
    ),
    recording: put('recording', recording === undefined ? undefined : recordingText(recording)),
    service: fit,
  };
}

/**
 * Traffic in the form of `aws cloudwatch get-metric-data`: requests of each period from the first to the last recorded one. CloudWatch has
 * no value for some periods without requests; here they have 0.
 */
function traceText({ series, start, periodSeconds }: FleetRecording, kind: FleetFacts['kind']): string | undefined {
  const { invocations } = series;
  const first = invocations.findIndex((count) => count !== null);
  if (first < 0 || !invocations.some((count) => count !== null && count > 0)) return undefined;
  const times: string[] = [];
  const values: number[] = [];
  for (let index = first; index < invocations.length; index++) {
    times.push(new Date((start + index * periodSeconds) * 1000).toISOString().replace('.000Z', 'Z'));
    values.push(invocations[index] ?? 0);
  }
  const Label = kind === 'async' ? 'InvocationsProcessed' : 'Invocations';
  const result = { Id: 'invocations', Label, Timestamps: times, Values: values, StatusCode: 'Complete' };
  return `${JSON.stringify({ MetricDataResults: [result] })}\n`;
}

function notesOf(
  { facts: fleet, recording, service, declared }: MeasuredFleet,
  facts: EndpointFacts,
  many: boolean,
): string[] {
  const { resourceId, kind } = fleet;
  const notes: string[] = [];
  const of = many ? `${resourceId}: ` : '';
  const scaling = scalingOf(fleet);
  if (scaling === 'none') {
    notes.push(
      `${of}nothing scales it: no scalable target is registered, so simulate and tune hold it at ${fleet.presentCapacity ?? 'its'} instances`,
    );
  }
  if (
    scaling === 'registered' &&
    fleet.policies !== undefined &&
    fleet.policies.length + (fleet.scheduledActions ?? []).length === 0
  ) {
    notes.push(`${of}a scalable target is registered, and it has neither a policy nor a scheduled action`);
  }
  const stepAlarms = (fleet.policies ?? []).some(({ StepScalingPolicyConfiguration: step }) => isObject(step));
  if (
    stepAlarms &&
    fleet.alarms === undefined &&
    !facts.missing.some(({ call }) => call.operation === 'DescribeAlarms')
  ) {
    notes.push(`${of}no alarm runs its step policies, so they never act`);
  }
  if (kind === 'async' && recording !== undefined) {
    notes.push(
      `${of}asynchronous endpoints publish no arrivals: the trace has the times at which requests were processed`,
    );
  }
  if (recording !== undefined && !recording.series.invocations.some((count) => (count ?? 0) > 0)) {
    notes.push(`${of}no request was recorded, so there is no trace: check the name, the region and the days`);
    return notes;
  }
  if (service !== undefined && kind !== 'serverless') {
    notes.push(
      ...service.notes.map((note) => `${of}${note}`),
      ...slotNotes(service.slots, declared).map((note) => `${of}${note}`),
    );
  }
  return notes;
}

function slotNotes({ value, from }: Slots, declared: Slots | undefined): string[] {
  if (declared !== undefined) return [];
  switch (from) {
    case 'measured':
      return [`an instance handles ${value} requests at once: with more of them, the recorded latency grows`];
    case 'lower-bound':
      return [
        `an instance handles at least ${value} requests at once, the most that were recorded; latency never grew, so it may handle more`,
      ];
    default:
      return [`an instance is taken to handle ${value} requests at once: latency never grew, and no tag states it`];
  }
}
