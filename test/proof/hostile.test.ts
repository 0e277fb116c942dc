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
} from './templates';

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
