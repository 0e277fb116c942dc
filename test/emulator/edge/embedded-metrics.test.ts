import { embeddedMetrics } from '../../../lib/emulator/edge/embedded-metrics';

const header = {
  Timestamp: 1_764_547_200_000,
  CloudWatchMetrics: [
    {
      Namespace: 'N',
      Dimensions: [['Fleet'], ['Fleet', 'Device']],
      Metrics: [{ Name: 'A', Unit: 'Count' }, { Name: 'B' }],
    },
  ],
};

test('a document has a value for each metric and set of dimensions', () => {
  const found = embeddedMetrics(JSON.stringify({ _aws: header, Fleet: 'f', Device: 'd', A: 3, B: 0.5, C: 1 }));
  expect(found.map(({ name, dimensions, value, unit }) => [name, dimensions, value, unit])).toEqual([
    ['A', { Fleet: 'f' }, 3, 'Count'],
    ['B', { Fleet: 'f' }, 0.5, 'None'],
    ['A', { Fleet: 'f', Device: 'd' }, 3, 'Count'],
    ['B', { Fleet: 'f', Device: 'd' }, 0.5, 'None'],
  ]);
  expect(found[0]).toMatchObject({ namespace: 'N', timestamp: 1_764_547_200_000 });
});

test.each([
  ['text', 'hello'],
  ['another document', '{"a":1}'],
  ['a metric without its value', JSON.stringify({ _aws: header, Fleet: 'f', Device: 'd' })],
])('%s has none', (_, text) => {
  expect(embeddedMetrics(text)).toEqual([]);
});
