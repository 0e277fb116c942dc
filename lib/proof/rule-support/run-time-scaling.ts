import type { Resource, TemplateModel } from '../../template';

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

/** Managed policies of AWS that grant them. Source: AWS managed policy reference. */
const MANAGED =
  /:policy\/(AdministratorAccess|PowerUserAccess|AmazonSageMakerFullAccess)"|"(AdministratorAccess|PowerUserAccess|AmazonSageMakerFullAccess)"/;

/** True if only models run with a role: they serve, and change no scaling. */
function isOfModels({ properties }: Resource): boolean {
  const services = JSON.stringify(properties['AssumeRolePolicyDocument'] ?? '').match(/[\w-]+\.amazonaws\.com/g) ?? [];
  return services.length > 0 && services.every((service) => service === 'sagemaker.amazonaws.com');
}

/** True if a role or function may do all that its service or account may. */
function isBroad(one: Resource): boolean {
  if (one.type !== 'AWS::IAM::Role' && one.type !== 'AWS::Serverless::Function') return false;
  const written = JSON.stringify(one.properties);
  return !isOfModels(one) && (MANAGED.test(written) || /"Action":(\[?)"\*"/.test(written));
}

/** Schedules of EventBridge that call the API, and scheduled actions of the community's registry. */
const CALLS = /:aws-sdk:application-?autoscaling:(put|register)/i;
const COMMUNITY_TYPES = [
  'AwsCommunity::ApplicationAutoscaling::ScheduledAction',
  'AwsCommunity::ApplicationAutoScaling::ScheduledAction',
];

/** True if something that the templates permit may change limits and policies at run time. */
export function isScaledAtRunTime(model: TemplateModel): boolean {
  const isPermitted = PERMITTING.flatMap((type) => model.ofType(type)).some(
    (one) => SCALES.test(JSON.stringify(one.properties)) || isBroad(one),
  );
  const isCalled = [
    ...model.ofType('AWS::Scheduler::Schedule'),
    ...model.ofType('AWS::StepFunctions::StateMachine'),
  ].some(({ properties }) => CALLS.test(JSON.stringify(properties)));
  return isPermitted || isCalled || COMMUNITY_TYPES.some((type) => model.ofType(type).length > 0);
}
