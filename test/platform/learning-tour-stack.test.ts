import { App } from 'aws-cdk-lib';
import { LEARNING_TOUR_STATES, type LearningTourState } from '../../lib/platform/contract';
import { LearningTourStack } from '../../lib/platform/learning-tour-stack';
import { stageConfiguration } from '../../lib/platform/stages';
import { prove } from '../../lib/proof/prove';

interface Template {
  readonly Resources: { readonly [logicalId: string]: { readonly Type: string; readonly Properties: object } };
}

function templateOf(state: LearningTourState): Template {
  const app = new App();
  const stack = new LearningTourStack(app, 'Tour', { stage: stageConfiguration('dev'), state });
  return app.synth().getStackByName(stack.stackName).template as Template;
}
const templates = new Map(LEARNING_TOUR_STATES.map((state) => [state, templateOf(state)]));

test.each(LEARNING_TOUR_STATES)('nothing is found wrong with the state %s', (state) => {
  expect(prove([{ name: `${state}.template.json`, document: templates.get(state) }])).toEqual([]);
});

test('an endpoint comes with the second state, which leaves the pipelines as they are', () => {
  const [first, second] = LEARNING_TOUR_STATES.map((state) => templates.get(state)!.Resources) as [
    Template['Resources'],
    Template['Resources'],
  ];
  const countOf = (resources: Template['Resources'], type: string): number =>
    Object.values(resources).filter(({ Type }) => Type === type).length;
  expect(countOf(first, 'AWS::SageMaker::Endpoint')).toBe(0);
  expect(countOf(second, 'AWS::SageMaker::Endpoint')).toBe(1);
  expect(countOf(first, 'AWS::StepFunctions::StateMachine')).toBe(3);
  expect(countOf(second, 'AWS::StepFunctions::StateMachine')).toBe(4);
  for (const [logicalId, { Type, Properties }] of Object.entries(first)) {
    if (Type === 'AWS::StepFunctions::StateMachine') expect(second[logicalId]!.Properties).toEqual(Properties);
  }
});
