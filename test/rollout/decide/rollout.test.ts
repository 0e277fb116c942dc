import { decideProgress, type ObservedEndpoint } from '../../../lib/rollout/decide/deployment';
import { decideShadow, type ShadowLimits, type VariantLoad } from '../../../lib/rollout/decide/shadow';
import { decideStart, type FoundVersion } from '../../../lib/rollout/decide/start';

describe('the start of a rollout', () => {
  const VERSION: FoundVersion = {
    arn: 'arn:package/2',
    approvalStatus: 'PendingManualApproval',
    approvalDescription: undefined,
    hasPassed: false,
  };

  test.each<[string, Partial<FoundVersion>, boolean, object]>([
    ['evaluates a version that waits', {}, false, { action: 'evaluate' }],
    ['evaluates it again where nothing holds it', { hasPassed: true }, false, { action: 'evaluate' }],
    ['evaluates one before a person looks at it', {}, true, { action: 'evaluate' }],
    [
      'holds one that has passed, until a person approves it',
      { hasPassed: true },
      true,
      { action: 'end', outcome: 'HELD', reason: 'the version has passed the gate and waits for approval' },
    ],
    [
      'rolls out what a person has approved, without a gate',
      { approvalStatus: 'Approved' },
      true,
      { action: 'deploy' },
    ],
    [
      'refuses a rejected version with its reason',
      { approvalStatus: 'Rejected', approvalDescription: 'too slow' },
      false,
      { action: 'end', outcome: 'REFUSED', reason: 'the version is rejected: too slow' },
    ],
    [
      'refuses a rejected version without a reason',
      { approvalStatus: 'Rejected' },
      false,
      { action: 'end', outcome: 'REFUSED', reason: 'the version is rejected' },
    ],
    [
      'does nothing with the live version, whatever its approval',
      { arn: 'arn:package/1', approvalStatus: 'Approved' },
      false,
      { action: 'end', outcome: 'UNCHANGED', reason: 'the version is live already' },
    ],
  ])('%s', (_, version, isManual, expected) => {
    expect(decideStart({ ...VERSION, ...version }, 'arn:package/1', isManual)).toEqual(expected);
  });

  test('rolls out the first version of an endpoint whose model is none of the registry', () => {
    expect(decideStart({ ...VERSION, approvalStatus: 'Approved' }, undefined, false)).toEqual({ action: 'deploy' });
  });
});

describe('an update', () => {
  test.each<[string, ObservedEndpoint, object]>([
    ['is running', { status: 'Updating', configName: 'new', failureReason: undefined }, { progress: 'running' }],
    ['is rolling back', { status: 'RollingBack', configName: 'old', failureReason: 'alarm' }, { progress: 'running' }],
    ['is done', { status: 'InService', configName: 'new', failureReason: undefined }, { progress: 'done' }],
    [
      'was rolled back for a reason',
      { status: 'InService', configName: 'old', failureReason: 'the alarm errors' },
      { progress: 'rolled-back', reason: 'the alarm errors' },
    ],
    [
      'was rolled back without a reason',
      { status: 'InService', configName: 'old', failureReason: undefined },
      { progress: 'rolled-back', reason: 'the endpoint returned to old' },
    ],
    [
      'has failed',
      { status: 'UpdateRollbackFailed', configName: 'new', failureReason: undefined },
      { progress: 'rolled-back', reason: 'the endpoint is UpdateRollbackFailed with the configuration new' },
    ],
    [
      'has failed with the endpoint',
      { status: 'Failed', configName: 'new', failureReason: 'no capacity' },
      { progress: 'rolled-back', reason: 'no capacity' },
    ],
    [
      'has put it out of service',
      { status: 'OutOfService', configName: 'new', failureReason: undefined },
      { progress: 'rolled-back', reason: 'the endpoint is OutOfService with the configuration new' },
    ],
  ])('%s', (_, seen, expected) => {
    expect(decideProgress(seen, 'new')).toEqual(expected);
  });
});

describe('a shadow', () => {
  const LIMITS: ShadowLimits = { minRequests: 100, maxErrorRatio: 0.01, maxLatencyGrowth: 0.2 };
  const GOOD: VariantLoad = { requests: 100, serverErrors: 1, meanLatencySeconds: 0.12 };
  const LIVE: VariantLoad = { requests: 1000, serverErrors: 0, meanLatencySeconds: 0.1 };

  test('passes at the limits', () => {
    expect(decideShadow(LIVE, GOOD, LIMITS)).toEqual({ passes: true, reasons: [] });
  });

  test('passes without requests of the live variant to compare with', () => {
    expect(decideShadow({ ...LIVE, meanLatencySeconds: undefined }, GOOD, LIMITS).passes).toBe(true);
    const silent = { requests: 0, serverErrors: 0, meanLatencySeconds: undefined };
    expect(decideShadow(LIVE, silent, { ...LIMITS, minRequests: 0 }).passes).toBe(true);
  });

  test.each<[string, Partial<VariantLoad>, string]>([
    [
      'few requests',
      { requests: 99, serverErrors: 0 },
      'the shadow received 99 requests, fewer than 100; extend its duration or its sampling',
    ],
    ['errors', { serverErrors: 2 }, "2.0 % of the shadow's responses are server errors; 1.0 % are allowed"],
    [
      'latency',
      { meanLatencySeconds: 0.13 },
      "the shadow's mean latency is 0.130 s, and the live variant's 0.100 s; 20 % more are allowed",
    ],
  ])('is refused for %s', (_, shadow, reason) => {
    expect(decideShadow(LIVE, { ...GOOD, ...shadow }, LIMITS)).toEqual({ passes: false, reasons: [reason] });
  });
});
