import { App } from 'aws-cdk-lib';
import { EndpointTourStack } from '../../lib/platform/endpoint-tour-stack';
import { ENDPOINT_TOUR_STATES, type EndpointTourState } from '../../lib/platform/contract';
import { stageConfiguration } from '../../lib/platform/stages';
import { prove } from '../../lib/proof/prove';

interface Template {
  readonly Resources: { readonly [logicalId: string]: { readonly Type: string; readonly Properties: object } };
}

function templateOf(state: EndpointTourState): Template {
  const app = new App();
  const stack = new EndpointTourStack(app, 'Tidegate-dev-tour', { stage: stageConfiguration('dev'), state });
  return app.synth().getStackByName(stack.stackName).template as Template;
}
const templates = new Map(ENDPOINT_TOUR_STATES.map((state) => [state, templateOf(state)]));

test.each(ENDPOINT_TOUR_STATES)('nothing is found wrong with the state %s', (state) => {
  expect(prove([{ name: `${state}.template.json`, document: templates.get(state) }])).toEqual([]);
});

test('there is one endpoint of every kind, and only the real-time one changes from state to state', () => {
  const initial = templates.get('initial')!;
  const ofType = (type: string) => Object.values(initial.Resources).filter(({ Type }) => Type === type);
  expect(ofType('AWS::SageMaker::Endpoint')).toHaveLength(4);
  expect(ofType('AWS::SageMaker::InferenceComponent')).toHaveLength(1);
  for (const state of ENDPOINT_TOUR_STATES) {
    for (const [logicalId, resource] of Object.entries(templates.get(state)!.Resources)) {
      if (!logicalId.startsWith('RealTime')) expect(resource).toEqual(initial.Resources[logicalId]);
    }
  }
});

test('instance types change only while nothing scales the variant, as SageMaker demands', () => {
  const typesOf = (state: EndpointTourState): string => {
    const config = Object.entries(templates.get(state)!.Resources).find(
      ([logicalId, { Type }]) => logicalId.startsWith('RealTime') && Type === 'AWS::SageMaker::EndpointConfig',
    )!;
    return JSON.stringify(config[1].Properties)
      .match(/ml\.[a-z0-9]+\.[a-z0-9]+/g)!
      .join();
  };
  const isScaled = (state: EndpointTourState): boolean =>
    Object.keys(templates.get(state)!.Resources).some((logicalId) => /^RealTime.*Target/.test(logicalId));
  expect(ENDPOINT_TOUR_STATES.map(isScaled)).toEqual([true, false, true, true, true, true]);
  expect(typesOf('initial')).toBe(typesOf('without-scaling'));
  expect(typesOf('other-instance-types')).not.toBe(typesOf('initial'));
});
