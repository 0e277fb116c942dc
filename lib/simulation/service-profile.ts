import { throwProblems } from '../core/errors';

/** How long one request keeps a concurrency slot of an instance, from its token counts. */
export interface ServiceProfile {
  /** Seconds that every request costs, whatever its length (network, tokeniser, scheduling). */
  readonly overheadSeconds: number;
  /** Tokens of context read in a second. */
  readonly prefillTokensPerSecond: number;
  /** Tokens written in a second, for one request in one slot. */
  readonly decodeTokensPerSecond: number;
}

/**
 * A mid-sized language model on one 24 GB GPU: 0.05 s overhead, 8000 tokens/s prefill, 50 tokens/s decode.
 * A round figure to start with; measure your own model and pass what you measured.
 */
export const DEFAULT_SERVICE_PROFILE: ServiceProfile = {
  overheadSeconds: 0.05,
  prefillTokensPerSecond: 8000,
  decodeTokensPerSecond: 50,
};

/** The two numbers of a request that set its service time. */
export interface TokenCounts {
  readonly contextTokens: number;
  readonly generatedTokens: number;
}

/** Seconds of service: overhead + context / prefill speed + generated / decode speed. */
export function serviceSeconds(profile: ServiceProfile, request: TokenCounts): number {
  return (
    profile.overheadSeconds +
    request.contextTokens / profile.prefillTokensPerSecond +
    request.generatedTokens / profile.decodeTokensPerSecond
  );
}

/**
 * Refuses a profile that would give NaN, infinite or negative service times.
 *
 * @throws InputError naming every wrong field.
 */
export function checkServiceProfile(profile: ServiceProfile): void {
  const problems: string[] = [];
  if (!(Number.isFinite(profile.overheadSeconds) && profile.overheadSeconds >= 0)) {
    problems.push(`overheadSeconds (${profile.overheadSeconds}) must be a finite number of at least 0`);
  }
  for (const name of ['prefillTokensPerSecond', 'decodeTokensPerSecond'] as const) {
    const value = profile[name];
    if (!(Number.isFinite(value) && value > 0)) problems.push(`${name} (${value}) must be a finite number above 0`);
  }
  throwProblems('service profile', problems);
}
