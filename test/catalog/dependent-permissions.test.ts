import { DEPENDENT_PERMISSIONS, dependentPermissions, namedArns } from '../../lib/catalog/dependent-permissions';
import { SCALABLE_DIMENSIONS } from '../../lib/catalog/scalable-resource';

const REGISTER = 'application-autoscaling:RegisterScalableTarget';
const ENDPOINT = 'arn:aws:sagemaker:us-east-1:123456789012:endpoint/chat';
const COMPONENT = 'arn:aws:sagemaker:us-east-1:123456789012:inference-component/chat';

const checks = (checked: Parameters<typeof dependentPermissions>[0]): string[] =>
  dependentPermissions(checked).flatMap(({ actions, resource }) =>
    actions.map((action) => `${action} on ${namedArns(resource, checked)?.join() ?? resource}`),
  );

const ON_ALARMS = [
  'cloudwatch:DescribeAlarms on *',
  'cloudwatch:DeleteAlarms on cloudwatch:alarm:TargetTracking*',
  'cloudwatch:PutMetricAlarm on cloudwatch:alarm:TargetTracking*',
];
const ON_VARIANTS = [
  `sagemaker:DescribeEndpoint on ${ENDPOINT}`,
  `sagemaker:UpdateEndpointWeightsAndCapacities on ${ENDPOINT}`,
  'sagemaker:DescribeEndpointConfig on sagemaker:endpoint-config/*',
];

describe('dependent permissions', () => {
  test.each([
    ['instances', SCALABLE_DIMENSIONS.instanceCount, ON_VARIANTS],
    ['provisioned concurrency', SCALABLE_DIMENSIONS.provisionedConcurrency, ON_VARIANTS],
    [
      'copies',
      SCALABLE_DIMENSIONS.copyCount,
      [
        `sagemaker:DescribeInferenceComponent on ${COMPONENT}`,
        `sagemaker:UpdateInferenceComponentRuntimeConfig on ${COMPONENT}`,
      ],
    ],
  ])('of a registration are those on its target and on alarms: %s', (_, scalableDimension, onTarget) => {
    const arns = { EndpointArn: [ENDPOINT], ComponentArn: [COMPONENT] };
    expect(checks({ call: REGISTER, scalableDimension, arns })).toEqual([...onTarget, ...ON_ALARMS]);
  });

  test('of the first registration in an account are also to create the service-linked role', () => {
    expect(checks({ call: REGISTER, cases: ['first-in-account'] })).toContain(
      'iam:CreateServiceLinkedRole on iam:role/aws-service-role/sagemaker.application-autoscaling.amazonaws.com/' +
        'AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint',
    );
    expect(checks({ call: REGISTER })).toEqual(ON_ALARMS);
  });

  test('of the role of a mapping with a secret are to read it, and to decrypt it where it has a key of its own', () => {
    const call = 'lambda:CreateEventSourceMapping';
    const read = 'secretsmanager:GetSecretValue on arn:secret';
    expect(checks({ call, arns: { SecretArn: ['arn:secret'] } })).toEqual([read]);
    expect(checks({ call, arns: { SecretArn: ['arn:secret'], SecretKeyArn: ['arn:key'] } })).toEqual([
      read,
      'kms:Decrypt on arn:key',
    ]);
  });

  test('on a resource that the call does not have are none', () => {
    expect(checks({ call: 's3:PutObject' })).toEqual([]);
    expect(checks({ call: 's3:PutObject', arns: { KeyArn: [] } })).toEqual([]);
    expect(checks({ call: 's3:PutObject', arns: { KeyArn: ['arn:key'] } })).toEqual(['kms:GenerateDataKey on arn:key']);
  });

  test.each(
    DEPENDENT_PERMISSIONS.map((row) => [`${row.call}: ${row.actions.join()} on ${row.resource}`, row] as const),
  )(
    'name evidence, one resource, and a reason for a wildcard: %s',
    (_, { call, actions, resource, source, wildcardReason }) => {
      expect(call).toMatch(/^[a-z0-9-]+:[A-Za-z0-9:.-]+$/);
      expect(new Set(actions).size).toBe(actions.length);
      for (const action of actions) expect(action).toMatch(/^[a-z0-9-]+:[A-Z][A-Za-z0-9]+$/);
      expect(source).toMatch(
        /^https:\/\/(docs\.aws\.amazon\.com\/.+\.html|schema\.cloudformation\.us-east-1\.amazonaws\.com\/.+|github\.com\/.+\/issues\/\d+)$/,
      );
      expect(resource).toMatch(/^(\*|\{[A-Z]\w+\}|[a-z0-9-]+:[\w/:.-]+\*?)$/);
      expect(wildcardReason !== undefined).toBe(resource !== '*' && resource.endsWith('*'));
    },
  );
});
