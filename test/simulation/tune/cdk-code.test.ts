import { App, Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { inference, scaling } from '../../../lib';
import { fleetsOfTemplates, type FleetBlueprint } from '../../../lib/simulation/blueprint';
import { candidateBlueprint, candidateToday, type Candidate } from '../../../lib/simulation/tune/candidate';
import { cdkCode } from '../../../lib/simulation/tune/cdk-code';
import { candidateWith } from './tuning-support';

/** Fleet of the construct library, with the scaling that a function declares. */
function synthesized(scale: (stack: Stack, endpoint: inference.GpuEndpoint) => void): FleetBlueprint {
  const stack = new Stack(new App(), 'Inference', { env: { region: 'us-east-1' } });
  const endpoint = new inference.GpuEndpoint(stack, 'Endpoint', {
    modelServer: inference.ModelServer.triton(),
    capacity: { pools: [{ instanceType: 'ml.g5.xlarge' }] },
    maxConcurrencyPerInstance: 8,
  });
  scale(stack, endpoint);
  return fleetsOfTemplates([{ name: 'Inference', document: Template.fromStack(stack).toJSON() }]).fleets[0]!;
}

/** Runs the code as if it were pasted into a stack. */
function pasted(code: string): FleetBlueprint {
  const body = code.replace(/^import .*$/gm, '');
  return synthesized((stack, endpoint) => {
    new Function('Duration', 'scaling', 'endpoint', body).call(stack, Duration, scaling, endpoint);
  });
}

describe('the code to paste', () => {
  const fleet = synthesized((stack, endpoint) => {
    new scaling.FleetScaling(stack, 'Scaling', {
      fleet: endpoint,
      minCapacity: 2,
      maxCapacity: 8,
    }).scaleOnConcurrency('concurrency');
  });

  test.each<[string, Partial<Candidate>]>([
    ['concurrency every 10 s', { targetRatio: 0.83, scaleOutCooldownSeconds: 0 }],
    ['concurrency every minute', { metric: 'concurrency-60s', targetRatio: 0.67, scaleInCooldownSeconds: 1800 }],
    ['invocations', { metric: 'invocations', targetRatio: 0.64, minCapacity: 3, maxCapacity: 11 }],
  ])('declares exactly the fleet that was rehearsed, with %s', (_, changes) => {
    const candidate = candidateWith(changes);
    expect(pasted(cdkCode(fleet, candidate, 2))).toEqual(candidateBlueprint(fleet, candidate, 2));
  });

  test('has the policy that scales in without requests only if the fleet has it', () => {
    const without = synthesized((stack, endpoint) => {
      new scaling.FleetScaling(stack, 'Scaling', {
        fleet: endpoint,
        minCapacity: 2,
        maxCapacity: 8,
        scaleInWithoutRequests: false,
      }).scaleOnConcurrency('concurrency');
    });
    const candidate = candidateWith({ targetRatio: 0.5 });
    expect(candidateBlueprint(fleet, candidate, 2).plan.policies).toHaveLength(2);
    expect(candidateBlueprint(without, candidate, 2).plan.policies).toHaveLength(1);
    expect(pasted(cdkCode(without, candidate, 2))).toEqual(candidateBlueprint(without, candidate, 2));
    expect(candidateToday(fleet, 2)).toEqual(candidateToday(without, 2));
    expect(candidateToday(fleet, 2)).toMatchObject({ metric: 'concurrency-10s', targetRatio: 0.7 });
  });

  test('gives the target itself if the template does not give the concurrency of an instance', () => {
    const untagged: FleetBlueprint = { ...fleet, slotsFrom: 'default' };
    const code = cdkCode(untagged, candidateWith({ targetRatio: 0.5 }), 2);
    expect(code).toContain('targetPerInstance: 4,');
    expect(pasted(code).plan.policies[0]).toMatchObject({ targetValue: 4 });
  });
});
