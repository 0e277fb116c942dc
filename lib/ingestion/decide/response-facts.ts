import { isObject, type Json } from '../../core/parse';

/** Facts that a response tells about itself; undefined where it does not. */
export interface ResponseFacts {
  readonly model?: string;
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  /** Time of the model for the request, seconds. */
  readonly serviceSeconds?: number;
  /** Time of the request in the queue of the instance, seconds. */
  readonly queueSeconds?: number;
}

/**
 * Reads the facts from a JSON response: the `usage` of OpenAI's and Anthropic's formats, which vLLM, SGLang, TensorRT-LLM and LMI return,
 * the `details` of Text Generation Inference, or plain fields `context_tokens`, `generated_tokens`, `service_seconds`, `queue_seconds`.
 * A number that is no count, or no time, is left out. The request is read for `context_tokens` only.
 */
export function responseFacts(response: unknown, request: unknown): ResponseFacts {
  const body = objectOf(Array.isArray(response) && response.length === 1 ? response[0] : response);
  const usage = objectOf(body.usage);
  const details = objectOf(body.details);
  return {
    model: typeof body.model === 'string' && body.model !== '' ? body.model : undefined,
    inputTokens:
      count(usage.prompt_tokens) ??
      count(usage.input_tokens) ??
      count(body.context_tokens) ??
      count(objectOf(request).context_tokens),
    outputTokens:
      count(usage.completion_tokens) ??
      count(usage.output_tokens) ??
      count(details.generated_tokens) ??
      count(body.generated_tokens),
    serviceSeconds: seconds(body.service_seconds),
    queueSeconds: seconds(body.queue_seconds),
  };
}

function objectOf(value: unknown): Json {
  return isObject(value) ? value : {};
}

function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function seconds(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
}
