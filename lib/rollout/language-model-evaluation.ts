import type { Duration, Size } from 'aws-cdk-lib';

/** Way in which the answer of a language model is compared with the expected ones. */
export enum AnswerMatch {
  /** It is one of them, without the spaces around it. */
  EXACT = 'exact',
  /** It is one of them in lower case, without articles and punctuation. */
  NORMALIZED = 'normalized',
  /** It contains one of them, both in lower case, without articles and punctuation. */
  CONTAINS = 'contains',
}

/** Schema of requests with a prompt that is no chat. */
export enum PromptSchema {
  /** That of DJL's LMI containers: `inputs` and `parameters`. */
  LMI = 'lmi',
  /** The completions of OpenAI: `prompt` and `max_tokens`, as vLLM takes them. */
  OPENAI = 'openai',
}

/** Evaluation of language models: the server of the endpoint answers a frozen set of prompts. */
export interface LanguageModelEvaluation {
  /**
   * Way in which answers are compared, for prompts without `match` and `choices`.
   *
   * @default AnswerMatch.NORMALIZED
   */
  readonly match?: AnswerMatch;

  /**
   * Maximum number of generated tokens, for prompts without `maxTokens`.
   *
   * @default 256
   */
  readonly maxTokens?: number;

  /**
   * Numbers of concurrent requests with which the throughput is measured.
   *
   * @default - 1, 2, 4, 8, 16 and 32
   */
  readonly concurrencies?: number[];

  /**
   * Command that starts the server in its image.
   *
   * @default - that of the images of `ModelServer.lmi` and `ModelServer.vllm`; required for others
   */
  readonly serverCommand?: string[];

  /**
   * Schema of requests with a `prompt`. Those with `messages` are chats in any case.
   *
   * @default - that of the image: `LMI` for `ModelServer.lmi`, `OPENAI` for others
   */
  readonly promptSchema?: PromptSchema;

  /**
   * Time in which the server has to be ready.
   *
   * @default Duration.minutes(20)
   */
  readonly startupTimeout?: Duration;

  /**
   * Time-out of a request.
   *
   * @default - 60 seconds, that of SageMaker's real-time endpoints
   */
  readonly requestTimeout?: Duration;

  /**
   * Time of one measurement of the throughput.
   *
   * @default Duration.seconds(20)
   */
  readonly loadDuration?: Duration;

  /**
   * Disk of the job, for both models. Types with NVMe disks have their own.
   *
   * @default Size.gibibytes(500)
   */
  readonly volumeSize?: Size;
}
