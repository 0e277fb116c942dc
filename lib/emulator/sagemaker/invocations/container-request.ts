import { createHash } from 'node:crypto';
import { InputError } from '../../../core/errors';
import { isObject, type Json } from '../../../core/parse';
import { formatInferenceResponse, type InferenceRequest, parseInferenceRequest } from '../../../ingestion/contract';
import type { TokenCounts } from '../../../simulation/traffic/service-profile';
import type { Prediction } from '../../model-server/model-server-process';

/** Facts about a request that an instance has served, seconds on the local clock. */
export interface ServedRequest {
  readonly queueSeconds: number;
  readonly serviceSeconds: number;
  readonly instance: string;
  /** Answer of a real model server. */
  readonly predicted?: Prediction;
}

/** A request as a container understands it: the tokens set the time for which it keeps a slot. */
export interface ContainerRequest extends TokenCounts {
  /** Source of the response: the container's own network (`model`), or one that stands for it (`simulated`). */
  readonly answeredBy: 'model' | 'simulated';
  /** Content type of a response in parts. */
  readonly streamType: string;
  /** Returns the whole response, JSON. */
  respond(served: ServedRequest): string;
  /** Returns one part of a response in parts: some tokens after those sent before. */
  part(sentTokens: number, tokens: number): string;
  /** Returns the last part, for the whole response. */
  lastPart(response: string): string;
}

/** Tokens generated for a chat or completion that sets no maximum; an assumption. */
const DEFAULT_GENERATED_TOKENS = 128;
/** Characters of a token of English text; a rule of thumb. */
const CHARACTERS_PER_TOKEN = 4;

const FORMS =
  'a chat or completion request ({"messages": […]} or {"prompt": "…"}), tensors ({"inputs": […]}), ' +
  'or the traffic of this command ({"id", "key", "context_tokens", "generated_tokens"})';

/**
 * Reads the body of a request.
 *
 * @throws InputError naming the forms that local containers take
 */
export function readContainerRequest(text: string): ContainerRequest {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = undefined;
  }
  if (isObject(body)) {
    if (Array.isArray(body['inputs'])) return tensorRequest();
    if (Array.isArray(body['messages'])) return chatRequest(body, lastMessage(body['messages']), 'chat');
    if (typeof body['prompt'] === 'string') return chatRequest(body, body['prompt'], 'completion');
    // The traffic of the local run has problems of its own to name.
    if ('context_tokens' in body || 'id' in body) return tokenRequest(parseInferenceRequest(text));
  }
  throw new InputError(`the local containers take ${FORMS}; this body is none of them: ${text.slice(0, 80)}`);
}

/** A request of the local run's traffic. */
function tokenRequest(request: InferenceRequest): ContainerRequest {
  const { id, contextTokens, generatedTokens } = request;
  return {
    contextTokens,
    generatedTokens,
    answeredBy: 'simulated',
    streamType: 'application/jsonlines',
    respond: ({ predicted, ...served }) =>
      formatInferenceResponse(id, {
        generatedTokens,
        ...served,
        ...(predicted !== undefined &&
          ('output' in predicted ? { output: predicted.output } : { predictedSeconds: predicted.seconds })),
      }),
    part: (_, tokens) => `${JSON.stringify({ id, tokens })}\n`,
    lastPart: (response) => `${response}\n`,
  };
}

/** Tensors in the form of KServe's open inference protocol, version 2, which Triton takes. */
function tensorRequest(): ContainerRequest {
  return {
    contextTokens: 0,
    generatedTokens: 0,
    answeredBy: 'model',
    streamType: 'application/json',
    respond: () => '',
    part: () => '',
    lastPart: (response) => response,
  };
}

/** A request in OpenAI's form. The text of the response is made of the prompt's words, as no language model runs here. */
function chatRequest(body: Json, prompt: string, kind: 'chat' | 'completion'): ContainerRequest {
  const contextTokens = Math.max(
    1,
    Math.ceil(JSON.stringify(body['messages'] ?? prompt).length / CHARACTERS_PER_TOKEN),
  );
  const limit = positiveWhole(body, 'max_completion_tokens') ?? positiveWhole(body, 'max_tokens');
  const generatedTokens = limit ?? DEFAULT_GENERATED_TOKENS;
  const finish = limit === undefined ? 'stop' : 'length';
  const model = typeof body['model'] === 'string' ? body['model'] : 'local';
  const id = `${kind === 'chat' ? 'chatcmpl' : 'cmpl'}-${createHash('sha256').update(prompt).digest('hex').slice(0, 24)}`;
  const object = kind === 'chat' ? 'chat.completion' : 'text_completion';
  const words = prompt.trim() === '' ? ['…'] : prompt.trim().split(/\s+/);
  const said = (from: number, count: number): string =>
    Array.from({ length: count }, (_, index) => words[(from + index) % words.length]).join(' ');
  const usage = {
    prompt_tokens: contextTokens,
    completion_tokens: generatedTokens,
    total_tokens: contextTokens + generatedTokens,
  };
  const choice = (text: string) =>
    kind === 'chat' ? { index: 0, message: { role: 'assistant', content: text } } : { index: 0, text };
  const delta = (text: string) => (kind === 'chat' ? { index: 0, delta: { content: text } } : { index: 0, text });
  const event = (value: object): string => `data: ${JSON.stringify(value)}\n\n`;
  const chunk = { id, object: kind === 'chat' ? 'chat.completion.chunk' : object, model };
  return {
    contextTokens,
    generatedTokens,
    answeredBy: 'simulated',
    streamType: 'text/event-stream',
    respond: () =>
      JSON.stringify({
        id,
        object,
        model,
        choices: [{ ...choice(said(0, generatedTokens)), finish_reason: finish }],
        usage,
      }),
    part: (sent, tokens) =>
      event({
        ...chunk,
        choices: [{ ...delta(`${sent === 0 ? '' : ' '}${said(sent, tokens)}`), finish_reason: null }],
      }),
    lastPart: () => `${event({ ...chunk, choices: [{ ...delta(''), finish_reason: finish }], usage })}data: [DONE]\n\n`,
  };
}

/**
 * Text of the last message; the parts of a message that are not text count nothing.
 *
 * @throws InputError when there is no message
 */
function lastMessage(messages: readonly unknown[]): string {
  const last = messages.at(-1);
  if (!isObject(last)) throw new InputError('messages must have at least one message, an object with role and content');
  const content = last['content'];
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((part) => (isObject(part) && typeof part['text'] === 'string' ? part['text'] : '')).join(' ');
}

/**
 * Returns a member that is a whole number of at least 1; undefined where it is absent or null.
 *
 * @throws InputError naming it
 */
function positiveWhole(body: Json, name: string): number | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 1_000_000) return value;
  throw new InputError(
    `${name} (${String(JSON.stringify(value)).slice(0, 40)}) must be a whole number from 1 to 1,000,000`,
  );
}
