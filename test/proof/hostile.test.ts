import * as fc from 'fast-check';
import { InputError } from '../../lib/core/errors';
import { prove } from '../../lib/proof/prove';
import {
  alarm,
  asynchronous,
  backlog,
  components,
  componentTarget,
  onEndpoint,
  policy,
  step,
  trackingOf,
  variantTarget,
} from './support/templates';

const RICH = {
  Resources: {
    ...components(),
    ...asynchronous(),
    Target: variantTarget({ ScheduledActions: [{ ScalableTargetAction: { MinCapacity: 0 } }] }),
    Copies: componentTarget(),
    Policy: trackingOf(backlog),
    Step: step(),
    Alarm: alarm('HasBacklogWithoutCapacity', onEndpoint),
    Grant: policy(['sagemaker:InvokeEndpoint'], { Ref: 'Endpoint' }),
  },
  Outputs: { Name: { Value: { Ref: 'Endpoint' }, Export: { Name: 'name' } } },
};

/** Every place of a document, as the keys that lead there. */
function places(value: unknown, path: readonly string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [[...path]];
  return [[...path], ...Object.entries(value).flatMap(([key, inner]) => places(inner, [...path, key]))];
}

function replaced(document: unknown, path: readonly string[], by: unknown): unknown {
  const copy = JSON.parse(JSON.stringify(document)) as { [key: string]: unknown };
  if (path.length === 0) return by;
  let at = copy;
  for (const key of path.slice(0, -1)) at = at[key] as { [key: string]: unknown };
  at[path.at(-1)!] = by;
  return copy;
}

const odd = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom(
    { Ref: 'Endpoint' },
    { Ref: 'Nobody' },
    { Ref: 7 },
    { 'Fn::GetAtt': 'Endpoint.EndpointName' },
    { 'Fn::GetAtt': [] },
    { 'Fn::GetAtt': [{}, {}] },
    { 'Fn::Join': ['', [{ Ref: 'Config' }, null]] },
    { 'Fn::Sub': '${Endpoint}${}${!x}${A.B.C}' },
    { 'Fn::Sub': ['${x}', null] },
    { 'Fn::If': ['C'] },
    { 'Fn::Select': ['x', { 'Fn::Split': [',', 'a,b'] }] },
    { 'Fn::FindInMap': ['M', { Ref: 'AWS::Region' }, 'x'] },
    { 'Fn::ImportValue': { Ref: 'Endpoint' } },
    { 'Fn::Transform': {} },
    { toString: 'x' },
  ),
);

test('a document of any shape is judged or refused, never a crash', () => {
  const paths = places(RICH);
  fc.assert(
    fc.property(fc.constantFrom(...paths), odd, fc.constantFrom(...paths), odd, (one, first, other, second) => {
      let document = replaced(RICH, one, first);
      try {
        document = replaced(document, other, second);
      } catch {
        // the second place went with the first
      }
      try {
        expect(Array.isArray(prove([{ name: 't.json', document }]))).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(InputError);
      }
    }),
    { numRuns: 3000 },
  );
});

test('the order of templates and resources does not matter', () => {
  const entries = Object.entries(RICH.Resources);
  const rulesOf = (document: unknown): string[] =>
    prove([{ name: 't.json', document }]).map(({ rule, logicalId, property }) => `${rule} ${logicalId} ${property}`);
  expect(rulesOf({ Resources: Object.fromEntries([...entries].reverse()) }).sort()).toEqual(rulesOf(RICH).sort());
});

describe('documents that nobody writes by hand', () => {
  const judge = (document: unknown): number => prove([{ name: 't.json', document }]).length;

  test('one that is nested without end is refused by name', () => {
    let deep: unknown = 'x';
    for (let level = 0; level < 100_000; level++) deep = [deep];
    expect(() =>
      judge({ Resources: { A: { Type: 'AWS::CloudWatch::Alarm', Properties: { Metrics: deep } } } }),
    ).toThrow('t.json: the document is nested deeper than 500 levels');
  });

  test('conditions and resources that go in circles end', () => {
    const Conditions = { A: { Condition: 'B' }, B: { 'Fn::Not': [{ Condition: 'A' }] } };
    const Resources = {
      Endpoint: {
        Type: 'AWS::SageMaker::Endpoint',
        Condition: 'A',
        DependsOn: ['Config', 7],
        Properties: { EndpointName: { 'Fn::Sub': '${Config.EndpointConfigName}' } },
      },
      Config: {
        Type: 'AWS::SageMaker::EndpointConfig',
        DependsOn: 'Endpoint',
        Properties: {
          EndpointConfigName: { 'Fn::GetAtt': ['Endpoint', 'EndpointName'] },
          ProductionVariants: { 'Fn::If': ['A', [], { Ref: 'Config' }] },
        },
      },
      Target: variantTarget(),
    };
    expect(judge({ Conditions, Resources })).toBeGreaterThanOrEqual(0);
  });

  test('a pattern of many stars is matched in no time', () => {
    const { Endpoint, ...rest } = asynchronous();
    const Resources = {
      ...rest,
      Endpoint: { ...Endpoint, Properties: { ...Endpoint!.Properties, EndpointName: 'a'.repeat(60) } },
      Grant: policy('sagemaker:InvokeEndpoint', `arn:aws:sagemaker:::endpoint/${'*a'.repeat(25)}*b`),
      Other: policy('*a'.repeat(25) + 'b', '*'),
    };
    expect(judge({ Resources })).toBe(0);
  });

  test('thousands of fleets are judged in seconds', () => {
    const Resources = Object.fromEntries(
      Array.from({ length: 1500 }, (_one, index) => [
        [`Target${index}`, variantTarget({ ResourceId: `endpoint/e${index}/variant/v` })],
        [`Policy${index}`, trackingOf(backlog)],
      ]).flat() as [string, unknown][],
    );
    // Of its own time, as other processes take theirs.
    const before = process.cpuUsage();
    judge({ Resources });
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1e6).toBeLessThan(20);
  });
});

test.each(['constructor', 'valueOf', 'hasOwnProperty', 'toString'])(
  '%s, which every object has, is a name like any other: of a dimension, a metric, a type and an attribute',
  (name) => {
    const places = [
      ['Alarm', 'Properties', 'Dimensions', '0', 'Name'],
      ['Alarm', 'Properties', 'MetricName'],
      ['Endpoint', 'Type'],
      ['Grant', 'Type'],
    ];
    for (const place of places) {
      const document = replaced(RICH, ['Resources', ...place], name);
      expect(Array.isArray(prove([{ name: 't.json', document }]))).toBe(true);
    }
  },
);
