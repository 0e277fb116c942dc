import { responseFacts } from '../../lib/ingestion/decide/response-facts';

describe('the facts of a response', () => {
  test.each<[string, unknown, unknown, object]>([
    [
      "OpenAI's format",
      { model: 'llama', usage: { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 } },
      {},
      { model: 'llama', inputTokens: 9, outputTokens: 3 },
    ],
    ["Anthropic's format", { usage: { input_tokens: 9, output_tokens: 3 } }, {}, { inputTokens: 9, outputTokens: 3 }],
    ['Text Generation Inference', [{ details: { generated_tokens: 3 } }], {}, { outputTokens: 3 }],
    [
      'plain fields',
      { generated_tokens: 3, service_seconds: 1.5, queue_seconds: 0.25 },
      { context_tokens: 8 },
      { inputTokens: 8, outputTokens: 3, serviceSeconds: 1.5, queueSeconds: 0.25 },
    ],
    ['numbers that are none', { generated_tokens: 12.5, service_seconds: -1, model: 7 }, { context_tokens: 'x' }, {}],
    ['another format', 'text', undefined, {}],
    ['a list of several', [{ generated_tokens: 1 }, { generated_tokens: 2 }], [], {}],
  ])('are read from %s', (_, response, request, expected) => {
    const facts = responseFacts(response, request);
    expect(Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined))).toEqual(expected);
  });
});
