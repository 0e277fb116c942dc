import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import type { PolicyValidationStack } from 'aws-cdk-lib';
import { readFleets } from '../../bin/input/fleet-selection';
import { readTemplates } from '../../bin/input/template-files';
import { branchesOf } from '../../lib/proof/branches';
import { declaredFleets, stackTemplates } from '../../lib/rehearsal/declared-fleets';
import { untunableReason } from '../../lib/simulation/tune';
import { TemplateModel } from '../../lib/template';
import { chatTemplate, type ChatTemplate } from '../simulation/blueprint/chat-template';

/** A fleet as a command understands it. */
interface Understood {
  readonly resourceId: string;
  readonly target: string;
  readonly limits: readonly [min: number, max: number];
  readonly instanceTypes: readonly string[];
  readonly policies: readonly string[];
  readonly alarms: readonly string[];
}

const CHAT: Understood = {
  resourceId: 'endpoint/chat/variant/main',
  target: 'Target',
  limits: [1, 8],
  instanceTypes: ['ml.g5.xlarge', 'ml.g6.xlarge'],
  policies: ['concurrency'],
  alarms: [],
};

let folder: string;

beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-templates-'));
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

/** Template of the default branch of `prove`. */
function understoodByProve(files: readonly string[]): Understood[] {
  const branches = branchesOf(readTemplates({ template: files })).filter(({ isDefault }) => isDefault);
  expect(branches).toHaveLength(1);
  return new TemplateModel(branches[0]!.templates).targets.map((target) => ({
    resourceId: (target.resourceId ?? '').replace(/<\d+ /g, '<'),
    target: target.resource.logicalId,
    limits: [target.min!, target.max!],
    instanceTypes: target.variant?.instanceTypes ?? [],
    policies: target.policies.map(({ resource }) => resource.reader.text(resource.properties['PolicyName'])!),
    alarms: target.policies.flatMap(({ alarms }) => alarms.map(({ logicalId }) => logicalId)),
  }));
}

type Fleets = ReturnType<typeof readFleets>['fleets'];

function understood(fleets: Fleets): Understood[] {
  return fleets.map(({ resourceId, targetLogicalId, plan, pools, stepAlarms }) => ({
    resourceId,
    target: targetLogicalId,
    limits: [plan.minCapacity, plan.maxCapacity],
    instanceTypes: pools.map(({ instanceType }) => instanceType),
    policies: plan.policies.map(({ policyName }) => policyName),
    alarms: stepAlarms.map(({ alarm }) => alarm.alarmName),
  }));
}

/** A template as a command reads it from a file: JSON as it is, YAML as text. */
interface Case {
  readonly name: string;
  readonly files: { readonly [name: string]: object | string };
  readonly fleets: readonly Understood[];
}

const STAGE = { Stage: { Type: 'String', Default: 'prod', AllowedValues: ['dev', 'prod'] } };
const IS_PROD = {
  IsProd: { 'Fn::Equals': [{ Ref: 'Stage' }, 'prod'] },
  IsDev: { 'Fn::Not': [{ Condition: 'IsProd' }] },
};

function template(differences: ChatTemplate, more: object = {}): object {
  return { ...chatTemplate(differences), ...more };
}

/** A resource of the chat template under a condition. */
function conditional(logicalId: string, Condition: string): ChatTemplate {
  const { Resources } = chatTemplate() as { readonly Resources: { readonly [id: string]: object } };
  return { resources: { [logicalId]: { ...Resources[logicalId], Condition } } };
}

const STEP = {
  Type: 'AWS::ApplicationAutoScaling::ScalingPolicy',
  Properties: {
    PolicyName: 'surge',
    ScalingTargetId: { Ref: 'Target' },
    StepScalingPolicyConfiguration: { StepAdjustments: [{ MetricIntervalLowerBound: 0, ScalingAdjustment: 2 }] },
  },
};
const ALARM = {
  Type: 'AWS::CloudWatch::Alarm',
  Properties: {
    Namespace: 'AWS/SageMaker',
    MetricName: 'ConcurrentRequestsPerModel',
    Dimensions: [{ Name: 'EndpointName', Value: 'chat' }],
    EvaluationPeriods: 1,
    Threshold: 6,
    Period: 60,
    ComparisonOperator: 'GreaterThanThreshold',
    AlarmActions: [{ Ref: 'Step' }],
  },
};

/** The chat template in two: the endpoint, and what scales it under a name that only an output gives. */
function inTwo(output: object, reference: object): { readonly [file: string]: object } {
  const { Config, Endpoint } = (chatTemplate() as { readonly Resources: { readonly [id: string]: object } }).Resources;
  const ResourceId = { 'Fn::Join': ['', ['endpoint/', reference, '/variant/main']] };
  const EndpointName = { 'Fn::GetAtt': ['Endpoint', 'EndpointName'] };
  const Outputs = { Name: { Value: EndpointName, ...output } };
  return {
    'Serving.template.json': { Resources: { Config, Endpoint }, Outputs },
    'Scaling.template.json': chatTemplate({ target: { ResourceId }, resources: { Config: null, Endpoint: null } }),
  };
}

/** Two templates: one gives the name of its endpoint out, the other takes it and its limits as parameters. */
function nested(parameter: string): { readonly [file: string]: object } {
  const files = inTwo({}, { Ref: parameter });
  const { Resources } = files['Scaling.template.json'] as { readonly Resources: { readonly Target: object } };
  const { Properties } = Resources.Target as { readonly Properties: object };
  const Target = {
    ...Resources.Target,
    Properties: { ...Properties, MinCapacity: { Ref: 'Least' }, MaxCapacity: { Ref: 'Most' } },
  };
  const Parameters = {
    [parameter]: { Type: 'String' },
    Least: { Type: 'Number', Default: 1 },
    Most: { Type: 'Number' },
  };
  return { ...files, 'Scaling.template.json': { Parameters, Resources: { ...Resources, Target } } };
}

/** A template that deploys both as nested stacks. */
function around(url: (file: string) => object, isAsset = false): object {
  const stack = (file: string, Parameters: object): object => ({
    Type: 'AWS::CloudFormation::Stack',
    Properties: { ...url(file), Parameters },
    ...(isAsset && { Metadata: { 'aws:asset:path': file } }),
  });
  return {
    Resources: {
      Serving: stack('Serving.template.json', {}),
      Scaling: stack('Scaling.template.json', {
        Endpoint: { 'Fn::GetAtt': ['Serving', 'Outputs.Name'] },
        Least: '2',
        Most: { 'Fn::FindInMap': ['Sizes', 'prod', 'Most'] },
      }),
    },
    Mappings: { Sizes: { prod: { Most: 6 } } },
  };
}

/** The chat template in two, the name of the endpoint in the Parameter Store. */
function stored({ Parameters, reference }: { Parameters?: object; reference: unknown }): {
  readonly [file: string]: object;
} {
  const files = inTwo({}, reference as object);
  const serving = files['Serving.template.json'] as { readonly Resources: object };
  const Published = {
    Type: 'AWS::SSM::Parameter',
    Properties: { Name: '/serving/name', Type: 'String', Value: { 'Fn::GetAtt': ['Endpoint', 'EndpointName'] } },
  };
  return {
    'Serving.template.json': { ...serving, Resources: { ...serving.Resources, Published } },
    'Scaling.template.json': { ...files['Scaling.template.json'], ...(Parameters !== undefined && { Parameters }) },
  };
}

const YAML = `
Parameters:
  Stage: {Type: String, Default: prod}
  Largest: {Type: Number, Default: 8}
Mappings:
  Least: {prod: {Count: 2}, dev: {Count: 1}}
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
  IsDev: !Not [!Condition IsProd]
Resources:
  Config:
    Type: AWS::SageMaker::EndpointConfig
    Properties:
      ProductionVariants:
        - VariantName: main
          InitialInstanceCount: 1
          InstanceType: !If [IsProd, ml.g5.xlarge, ml.g4dn.xlarge]
  Endpoint:
    Type: AWS::SageMaker::Endpoint
    Properties: {EndpointName: !Sub "\${Stage}-chat", EndpointConfigName: !GetAtt Config.EndpointConfigName}
  Target:
    Type: AWS::ApplicationAutoScaling::ScalableTarget
    Properties:
      ServiceNamespace: sagemaker
      ScalableDimension: sagemaker:variant:DesiredInstanceCount
      ResourceId: !Join ["/", [endpoint, !GetAtt Endpoint.EndpointName, variant, !Select [1, !Split [",", "x,main"]]]]
      MinCapacity: !FindInMap [Least, !Ref Stage, Count]
      MaxCapacity: !Ref Largest
  Idle:
    Type: AWS::ApplicationAutoScaling::ScalableTarget
    Condition: IsDev
    Properties:
      ServiceNamespace: sagemaker
      ScalableDimension: sagemaker:variant:DesiredInstanceCount
      ResourceId: endpoint/idle/variant/main
      MinCapacity: 0
      MaxCapacity: 1
`;

const CASES: readonly Case[] = [
  { name: 'plain numbers', files: { 'Chat.json': template({}) }, fleets: [CHAT] },
  {
    name: 'limits by Fn::If',
    files: {
      'Chat.json': template(
        { target: { MinCapacity: { 'Fn::If': ['IsProd', 3, 1] }, MaxCapacity: { 'Fn::If': ['IsDev', 2, 9] } } },
        { Parameters: STAGE, Conditions: IS_PROD },
      ),
    },
    fleets: [{ ...CHAT, limits: [3, 9] }],
  },
  {
    name: 'limits by Fn::FindInMap, and by a parameter',
    files: {
      'Chat.json': template(
        {
          target: {
            MinCapacity: { 'Fn::FindInMap': ['Least', { Ref: 'Stage' }, 'Count'] },
            MaxCapacity: { Ref: 'Most' },
          },
        },
        {
          Parameters: { ...STAGE, Most: { Type: 'Number', Default: 12 } },
          Mappings: { Least: { dev: { Count: 1 }, prod: { Count: 4 } } },
        },
      ),
    },
    fleets: [{ ...CHAT, limits: [4, 12] }],
  },
  {
    name: 'conditions that a mapping decides',
    files: {
      'Chat.json': template(
        { target: { MinCapacity: { 'Fn::If': ['IsLarge', 5, 1] } } },
        {
          Parameters: STAGE,
          Mappings: { Sizes: { dev: { Size: 'small' }, prod: { Size: 'large' } } },
          Conditions: {
            IsLarge: { 'Fn::Equals': [{ 'Fn::FindInMap': ['Sizes', { Ref: 'Stage' }, 'Size'] }, 'large'] },
          },
        },
      ),
    },
    fleets: [{ ...CHAT, limits: [5, 8] }],
  },
  {
    name: 'a target under a condition that holds',
    files: { 'Chat.json': template(conditional('Target', 'IsProd'), { Parameters: STAGE, Conditions: IS_PROD }) },
    fleets: [CHAT],
  },
  {
    name: 'a policy under a condition that does not hold',
    files: { 'Chat.json': template(conditional('Tracking', 'IsDev'), { Parameters: STAGE, Conditions: IS_PROD }) },
    fleets: [{ ...CHAT, policies: [] }],
  },
  {
    name: 'alarms under conditions, one of which holds',
    files: {
      'Chat.json': template(
        {
          resources: {
            Step: STEP,
            High: { ...ALARM, Condition: 'IsProd' },
            Higher: { ...ALARM, Condition: 'IsDev' },
          },
        },
        { Parameters: STAGE, Conditions: IS_PROD },
      ),
    },
    fleets: [{ ...CHAT, policies: ['concurrency', 'surge'], alarms: ['High'] }],
  },
  {
    name: 'an endpoint configuration for each stage',
    files: {
      'Chat.json': template(
        {
          resources: {
            Endpoint: {
              Type: 'AWS::SageMaker::Endpoint',
              Properties: {
                EndpointName: 'chat',
                EndpointConfigName: {
                  'Fn::If': [
                    'IsProd',
                    { 'Fn::GetAtt': ['Config', 'EndpointConfigName'] },
                    { 'Fn::GetAtt': ['Small', 'EndpointConfigName'] },
                  ],
                },
              },
            },
            Small: {
              Type: 'AWS::SageMaker::EndpointConfig',
              Condition: 'IsDev',
              Properties: { ProductionVariants: [{ VariantName: 'main', InstanceType: 'ml.g4dn.xlarge' }] },
            },
          },
        },
        { Parameters: STAGE, Conditions: IS_PROD },
      ),
    },
    fleets: [CHAT],
  },
  {
    name: 'an exported name',
    files: inTwo({ Export: { Name: 'chat-name' } }, { 'Fn::ImportValue': 'chat-name' }),
    fleets: [CHAT],
  },
  {
    name: 'an exported name under a prefix that both templates have by default',
    files: inTwo(
      { Export: { Name: { 'Fn::Sub': 'live-Name' } } },
      { 'Fn::ImportValue': { 'Fn::Join': ['-', ['live', 'Name']] } },
    ),
    fleets: [CHAT],
  },
  {
    name: 'an output of another stack',
    files: inTwo({}, { 'Fn::GetStackOutput': { StackName: 'Serving', OutputName: 'Name', Region: 'us-east-1' } }),
    fleets: [CHAT],
  },
  {
    name: 'a stack around both, which passes the name and the limits on',
    files: { ...nested('Endpoint'), 'Around.template.json': around((file) => ({ TemplateURL: `./${file}` })) },
    fleets: [{ ...CHAT, limits: [2, 6] }],
  },
  {
    name: 'the same, from a bucket of assets',
    files: {
      ...nested('Endpoint'),
      'Around.template.json': around(() => ({ TemplateURL: { 'Fn::Sub': 'https://s3/${Hash}' } }), true),
    },
    fleets: [{ ...CHAT, limits: [2, 6] }],
  },
  {
    name: 'a name in the Parameter Store, which a parameter looks up',
    files: stored({
      Parameters: { Name: { Type: 'AWS::SSM::Parameter::Value<String>', Default: '/serving/name' } },
      reference: { Ref: 'Name' },
    }),
    fleets: [CHAT],
  },
  {
    name: 'a name in the Parameter Store, which a dynamic reference looks up',
    files: stored({ reference: '{{resolve:ssm:/serving/name:3}}' }),
    fleets: [CHAT],
  },
  {
    name: 'one template for two stages',
    files: {
      'Dev.json': template({ target: { MaxCapacity: 2 } }),
      'Live.json': template({
        resources: {
          Tracking: {
            Type: 'AWS::ApplicationAutoScaling::ScalingPolicy',
            Properties: {
              PolicyName: 'by-name',
              ServiceNamespace: 'sagemaker',
              ScalableDimension: 'sagemaker:variant:DesiredInstanceCount',
              ResourceId: 'endpoint/chat/variant/main',
              TargetTrackingScalingPolicyConfiguration: {
                TargetValue: 5,
                PredefinedMetricSpecification: { PredefinedMetricType: 'SageMakerVariantInvocationsPerInstance' },
              },
            },
          },
        },
      }),
    },
    fleets: [
      { ...CHAT, limits: [1, 2] },
      { ...CHAT, policies: ['by-name'] },
    ],
  },
  {
    name: 'short forms of YAML',
    files: { 'chat.yaml': YAML },
    fleets: [
      {
        resourceId: 'endpoint/prod-chat/variant/main',
        target: 'Target',
        limits: [2, 8],
        instanceTypes: ['ml.g5.xlarge'],
        policies: [],
        alarms: [],
      },
    ],
  },
];

describe.each(CASES)('$name', ({ name, files, fleets }) => {
  let paths: readonly string[];
  let documents: readonly string[];

  beforeAll(() => {
    const own = path.join(folder, name.replace(/\W+/g, '-'));
    fs.mkdirSync(own);
    const write = (file: string, text: string): string => {
      fs.writeFileSync(path.join(own, file), text);
      return path.join(own, file);
    };
    paths = Object.entries(files).map(([file, content]) =>
      write(file, typeof content === 'string' ? content : JSON.stringify(content)),
    );
    // The CDK writes JSON only.
    documents = readTemplates({ template: paths }).map(({ name: file, document }) =>
      write(path.basename(file).replace(/\.yaml$/, '.json'), JSON.stringify(document)),
    );
  });

  test('is the same for prove', () => expect(understoodByProve(paths)).toEqual(fleets));

  test('is the same for simulate and tune', () => {
    const { fleets: read, notes } = readFleets({ template: paths });
    expect(understood(read)).toEqual(fleets);
    expect(notes).toEqual([]);
    expect(read.map(untunableReason)).toEqual(read.map(() => undefined));
  });

  test('is the same for RehearsalCheck', () => {
    const stacks = documents.map((templatePath): PolicyValidationStack => ({
      templatePath,
      stackConstructPath: path.basename(templatePath),
      accountId: undefined,
      region: undefined,
    }));
    const { fleets: read, skipped } = declaredFleets(stackTemplates(stacks));
    expect(understood(read)).toEqual(fleets);
    expect(skipped).toEqual([]);
  });
});
