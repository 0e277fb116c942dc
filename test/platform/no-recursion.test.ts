import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { PlatformStack } from '../../lib/platform';
import { STAGE_NAMES, stageConfiguration } from '../../lib/platform/stages';

interface Statement {
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
}

interface Resource {
  readonly Type: string;
  readonly Properties?: { readonly [name: string]: unknown };
}

/** Logical ids that a value of a template refers to. */
function referredIds(value: unknown): string[] {
  const text = JSON.stringify(value ?? null);
  return [...text.matchAll(/"(?:Ref|Fn::GetAtt)":(?:"([^"]+)"|\["([^"]+)")/g)].map(([, ref, got]) => ref ?? got!);
}

function resourcesOf(stage: string): [string, Resource][] {
  const stack = new PlatformStack(new App(), `Tidegate-${stage}`, { stage: stageConfiguration(stage) });
  return Object.entries((Template.fromStack(stack).toJSON() as { Resources: { [id: string]: Resource } }).Resources);
}

/** Functions that a mapping or a permission lets something invoke; the others run when a person calls them. */
function triggeredFunctions(resources: readonly [string, Resource][]): [string, Resource][] {
  const triggered = new Set(
    resources.flatMap(([, { Type, Properties }]) =>
      Type === 'AWS::Lambda::EventSourceMapping' || Type === 'AWS::Lambda::Permission'
        ? referredIds(Properties!['FunctionName'])
        : [],
    ),
  );
  return resources.filter(([id, { Type }]) => Type === 'AWS::Lambda::Function' && triggered.has(id));
}

/** Statements of the roles that functions run under. */
function handlerStatements(
  resources: readonly [string, Resource][],
  functions: readonly [string, Resource][] = resources.filter(([, { Type }]) => Type === 'AWS::Lambda::Function'),
): Statement[] {
  const roles = new Set(functions.flatMap(([, { Properties }]) => referredIds(Properties!['Role'])));
  return resources
    .filter(([, { Type, Properties }]) => {
      return Type === 'AWS::IAM::Policy' && referredIds(Properties!['Roles']).some((role) => roles.has(role));
    })
    .flatMap(([, { Properties }]) => (Properties!['PolicyDocument'] as { Statement: Statement[] }).Statement);
}

/** Resources that invoke a function: sources of mappings, and those with permission to invoke. */
function triggers(resources: readonly [string, Resource][]): string[] {
  return resources.flatMap(([, { Type, Properties }]) => {
    if (Type === 'AWS::Lambda::EventSourceMapping') return referredIds(Properties!['EventSourceArn']);
    return Type === 'AWS::Lambda::Permission' ? referredIds(Properties!['SourceArn']) : [];
  });
}

const WRITES = /^(kinesis:Put|sns:Publish|sqs:SendMessage|s3:PutObject|dynamodb:(Put|Update|Delete)|events:Put)/;
const INVOKES = /^(lambda:Invoke|events:PutEvents|states:Start|\*|(lambda|events|states):\*)/;

describe.each(STAGE_NAMES)('the functions of %s', (stage) => {
  const resources = resourcesOf(stage);
  const withActions = ({ Action, Resource }: Statement) => ({ actions: [Action].flat(), Resource });
  const statements = handlerStatements(resources).map(withActions);

  test('are invoked by schedules, by AWS and by the stream of requests alone', () => {
    const invoking = triggers(resources).map((id) => resources.find(([name]) => name === id)![1]);
    expect(invoking.length).toBeGreaterThan(3);
    for (const { Type, Properties } of invoking) {
      const pattern = Properties!['EventPattern'] as { readonly source?: readonly string[] } | undefined;
      expect(['AWS::Kinesis::Stream', 'AWS::Events::Rule']).toContain(Type);
      expect(pattern?.source?.filter((source) => !source.startsWith('aws.')) ?? []).toEqual([]);
    }
  });

  test('write to nothing that invokes a function, and invoke none', () => {
    const invoking = new Set(triggers(resources));
    const triggered = triggeredFunctions(resources);
    expect(triggered.length).toBeGreaterThan(3);
    const written = handlerStatements(resources, triggered)
      .map(withActions)
      .filter(({ actions }) => actions.some((action) => WRITES.test(action)))
      .flatMap(({ Resource }) => referredIds(Resource));
    expect(written.length).toBeGreaterThan(3);
    expect(written.filter((id) => invoking.has(id))).toEqual([]);
    expect(statements.flatMap(({ actions }) => actions).filter((action) => INVOKES.test(action))).toEqual([]);
  });
});
