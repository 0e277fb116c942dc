import { InputError } from '../../lib/core/errors';
import { fleetsOfTemplates, type TemplateFleetsOptions } from '../../lib/simulation/blueprint';
import type { TemplateDocument } from '../../lib/template';
import { chatTemplate, type ChatTemplate } from '../simulation/blueprint/chat-template';

const named = (differences: ChatTemplate, more: object = {}): TemplateDocument => ({
  name: 'chat.json',
  document: { ...chatTemplate(differences), ...more },
});
const minimum = (MinCapacity: unknown, more: object = {}): TemplateDocument => named({ target: { MinCapacity } }, more);
const read = (template: TemplateDocument, options: TemplateFleetsOptions = {}) =>
  fleetsOfTemplates([template], options);

const Parameters = { Stage: { Type: 'String' }, Least: { Type: 'Number' } };
const Conditions = {
  IsProd: { 'Fn::Equals': [{ Ref: 'Stage' }, 'prod'] },
  IsDev: { 'Fn::Not': [{ Condition: 'IsProd' }] },
};
const byStage = { Parameters, Conditions };
/** The chat template whose resource depends on an undecided condition. */
const optional = (logicalId: string, more: object = {}): TemplateDocument => {
  const { Resources } = chatTemplate() as { readonly Resources: { readonly [id: string]: object } };
  return named({ resources: { [logicalId]: { ...Resources[logicalId], Condition: 'IsDev', ...more } } }, byStage);
};

describe('a number that only the deployment decides is an error with its place, its reason and the way out', () => {
  const place = 'chat.json: Target.MinCapacity is';
  test.each<[string, TemplateDocument, string]>([
    [
      'a parameter without a default',
      minimum({ Ref: 'Least' }, { Parameters }),
      `${place} '<Least>', which is known only at the deployment: parameter Least has no default; give it one, or a value with --parameter Least=VALUE`,
    ],
    [
      'a parameter of the Parameter Store',
      minimum({ Ref: 'P' }, { Parameters: { P: { Type: 'AWS::SSM::Parameter::Value<String>', Default: '/least' } } }),
      'the value of parameter P (AWS::SSM::Parameter::Value<String>) is looked up at the deployment; give it with --parameter P=VALUE',
    ],
    [
      'a dynamic reference',
      minimum('{{resolve:ssm:/least}}'),
      'CloudFormation resolves {{resolve:ssm:/least}} at the deployment; write the value',
    ],
    [
      'an undecided condition',
      minimum({ 'Fn::If': ['IsProd', 2, 1] }, byStage),
      `${place} known only at the deployment: condition IsProd is undecided: parameter Stage has no default; give it one, or a value with --parameter Stage=VALUE`,
    ],
    [
      'a condition that is not declared',
      minimum({ 'Fn::If': ['IsNight', 2, 1] }),
      'the template does not declare condition IsNight; declare it',
    ],
    [
      'a mapping by an undecided key',
      minimum(
        { 'Fn::FindInMap': ['M', { Ref: 'Stage' }, 'Count'] },
        { Parameters, Mappings: { M: { dev: { Count: 1 } } } },
      ),
      'parameter Stage has no default',
    ],
    [
      'a mapping without the key',
      minimum({ 'Fn::FindInMap': ['M', 'prod', 'Count'] }, { Mappings: { M: { dev: { Count: 1 } } } }),
      'mapping M has no value for its keys; add it',
    ],
    [
      'an export of another template',
      minimum({ 'Fn::ImportValue': 'least' }),
      'it is an output of another template; give that template too',
    ],
    [
      'an output of another stack',
      minimum({ 'Fn::GetStackOutput': { StackName: 'Limits', OutputName: 'Least' } }),
      'it is an output of another template; give that template too',
    ],
    [
      'a part of a text',
      minimum({ 'Fn::Join': ['', ['1', { Ref: 'Least' }]] }, { Parameters }),
      'parameter Least has no default',
    ],
    ['a substitution', minimum({ 'Fn::Sub': '${Least}' }, { Parameters }), 'parameter Least has no default'],
    ['an attribute', minimum({ 'Fn::GetAtt': ['Endpoint', 'Size'] }), 'Endpoint.Size is known only at the deployment'],
    ['a function', minimum({ 'Fn::Length': [1, 2] }), 'CloudFormation evaluates Fn::Length at the deployment'],
    ['a text', minimum('many'), "chat.json: Target.MinCapacity is 'many', not a number; correct it"],
    [
      'a number deep in a policy',
      named(
        {
          resources: {
            Tracking: {
              Type: 'AWS::ApplicationAutoScaling::ScalingPolicy',
              Properties: {
                ScalingTargetId: { Ref: 'Target' },
                TargetTrackingScalingPolicyConfiguration: {
                  TargetValue: { Ref: 'Least' },
                  PredefinedMetricSpecification: { PredefinedMetricType: 'SageMakerVariantInvocationsPerInstance' },
                },
              },
            },
          },
        },
        { Parameters },
      ),
      "chat.json: Tracking.TargetTrackingScalingPolicyConfiguration.TargetValue is '<Least>'",
    ],
    [
      'a policy that may not exist',
      optional('Tracking'),
      'chat.json: Tracking may not exist: condition IsDev is undecided: parameter Stage has no default',
    ],
    ['an endpoint that may not exist', optional('Endpoint'), 'chat.json: Endpoint may not exist: condition IsDev'],
    ['a configuration that may not exist', optional('Config'), 'chat.json: Config may not exist: condition IsDev'],
  ])('%s', (_what, template, message) => {
    expect(() => read(template)).toThrow(InputError);
    expect(() => read(template)).toThrow(message);
  });

  test('names the way of the caller to give a parameter', () => {
    const options = { parameterRemedy: (name: string) => `parameters.${name}` };
    expect(() => read(minimum({ Ref: 'Least' }, { Parameters }), options)).toThrow('or a value with parameters.Least');
  });
});

describe('a target that only the deployment decides is left out with the reason', () => {
  test.each<[string, TemplateDocument, string]>([
    [
      'one under an undecided condition',
      optional('Target'),
      'Target may not exist: condition IsDev is undecided: parameter Stage has no default; give it one, or a value with --parameter Stage=VALUE',
    ],
    [
      'one of a name under an undecided condition',
      named(
        { target: { ResourceId: { 'Fn::If': ['IsProd', 'endpoint/a/variant/main', 'endpoint/b/variant/main'] } } },
        byStage,
      ),
      'Target: ResourceId is unknown: condition IsProd is undecided',
    ],
    [
      'one to which a macro adds',
      named({ target: { 'Fn::Transform': { Name: 'Defaults' } } }),
      'Target: a macro adds to it at the deployment; give the template as macros leave it',
    ],
    [
      'one whose resource id is an ARN',
      named({ target: { ResourceId: { 'Fn::Sub': 'endpoint/${Endpoint}/variant/main' } } }),
      'Ref of a SageMaker resource is its ARN; use Fn::GetAtt',
    ],
  ])('%s', (_what, template, reason) => {
    const { fleets, skipped } = read(template);
    expect(fleets).toEqual([]);
    expect(skipped).toEqual([expect.stringContaining(reason)]);
  });

  test('one that does not exist by default is neither a fleet nor left out', () => {
    const parameters = { Stage: { Type: 'String', Default: 'prod' } };
    const { document } = optional('Target');
    expect(read({ name: 'chat.json', document: { ...(document as object), Parameters: parameters } })).toEqual({
      fleets: [],
      skipped: [],
      absent: ['Target does not exist: condition IsDev is false'],
    });
  });
});

describe('values of parameters', () => {
  const limits = (parameters: TemplateFleetsOptions['parameters']): (readonly [number, number])[] =>
    read(
      named(
        { target: { MinCapacity: { 'Fn::If': ['IsProd', { Ref: 'Least' }, 1] } } },
        {
          Parameters: {
            Stage: { Type: 'String', AllowedValues: ['dev', 'prod'] },
            Least: { Type: 'Number', Default: 2 },
          },
          Conditions,
        },
      ),
      { parameters: parameters! },
    ).fleets.map(({ plan }) => [plan.minCapacity, plan.maxCapacity]);

  test('decide conditions and numbers in place of defaults', () => {
    expect(limits({ Stage: 'dev' })).toEqual([[1, 8]]);
    expect(limits({ Stage: 'prod' })).toEqual([[2, 8]]);
    expect(limits({ Stage: 'prod', Least: '3' })).toEqual([[3, 8]]);
  });

  test('stand for a parameter of the Parameter Store', () => {
    const parameters = { P: { Type: 'AWS::SSM::Parameter::Value<String>', Default: '/least' } };
    const { fleets } = read(minimum({ Ref: 'P' }, { Parameters: parameters }), { parameters: { P: '4' } });
    expect(fleets[0]!.plan.minCapacity).toBe(4);
  });

  test.each([
    [{ Stege: 'dev' }, 'no template has a parameter Stege; they have Stage, Least'],
    [{ Stage: 'live' }, "chat.json: parameter Stage does not allow 'live'; it allows dev, prod"],
  ])('are refused where no template takes them: %j', (parameters, message) => {
    expect(() => limits(parameters)).toThrow(message);
  });
});
