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

test.each([1, 2])('state %i is the one before with another version on the devices', (number) => {
  const [first, second] = LEARNING_TOUR_STATES.slice(number - 1).map((state) => templates.get(state)!.Resources) as [
    Template['Resources'],
    Template['Resources'],
  ];
  const changed = Object.entries(second).filter(
    ([logicalId, resource]) => JSON.stringify(first[logicalId]) !== JSON.stringify(resource),
  );
  expect(changed.map(([, { Type }]) => Type).sort()).toEqual([
    'AWS::GreengrassV2::ComponentVersion',
    'AWS::GreengrassV2::Deployment',
    'AWS::IAM::Policy',
  ]);
  expect(Object.keys(first).sort()).toEqual(Object.keys(second).sort());
});
