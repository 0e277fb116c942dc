import { App, Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { inference, scaling } from '../../../lib';
import { fleetsOfTemplate, type FleetBlueprint } from '../../../lib/simulation/template';
import { candidateBlueprint, type Candidate } from '../../../lib/simulation/tuning/candidate';
import { cdkCode } from '../../../lib/simulation/tuning/cdk-code';
import { candidateWith } from './tuning-support';

/** A fleet of the construct library, scaled by whatever a program does with it. */
function synthesized(scale: (stack: Stack, endpoint: inference.GpuEndpoint) => void): FleetBlueprint {
  const stack = new Stack(new App(), 'Inference', { env: { region: 'us-east-1' } });
  const endpoint = new inference.GpuEndpoint(stack, 'Endpoint', {
    modelServer: inference.ModelServer.triton(),
    pools: [{ instanceType: 'ml.g5.xlarge' }],
    maxConcurrencyPerInstance: 8,
  });
  scale(stack, endpoint);
  return fleetsOfTemplate(Template.fromStack(stack).toJSON(), { name: 'Inference' }).fleets[0]!;
}

/** Runs the code as someone who pasted it into a stack. */
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
    }).scaleOnConcurrency();
  });

  test.each<[string, Partial<Candidate>]>([
    ['concurrency each 10 s', { safetyFactor: 0.83, scaleOutCooldownSeconds: 0 }],
    ['concurrency each minute', { metric: 'concurrency-60s', safetyFactor: 0.67, scaleInCooldownSeconds: 1800 }],
    ['invocations', { metric: 'invocations', safetyFactor: 0.64, minCapacity: 3, maxCapacity: 11 }],
  ])('declares exactly the fleet that was rehearsed, with %s', (_, changes) => {
    const candidate = candidateWith(changes);
    expect(pasted(cdkCode(fleet, candidate, 2))).toEqual(candidateBlueprint(fleet, candidate, 2));
  });

  test('names the target itself where the template does not say what an instance holds', () => {
    const untagged: FleetBlueprint = { ...fleet, slotsFrom: 'default' };
    const code = cdkCode(untagged, candidateWith({ safetyFactor: 0.5 }), 2);
    expect(code).toContain('targetPerInstance: 4,');
    expect(pasted(code).plan.policies[0]).toMatchObject({ targetValue: 4 });
  });
});
