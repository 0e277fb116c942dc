import { Match, Template } from 'aws-cdk-lib/assertions';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import { endpointIn, newStack, templateOf } from '../chat-endpoint';

describe('the network of an endpoint', () => {
  test('is closed to the model by default, and open where isolation is off', () => {
    templateOf().hasResourceProperties('AWS::SageMaker::Model', {
      EnableNetworkIsolation: true,
      VpcConfig: Match.absent(),
    });
    templateOf({ network: { isolation: false } }).hasResourceProperties('AWS::SageMaker::Model', {
      EnableNetworkIsolation: false,
    });
  });

  test('is a VPC that instances reach through a group without inbound traffic', () => {
    const stack = newStack();
    endpointIn(stack, { network: { vpc: new ec2.Vpc(stack, 'Network', { maxAzs: 2 }) } });
    const template = Template.fromStack(stack);
    template.hasResourceProperties('AWS::SageMaker::Model', {
      VpcConfig: {
        Subnets: [Match.anyValue(), Match.anyValue()],
        SecurityGroupIds: [{ 'Fn::GetAtt': [Match.anyValue(), 'GroupId'] }],
      },
    });
    template.hasResourceProperties('AWS::EC2::SecurityGroup', { SecurityGroupIngress: Match.absent() });
    expect(JSON.stringify(template.findResources('AWS::IAM::Policy'))).toContain('ec2:CreateNetworkInterface');
  });

  test('has no subnets without a VPC', () => {
    expect(() => endpointIn(newStack(), { network: { vpcSubnets: {} } })).toThrow('give network.vpc too');
  });
});
