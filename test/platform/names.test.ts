import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { PlatformStack } from '../../lib/platform';
import { checkStageConfiguration, STAGE_NAMES, stageConfiguration } from '../../lib/platform/stages';

/** Stages whose names begin alike, in two regions of one account. */
const STAGES = [...STAGE_NAMES, 'prod-b', 'prodb', 'pro'];
const REGIONS = ['us-east-1', 'us-west-2'];
const ACCOUNT = '123456789012';

interface Deployed {
  readonly stage: string;
  readonly region: string;
  readonly stack: PlatformStack;
  readonly template: Json;
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the parts of a template that the test reads
type Json = any;

const deployed: readonly Deployed[] = STAGES.flatMap((name) =>
  REGIONS.map((region) => {
    const known = STAGE_NAMES.includes(name) ? name : 'prod';
    const stage = { ...stageConfiguration(known), name, region };
    expect(checkStageConfiguration(stage)).toEqual([]);
    const stack = new PlatformStack(new App(), `Tidegate-${name}`, { stage });
    return { stage: name, region, stack, template: Template.fromStack(stack).toJSON() };
  }),
);

/** A value of a template as it is when deployed: references have the name that CloudFormation generates, which begins with the stack's. */
function valueOf(value: Json, at: Deployed): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const [[intrinsic, argument]] = Object.entries(value) as [[string, Json]];
  switch (intrinsic) {
    case 'Ref':
      return (
        { 'AWS::Region': at.region, 'AWS::AccountId': ACCOUNT, 'AWS::Partition': 'aws' }[argument as string] ??
        generated(argument, at)
      );
    case 'Fn::GetAtt':
      return argument[1] === 'Arn' ? `arn:aws:…:${generated(argument[0], at)}` : attribute(argument, at);
    case 'Fn::Join':
      return argument[1].map((part: Json) => valueOf(part, at)).join(argument[0]);
    case 'Fn::Sub':
      return String(argument).replaceAll('${AWS::AccountId}', ACCOUNT).replaceAll('${AWS::Region}', at.region);
    default:
      throw new Error(`unexpected intrinsic function ${intrinsic}`);
  }
}

function generated(logicalId: string, at: Deployed): string {
  const given = at.template.Resources[logicalId]?.Properties?.Name;
  return given === undefined ? `${at.stack.stackName}-${logicalId}-0123456789AB` : valueOf(given, at);
}

function attribute([logicalId, name]: [string, string], at: Deployed): string {
  const given = at.template.Resources[logicalId]?.Properties?.[name];
  return given === undefined ? generated(logicalId, at) : valueOf(given, at);
}

/** Properties that are the name of a resource, by type; CloudFormation generates the names that are left out. */
const NAME =
  /^(Name|DashboardName|EndpointName|EndpointConfigName|ModelName|FunctionName|TableName|BucketName|RoleName|TopicName|StreamName|QueueName|LogGroupName|AlarmName|StateMachineName|AliasName|ManagedPolicyName)$/;

/** Types whose names are one namespace for all regions of an account. https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-dashboard.html */
const GLOBAL = ['AWS::CloudWatch::Dashboard', 'AWS::IAM::Role', 'AWS::IAM::ManagedPolicy', 'AWS::S3::Bucket'];

/** Names that the templates give, each with its namespace. */
function givenNames(at: Deployed): string[] {
  const resources = Object.values(at.template.Resources as { readonly [logicalId: string]: Json });
  const exports = Object.values((at.template.Outputs ?? {}) as { readonly [name: string]: Json })
    .filter((output) => output.Export !== undefined)
    .map((output) => `export in ${at.region}: ${valueOf(output.Export.Name, at)}`);
  return [
    `stack in ${at.region}: ${at.stack.stackName}`,
    ...exports,
    ...resources.flatMap(({ Type, Properties = {} }) =>
      Object.entries(Properties as Json)
        // The name of a metric's alarm is its namespace: it has the property Name for nothing else.
        .filter(([property]) => NAME.test(property) && !(Type === 'AWS::CloudWatch::Alarm' && property !== 'AlarmName'))
        .filter(([, value]) => isGiven(value, at))
        .map(
          ([, value]) => `${Type}${GLOBAL.includes(Type as string) ? '' : ` in ${at.region}`}: ${valueOf(value, at)}`,
        ),
    ),
  ];
}

/** True for a name that the template gives, false for a reference to a resource that has one. */
function isGiven(value: Json, { template }: Deployed): boolean {
  const referenced = value?.Ref ?? value?.['Fn::GetAtt']?.[0];
  return !(typeof referenced === 'string' && referenced in template.Resources);
}

const jobPrefix = ({ stack }: Deployed): string => stack.platform.training!.jobNamePrefix;

/** A training job of a stage, as its state machine names it. */
const jobOf = (at: Deployed): string => `${jobPrefix(at)}${'f'.repeat(32)}${'0'.repeat(8)}`;

/** Resources with a wildcard in the policies of a stage. */
function wildcards(at: Deployed): string[] {
  const policies = Object.values(at.template.Resources as { readonly [logicalId: string]: Json }).filter(
    ({ Type }) => Type === 'AWS::IAM::Policy',
  );
  return policies
    .flatMap(({ Properties }) => Properties.PolicyDocument.Statement as Json[])
    .flatMap(({ Resource }) => [Resource].flat() as Json[])
    .map((resource) => valueOf(resource, at))
    .filter((resource) => resource.includes('*'));
}

describe('names of stages that begin alike, in two regions of one account', () => {
  test('collide nowhere', () => {
    const names = deployed.flatMap((at) => [...new Set(givenNames(at))]);
    expect(names.filter((name) => name.startsWith('AWS::CloudWatch::Dashboard:'))).toHaveLength(deployed.length);
    expect(names.filter((name) => name.startsWith('AWS::SSM::Parameter'))).toHaveLength(deployed.length);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  test('let no stage meter the training jobs of another', () => {
    const inRegion = deployed.filter(({ region }) => region === REGIONS[0]);
    for (const one of inRegion) {
      expect(inRegion.filter((other) => jobOf(other).startsWith(jobPrefix(one)))).toEqual([one]);
      expect(JSON.stringify(one.template)).toContain(`\\"jobNamePrefix\\":\\"${jobPrefix(one)}\\"`);
      expect(jobOf(one).length).toBeLessThanOrEqual(63);
      expect(jobOf(one)).toMatch(/^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$/);
    }
  });

  test('let no wildcard of a policy reach the resources of another stage', () => {
    const inRegion = deployed.filter(({ region }) => region === REGIONS[0]);
    const reached = inRegion.flatMap((one) =>
      inRegion
        .filter((other) => other !== one)
        .flatMap((other) => {
          const names = [
            `training-job/${jobOf(other)}`,
            `model/${jobOf(other)}`,
            ...Object.keys(other.template.Resources as Json).map((logicalId) => generated(logicalId, other)),
          ];
          return wildcards(one)
            .filter((wildcard) => wildcard.toLowerCase().includes('tidegate-'))
            .map((wildcard) => wildcard.replace(/^arn:aws:[^:]*:[^:]*:[^:]*:/, ''))
            .flatMap((wildcard) => {
              const pattern = new RegExp(
                `^${wildcard.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*')}`,
                'i',
              );
              return names.filter((name) => pattern.test(name)).map((name) => `${one.stage} ${wildcard}: ${name}`);
            });
        }),
    );
    expect(inRegion.every((at) => wildcards(at).some((wildcard) => wildcard.includes(`${jobPrefix(at)}*`)))).toBe(true);
    expect(reached).toEqual([]);
  });
});
