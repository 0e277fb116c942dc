import { MAPPING_RULES } from '../../../lib/proof/rules/mappings';
import { prove } from '../../../lib/proof/prove';
import { testRules } from '../support/rule-cases';
import { endpointName, type Properties, realTime, resource, type Resources } from '../support/templates';

const queue = (settings: Properties, properties: Properties = {}): Resources => ({
  ...realTime(),
  Queue: resource('AWS::SQS::Queue', properties),
  Scorer: resource('AWS::Lambda::Function', { Environment: { Variables: { ENDPOINT: endpointName } } }),
  Map: resource('AWS::Lambda::EventSourceMapping', {
    EventSourceArn: { 'Fn::GetAtt': ['Queue', 'Arn'] },
    FunctionName: { Ref: 'Scorer' },
    ...settings,
  }),
});
const stream = (settings: Properties): Resources =>
  queue({ EventSourceArn: 'arn:aws:kinesis:us-east-1:111122223333:stream/s', ...settings });
const sam = (settings: Properties): Resources => ({
  ...realTime(),
  Queue: resource('AWS::SQS::Queue', {}),
  Scorer: resource('AWS::Serverless::Function', {
    Environment: { Variables: { ENDPOINT: endpointName } },
    Events: { In: { Type: 'SQS', Properties: { Queue: { 'Fn::GetAtt': ['Queue', 'Arn'] }, ...settings } } },
  }),
});
const filtered = (Pattern: unknown): Resources => queue({ FilterCriteria: { Filters: [{ Pattern }] } });
const matching = (pattern: unknown): Resources => filtered(JSON.stringify(pattern));
const other = { Scorer: resource('AWS::Lambda::Function', { Environment: { Variables: { TABLE: 't' } } }) };

testRules(MAPPING_RULES, {
  'mapping-invalid': [
    [queue({ BatchSize: 100 }), queue({ BatchSize: 10 })],
    [queue({ BatchSize: 11 }), queue({ BatchSize: 11, MaximumBatchingWindowInSeconds: 1 })],
    [
      queue({ BatchSize: '50', MaximumBatchingWindowInSeconds: 0 }),
      queue({ BatchSize: 50, MaximumBatchingWindowInSeconds: { Ref: 'Window' } }),
    ],
    [queue({ BatchSize: 100 }), stream({ BatchSize: 100 })],
    [
      queue({ BatchSize: 20, MaximumBatchingWindowInSeconds: 5 }, { FifoQueue: true }),
      queue({ BatchSize: 20, MaximumBatchingWindowInSeconds: 5 }, { FifoQueue: false }),
    ],
    [sam({ BatchSize: 100 }), sam({ BatchSize: 100, MaximumBatchingWindowInSeconds: 2 })],
    // A function that has nothing to do with an endpoint.
    [queue({ BatchSize: 100 }), { ...queue({ BatchSize: 100 }), ...other }],
    [filtered("{body: {kind: ['chat']}}"), filtered('{"body":{"kind":["chat"]}}')],
    [filtered('["chat"]'), filtered('{}')],
    [matching({ body: { kind: 'chat' } }), matching({ body: { kind: [{ prefix: 'ch' }, null, 3] } })],
    [matching({ body: { kind: [] } }), matching({ body: { kind: [{ exists: false }] } })],
    [matching({ body: { kind: [['chat']] } }), matching({ $or: [{ body: { a: [1] } }, { body: { b: [2] } }] })],
    [matching({ body: { size: 5 } }), matching({ body: { size: [{ numeric: ['>', 5, '<', 9] }] } })],
    [filtered('not JSON'), filtered({ Ref: 'Pattern' })],
    [sam({ FilterCriteria: { Filters: [{ Pattern: '"x"' }] } }), sam({ FilterCriteria: { Filters: [] } })],
  ],
});

test('the field and its value are named', () => {
  const document = { Resources: matching({ body: { kind: 'chat' } }) };
  const [finding] = prove([{ name: 't.json', document }]).filter(({ rule }) => rule === 'mapping-invalid');
  expect(finding).toMatchObject({ severity: 'error', property: 'FilterCriteria.Filters.0.Pattern' });
  expect(finding!.message).toContain(`'body.kind' has the value "chat"`);
});
