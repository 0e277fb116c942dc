import { KafkaJSProtocolError } from 'kafkajs';
import { committedOffsets } from '../../../lib/emulator/kafka/group-offsets';

describe('the committed offsets of a consumer group', () => {
  const admin = (...answers: (Error | readonly { partition: number; offset: string }[])[]) => ({
    fetchOffsets: jest.fn(() => {
      const answer = answers.shift();
      if (answer === undefined) throw new Error('the offsets are read once too often');
      if (answer instanceof Error) throw answer;
      return Promise.resolve([{ topic: 'requests', partitions: answer.map((one) => ({ ...one, metadata: null })) }]);
    }),
  });
  const protocolError = (type: string, retriable: boolean): Error =>
    new KafkaJSProtocolError({ name: 'KafkaJSProtocolError', message: type, type, code: 0, retriable } as never);

  test('are read again while the coordinator of the group loads', async () => {
    const loading = protocolError('GROUP_LOAD_IN_PROGRESS', true);
    const client = admin(loading, loading, [
      { partition: 0, offset: '12' },
      { partition: 1, offset: '-1' },
    ]);
    expect(await committedOffsets(client as never, 'group', 'requests')).toEqual(
      new Map([
        [0, 12],
        [1, -1],
      ]),
    );
    expect(client.fetchOffsets.mock.calls).toEqual(Array(3).fill([{ groupId: 'group', topics: ['requests'] }]));
  });

  test('are not read again after an error that stays', async () => {
    const client = admin(protocolError('GROUP_AUTHORIZATION_FAILED', false), []);
    await expect(committedOffsets(client as never, 'group', 'requests')).rejects.toThrow('GROUP_AUTHORIZATION_FAILED');
    expect(client.fetchOffsets).toHaveBeenCalledTimes(1);
  });
});
