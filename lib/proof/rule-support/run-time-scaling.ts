import type { TemplateModel } from '../../template';

/** Types that grant actions. */
const PERMITTING = [
  'AWS::IAM::Role',
  'AWS::IAM::Policy',
  'AWS::IAM::ManagedPolicy',
  'AWS::IAM::RolePolicy',
  'AWS::Serverless::Function',
];

/** Actions that change scaling at run time. */
const SCALES = /application-autoscaling:(\*|put|register)/i;

/** True if something that the templates permit may change limits and policies at run time. */
export function isScaledAtRunTime(model: TemplateModel): boolean {
  return PERMITTING.flatMap((type) => model.ofType(type)).some(({ properties }) =>
    SCALES.test(JSON.stringify(properties)),
  );
}
