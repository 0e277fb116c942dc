import type { TemplateModel } from '../../template';

/** Types that grant actions, or call the API themselves. */
const CALLERS = [
  'AWS::IAM::Role',
  'AWS::IAM::Policy',
  'AWS::IAM::ManagedPolicy',
  'AWS::IAM::RolePolicy',
  'AWS::Serverless::Function',
  'AWS::Scheduler::Schedule',
  'AWS::StepFunctions::StateMachine',
];

/** Actions that enable a source at run time. */
const ENABLES =
  /lambda:(\*|update\*|updateeventsourcemapping)|pipes:(\*|start)|"Action":\[?"\*"|AdministratorAccess|PowerUserAccess/i;

/** True if something that the templates permit may enable or disable event sources at run time. */
export function mayChangeMappings(model: TemplateModel): boolean {
  return CALLERS.flatMap((type) => model.ofType(type)).some(({ properties }) =>
    ENABLES.test(JSON.stringify(properties)),
  );
}
