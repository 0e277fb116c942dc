import { ORDER_RULES } from '../../../lib/proof/rules/order';
import { testRules } from '../support/rule-cases';
import { type Properties, realTime, resource, type Resources } from '../support/templates';

const statement = (Action: unknown): Properties => ({ Statement: [{ Effect: 'Allow', Action, Resource: '*' }] });
const policyOf = (
  Action: unknown,
  type = 'AWS::IAM::Policy',
  attached: Properties = { Roles: [{ Ref: 'Role' }] },
): Resources => ({
  RolePolicy: resource(type, { PolicyName: 'p', PolicyDocument: statement(Action), ...attached }),
});
const roleArn = { 'Fn::GetAtt': ['Role', 'Arn'] };
const withRole = (policy: Resources, role: Properties = {}, DependsOn?: readonly string[]): Resources => ({
  ...realTime(),
  Role: resource('AWS::IAM::Role', { AssumeRolePolicyDocument: {}, ...role }),
  ...policy,
  Model: {
    ...resource('AWS::SageMaker::Model', { ExecutionRoleArn: roleArn, PrimaryContainer: { Image: 'i' } }),
    ...(DependsOn !== undefined && { DependsOn }),
  },
});
const job = (DependsOn: readonly string[]): Resources => ({
  Role: resource('AWS::IAM::Role', { AssumeRolePolicyDocument: {} }),
  ...policyOf(['s3:GetObject']),
  Job: { ...resource('AWS::SageMaker::ProcessingJob', { RoleArn: roleArn }), DependsOn },
});
const files = ['s3:GetObject', 'ecr:BatchGetImage'];

testRules(ORDER_RULES, {
  'made-before-permissions': [
    [withRole(policyOf(files)), withRole(policyOf(files), {}, ['RolePolicy'])],
    [withRole(policyOf('*')), withRole(policyOf(['logs:PutLogEvents']))],
    [
      withRole(policyOf(files, 'AWS::IAM::ManagedPolicy')),
      withRole(
        { RolePolicy: resource('AWS::IAM::ManagedPolicy', { PolicyDocument: statement(files) }) },
        { ManagedPolicyArns: [{ Ref: 'RolePolicy' }] },
      ),
    ],
    [
      withRole(policyOf(files, 'AWS::IAM::RolePolicy', { RoleName: { Ref: 'Role' } })),
      withRole(policyOf(files), { Policies: [{ PolicyName: 'own', PolicyDocument: statement(files) }] }),
    ],
    [
      withRole(policyOf(files)),
      withRole(policyOf(files), { ManagedPolicyArns: ['arn:aws:iam::aws:policy/AmazonSageMakerFullAccess'] }),
    ],
    [job([]), job(['RolePolicy'])],
  ],
});
