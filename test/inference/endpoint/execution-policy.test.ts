import { Match, Template } from 'aws-cdk-lib/assertions';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { ModelArtifact } from '../../../lib/inference';
import { endpointIn, newStack, templateOf } from '../chat-endpoint';

interface Statement {
  readonly Action: string | string[];
  readonly Resource: unknown;
}

function statements(): Statement[] {
  const policies = Object.values(templateOf().findResources('AWS::IAM::Policy')) as {
    Properties: { PolicyDocument: { Statement: Statement[] } };
  }[];
  return policies.flatMap((policy) => policy.Properties.PolicyDocument.Statement);
}

describe('the execution role', () => {
  test('has no managed policy', () => {
    templateOf().hasResourceProperties('AWS::IAM::Role', { ManagedPolicyArns: Match.absent() });
  });

  test('pulls from the repository of its image only', () => {
    const pull = statements().find((statement) => statement.Action.includes('ecr:BatchGetImage'));
    expect(JSON.stringify(pull?.Resource)).toContain(':ecr:us-east-1:763104351884:repository/sagemaker-tritonserver');
  });

  test('uses a wildcard resource only for actions without resource-level permissions', () => {
    const open = statements().filter((statement) => statement.Resource === '*');
    expect(open.map((statement) => statement.Action)).toEqual([
      'ecr:GetAuthorizationToken',
      'cloudwatch:PutMetricData',
    ]);
  });

  test('may read the alarms that roll a deployment back', () => {
    const describe = statements().find((statement) => statement.Action === 'cloudwatch:DescribeAlarms');
    expect(describe?.Resource).toHaveLength(2);
  });

  test('reads the one object of the model', () => {
    const stack = newStack();
    const bucket = s3.Bucket.fromBucketName(stack, 'Models', 'models');
    endpointIn(stack, { modelArtifact: ModelArtifact.fromBucket(bucket, 'chat/model.tar.gz') });
    const template = JSON.stringify(Template.fromStack(stack).toJSON());
    expect(template).toContain(':s3:::models/chat/model.tar.gz');
    expect(template).not.toContain('models/*');
  });

  test('may be an existing one', () => {
    const stack = newStack();
    const executionRole = iam.Role.fromRoleName(stack, 'Role', 'model-role');
    endpointIn(stack, { executionRole });
    const template = Template.fromStack(stack);
    template.resourceCountIs('AWS::IAM::Role', 0);
    template.hasResourceProperties('AWS::IAM::Policy', { Roles: ['model-role'] });
  });
});
