import { throwProblems } from '../../core/errors';
import { SECONDS_PER_DAY } from '../../core/time';

/** Speed of a model server, from which token counts give the service time of a request. */
export interface ServiceProfile {
  /** Seconds of every request, whatever its length (network, tokenizer, scheduling). */
  readonly overheadSeconds: number;
  /** Tokens of context processed in a second. */
  readonly prefillTokensPerSecond: number;
  /** Tokens generated in a second, for one request in one slot. */
  readonly decodeTokensPerSecond: number;
}

/**
 * Mid-sized language model on one 24 GB GPU: 0.05 s overhead, 8000 tokens/s prefill, 50 tokens/s decode. Round figures to start with;
 * measure your own model.
 */
export const DEFAULT_SERVICE_PROFILE: ServiceProfile = {
  overheadSeconds: 0.05,
  prefillTokensPerSecond: 8000,
  decodeTokensPerSecond: 50,
};

const MIN_TOKENS_PER_SECOND = 0.001;
const MAX_TOKENS_PER_SECOND = 1e9;

/** Token counts of a request, which determine its service time. */
export interface TokenCounts {
  readonly contextTokens: number;
  readonly generatedTokens: number;
}

/** Returns the seconds of service: overhead + context / prefill speed + generated / decode speed. */
export function serviceSeconds(profile: ServiceProfile, request: TokenCounts): number {
  return (
    profile.overheadSeconds +
    request.contextTokens / profile.prefillTokensPerSecond +
    request.generatedTokens / profile.decodeTokensPerSecond
  );
}

/**
 * Checks that a profile gives service times that a rehearsal can play.
 *
 * @throws InputError naming every invalid field.
 */
export function checkServiceProfile(profile: ServiceProfile): void {
  const problems: string[] = [];
  if (!(profile.overheadSeconds >= 0 && profile.overheadSeconds <= SECONDS_PER_DAY)) {
    problems.push(`overheadSeconds (${profile.overheadSeconds}) must be a number from 0 to ${SECONDS_PER_DAY}`);
  }
  for (const name of ['prefillTokensPerSecond', 'decodeTokensPerSecond'] as const) {
    const value = profile[name];
    if (!(value >= MIN_TOKENS_PER_SECOND && value <= MAX_TOKENS_PER_SECOND)) {
      problems.push(`${name} (${value}) must be a number from ${MIN_TOKENS_PER_SECOND} to ${MAX_TOKENS_PER_SECOND}`);
    }
  }
  throwProblems('service profile', problems);
}
