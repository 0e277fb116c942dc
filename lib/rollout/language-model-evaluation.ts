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
   * @default - that of DJL's LMI images: `/usr/local/bin/dockerd-entrypoint.sh serve`
   */
  readonly serverCommand?: string[];

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
