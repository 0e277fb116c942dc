import * as path from 'node:path';
import { InputError } from '../core/errors';
import type { ModelServerName } from './model-server/model-servers';

/** What a local run is asked to do; every field of the command line, read and checked. */
export interface LocalRunOptions {
  /** The project root: where `cdk.json` and `node_modules` are. */
  readonly projectDirectory: string;
  readonly stage: string;
  /** A file of traffic to replay; null for the seeded generator. */
  readonly trace: string | null;
  /** Local seconds per real second. */
  readonly speed: number;
  readonly seed: number;
  /** What the run may spend from its first request on, US dollars; null leaves the stage's budget in force. */
  readonly budgetUsd: number | null;
  /** Drop the capacity of the first instance pool for a while around the peak. */
  readonly chaos: boolean;
  /** Leave everything up after the run, until Ctrl-C. */
  readonly keep: boolean;
  /** A real model server behind the endpoints; null for their simulated slots alone. */
  readonly server: ModelServerName | null;
  /** An engine the user already runs; null starts our own. */
  readonly endpoint: string | null;
  /** Where the report goes. */
  readonly outDirectory: string;
  /** At most so many local seconds of traffic; null for all of a trace, or the generator's default. */
  readonly durationSeconds: number | null;
  /** The live page's port on 127.0.0.1; 0 for any, null for no page. */
  readonly pagePort: number | null;
  /** A cloud assembly that is deployed instead of synthesising one; null synthesises. */
  readonly assemblyDirectory: string | null;
}

export const DEFAULT_SPEED = 30;
export const DEFAULT_SEED = 1;
export const DEFAULT_STAGE = 'local';
export const DEFAULT_OUT_DIRECTORY = path.join('.local', 'report');
export const DEFAULT_PAGE_PORT = 4580;
/** The generated traffic's length, local seconds: with the set-up a run at the default speed stays under three minutes. */
export const DEFAULT_DURATION_SECONDS = 3000;

const DECIMAL = /^\d+(\.\d+)?$/;

/** Reads a number in a range; `what` names the flag. */
function numberIn(text: string, what: string, least: number, most: number, unit = ''): number {
  const value = DECIMAL.test(text.trim()) ? Number(text) : Number.NaN;
  if (!Number.isFinite(value) || value < least || value > most) {
    throw new InputError(`${what} is '${text}'; it must be a number from ${least} to ${most}${unit}`);
  }
  return value;
}

function wholeNumberIn(text: string, what: string, least: number, most: number): number {
  const value = numberIn(text, what, least, most);
  if (!Number.isInteger(value)) throw new InputError(`${what} is '${text}'; it must be a whole number`);
  return value;
}

/** The values of flags, each throwing an {@link InputError} that names what was received and what is allowed. */
export const parseFlag = {
  speed: (text: string): number => numberIn(text, '--speed', 1, 120),
  seed: (text: string): number => wholeNumberIn(text, '--seed', 0, 2 ** 32 - 1),
  budget: (text: string): number => numberIn(text, '--budget', 0.01, 1_000_000, ' US dollars'),
  duration: (text: string): number => numberIn(text, '--duration', 60, 30 * 86_400, ' local seconds'),
  port: (text: string): number => wholeNumberIn(text, '--port', 0, 65_535),
  stage: (text: string): string => {
    if (!/^[a-z][a-z0-9-]{0,30}$/.test(text)) {
      throw new InputError(`--stage is '${text}'; a stage is a short name in lower case, such as local, dev or prod`);
    }
    return text;
  },
  endpoint: (text: string): string => {
    let url: URL;
    try {
      url = new URL(text);
    } catch {
      throw new InputError(`--endpoint is '${text}'; give a URL such as http://127.0.0.1:4566`);
    }
    if (url.protocol !== 'http:' && url.protocol !== 'https:') {
      throw new InputError(`--endpoint is '${text}'; its protocol must be http or https`);
    }
    if (/(^|\.)(amazonaws\.com(\.cn)?|api\.aws)$/i.test(url.hostname)) {
      throw new InputError(
        `--endpoint is '${text}'; a local run never talks to AWS itself. Deploy there with cdk deploy`,
      );
    }
    return `${url.protocol}//${url.host}`;
  },
} as const;

/** Combinations that make no sense together, as one sentence each. */
export function checkOptions(options: LocalRunOptions): readonly string[] {
  const problems: string[] = [];
  if (options.endpoint !== null && options.chaos) {
    problems.push('--chaos needs the capacity of our own engine; leave out --endpoint, or --chaos');
  }
  if (options.endpoint !== null && options.server !== null) {
    problems.push('--server is about our own engine; leave out --endpoint, or --server');
  }
  if (options.endpoint !== null && options.keep) {
    problems.push('--keep is about our own engine, and one given with --endpoint stays up anyway; leave out --keep');
  }
  return problems;
}
