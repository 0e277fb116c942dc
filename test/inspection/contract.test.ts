import {
  INSPECTION_FILE,
  inspectionText,
  parseInspection,
  parseRecording,
  recordingText,
  recordedSeries,
  type Inspection,
  type FleetRecording,
} from '../../lib/inspection/contract';

const INSPECTION: Inspection = {
  source: 'account',
  version: '1.2.3',
  command: 'tidegate inspect --endpoint chat --out now',
  madeAt: 1_793_577_600,
  endpointName: 'chat',
  accountId: '123456789012',
  region: 'us-east-1',
  window: { start: 1_792_368_000, end: 1_793_577_600, periodSeconds: 60 },
  template: 'template.json',
  fleets: [
    {
      resourceId: 'endpoint/chat/variant/main',
      scalableDimension: 'sagemaker:variant:DesiredInstanceCount',
      name: 'main',
      kind: 'real-time',
      scaling: 'registered',
      currentCapacity: 2,
      slotsPerInstance: 8,
      slotsFrom: 'default',
      trace: 'trace.json',
      profile: 'service-profile.json',
      recording: 'recording.json',
      service: {
        method: 'little',
        periods: 20_000,
        meanSeconds: 0.6,
        coefficientOfVariation: 0.5,
        p10Seconds: 0.5,
        p50Seconds: 0.6,
        p90Seconds: 0.8,
        littleSeconds: 0.6,
        latencySeconds: null,
      },
    },
  ],
  read: [{ what: 'endpoint', from: 'sagemaker:DescribeEndpoint' }],
  missing: [{ what: 'alarms', action: 'cloudwatch:DescribeAlarms', reason: 'AccessDenied: no' }],
  notes: ['nothing scales it'],
};

const RECORDING: FleetRecording = {
  resourceId: 'endpoint/chat/variant/main',
  start: 1_792_368_000,
  periodSeconds: 60,
  series: recordedSeries((name) => [name.length, null, 1.5]),
  instancesFrom: 'Invocations ÷ InvocationsPerInstance',
};

describe('the manifest of an inspection', () => {
  test('is read as it was written', () => {
    expect(parseInspection(INSPECTION_FILE, inspectionText(INSPECTION))).toEqual(INSPECTION);
  });

  test('may lack account, window and all files of a fleet', () => {
    const [fleet] = INSPECTION.fleets;
    const bare: Inspection = {
      ...INSPECTION,
      accountId: null,
      window: null,
      fleets: [{ ...fleet!, currentCapacity: null, trace: null, profile: null, recording: null, service: null }],
    };
    expect(parseInspection(INSPECTION_FILE, inspectionText(bare))).toEqual(bare);
  });

  test.each([
    ['another document', '{"kind": "cdk"}', /kind is "cdk"; expected 'tidegate-inspection'/],
    ['no JSON', 'hello', /inspection.json is not valid JSON/],
    ['a later format', inspectionText(INSPECTION).replace('"format": 1', '"format": 2'), /format is 2; expected 1/],
    [
      'a file outside of the folder',
      inspectionText(INSPECTION).replace('"template.json"', '"../template.json"'),
      /template is "..\/template.json"; expected 'a file name without a path'/,
    ],
    [
      'an unknown kind of fleet',
      inspectionText(INSPECTION).replace('"real-time"', '"batch"'),
      /fleets\[0\].kind is "batch"/,
    ],
  ])('is refused for %s', (_name, text, message) => {
    expect(() => parseInspection(INSPECTION_FILE, text)).toThrow(message);
  });
});

describe('the recording of a fleet', () => {
  test('is read as it was written', () => {
    expect(parseRecording('recording.json', recordingText(RECORDING))).toEqual(RECORDING);
  });

  test('is refused with a value that is no number', () => {
    const text = recordingText(RECORDING).replace('null', '"many"');
    expect(() => parseRecording('recording.json', text)).toThrow(/series.instances\[1\] is "many"; expected a number/);
  });
});
