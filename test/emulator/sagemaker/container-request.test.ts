import { readContainerRequest } from '../../../lib/emulator/sagemaker/invocations/container-request';

const served = { queueSeconds: 0, serviceSeconds: 1, instance: 'i-1-1' };
const respond = (body: unknown): { [member: string]: unknown } =>
  JSON.parse(readContainerRequest(JSON.stringify(body)).respond(served)) as { [member: string]: unknown };

describe('a request to a local container', () => {
  test('of a chat is answered in the form of OpenAI, with as many tokens as it allows', () => {
    const body = { model: 'm', messages: [{ role: 'user', content: 'tell a story' }], max_tokens: 5 };
    expect(readContainerRequest(JSON.stringify(body))).toMatchObject({ generatedTokens: 5, answeredBy: 'simulated' });
    expect(respond(body)).toMatchObject({
      object: 'chat.completion',
      model: 'm',
      choices: [{ index: 0, message: { role: 'assistant', content: 'tell a story tell a' }, finish_reason: 'length' }],
      usage: { completion_tokens: 5 },
    });
  });

  test.each([
    [{ messages: [{ role: 'user', content: 'hello' }] }, 128],
    [{ messages: [{ role: 'user', content: 'hello' }], max_tokens: 9, max_completion_tokens: 7 }, 7],
    [{ messages: [{ role: 'user', content: [{ type: 'text', text: 'hello' }, { type: 'image_url' }] }] }, 128],
    [{ prompt: 'hello', max_tokens: 3 }, 3],
  ])('%j generates %i tokens', (body, tokens) => {
    expect(readContainerRequest(JSON.stringify(body)).generatedTokens).toBe(tokens);
  });

  test('takes longer contexts for more tokens', () => {
    const contextOf = (content: string) =>
      readContainerRequest(JSON.stringify({ messages: [{ role: 'user', content }] })).contextTokens;
    expect(contextOf('x'.repeat(4000)) - contextOf('')).toBe(1000);
  });

  test('of a chat in parts is a stream of events that together are the whole text', () => {
    const body = JSON.stringify({ messages: [{ role: 'user', content: 'a b c' }], max_tokens: 5, stream: true });
    const request = readContainerRequest(body);
    const events = [request.part(0, 2), request.part(2, 3), request.lastPart('')]
      .join('')
      .trimEnd()
      .split('\n\n')
      .map((event) => event.slice('data: '.length));
    expect(events.pop()).toBe('[DONE]');
    const chunks = events.map(
      (event) => JSON.parse(event) as { choices: [{ delta: { content: string }; finish_reason: string | null }] },
    );
    expect(chunks.map(({ choices }) => choices[0].delta.content).join('')).toBe('a b c a b');
    expect(chunks.map(({ choices }) => choices[0].finish_reason)).toEqual([null, null, 'length']);
    expect(request.streamType).toBe('text/event-stream');
  });

  test('with tensors is answered by the network of the model', () => {
    const inputs = [{ name: 'features', datatype: 'FP32', shape: [1, 1], data: [1] }];
    expect(readContainerRequest(JSON.stringify({ inputs }))).toMatchObject({ answeredBy: 'model', generatedTokens: 0 });
  });

  test.each([
    ['no JSON at all', 'the local containers take a chat or completion request'],
    ['[]', 'the local containers take a chat or completion request'],
    ['{"question":"?"}', 'this body is none of them: {"question":"?"}'],
    ['{"messages":[]}', 'messages must have at least one message'],
    ['{"messages":["hello"]}', 'messages must have at least one message'],
    ['{"prompt":"x","max_tokens":0}', 'max_tokens (0) must be a whole number from 1 to 1,000,000'],
    ['{"prompt":"x","max_tokens":1e9}', 'max_tokens (1000000000) must be'],
    ['{"prompt":"x","max_tokens":"7"}', 'max_tokens ("7") must be'],
    ['{"id":"r","key":"k","context_tokens":-1,"generated_tokens":1}', 'context_tokens'],
  ])('%s is refused with what is taken', (body, message) => {
    expect(() => readContainerRequest(body)).toThrow(message);
  });
});
