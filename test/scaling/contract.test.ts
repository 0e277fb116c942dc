import { parseScaleNotice, parseWatchedFleets } from '../../lib/scaling/contract';
import { CHAT_FLEET } from '../support/watched-fleet';

const fleet = CHAT_FLEET;
const resourceId = fleet.resourceId;

const stateChange = (detail: object): object => ({
  'detail-type': 'SageMaker Endpoint State Change',
  source: 'aws.sagemaker',
  time: '2026-11-23T14:05:00Z',
  detail: { EndpointName: 'chat', EndpointStatus: 'IN_SERVICE', ...detail },
});

describe('parseScaleNotice', () => {
  test('reads a tick of the schedule', () => {
    expect(parseScaleNotice({ 'detail-type': 'Scheduled Event', source: 'aws.events' })).toEqual({ kind: 'reconcile' });
  });

  test('reads an endpoint’s change of state at the time it changed, not the time it was told', () => {
    // 1795442400 s = 2026-11-23T14:00:00Z
    expect(parseScaleNotice(stateChange({ LastModifiedTime: 1_795_442_400_000 }))).toEqual({
      kind: 'endpoint-state',
      endpointName: 'chat',
      status: 'IN_SERVICE',
      atSeconds: 1_795_442_400,
    });
    expect(parseScaleNotice(stateChange({}))).toMatchObject({ atSeconds: Date.parse('2026-11-23T14:05:00Z') / 1000 });
  });

  test('reads that a fleet reached its maximum', () => {
    const detail = {
      startTime: '2026-11-23T14:04:00Z',
      resourceId,
      oldDesiredCapacity: 4,
      newDesiredCapacity: 8,
      maxCapacity: 8,
      scaledToMax: true,
    };
    const event = { 'detail-type': 'Application Auto Scaling Scaling Activity State Change', detail };
    expect(parseScaleNotice(event)).toMatchObject({ kind: 'max-reached', resourceId, from: 4, to: 8 });
  });

  test.each<[unknown, RegExp]>([
    [null, /^event: the value is null; expected an object$/],
    [[], /^event: the value is \[\]; expected an object$/],
    [{}, /^event: detail-type is missing; expected 'Scheduled Event'/],
    [{ 'detail-type': 'EC2 Instance Launch' }, /detail-type is "EC2 Instance Launch"; expected 'Scheduled Event'/],
    [stateChange({ EndpointName: 3 }), /^event: detail\.EndpointName is 3; expected non-empty text$/],
    [{ ...stateChange({}), time: 'noon' }, /^event: time is "noon"; expected an ISO 8601 time/],
  ])('refuses %j', (event, message) => {
    expect(() => parseScaleNotice(event)).toThrow(message);
  });
});

describe('parseWatchedFleets', () => {
  test('reads what the construct hands over', () => {
    expect(parseWatchedFleets(JSON.stringify([fleet]))).toEqual([fleet]);
  });

  test.each([
    ['{', /FLEETS is not valid JSON; expected a list of fleets/],
    ['{}', /FLEETS: the value is \{\}; expected a list/],
    ['[{}]', /\[0\]\.resourceId is missing; expected non-empty text/],
  ])('refuses %s', (json, message) => {
    expect(() => parseWatchedFleets(json)).toThrow(message);
  });
});
