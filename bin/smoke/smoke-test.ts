import { InputError } from '../../lib/core/errors';
import { linkedController } from '../../lib/emulator/repeat';
import type { CheckRow } from '../../lib/preflight/decide/check-account';
import { exitCodeOf, rowsText } from '../output/preflight-formats';
import { LIMIT_MINUTES, type CostBound } from './cost';

/** Facts that are known before anything is deployed. */
export interface SmokePlan {
  readonly accountId: string;
  /** ARN of the caller. */
  readonly caller: string;
  readonly region: string;
  readonly stackName: string;
  readonly cost: CostBound;
  /** Rows of the preflight. */
  readonly rows: readonly CheckRow[];
  /** Reasons why the stack must not be deployed and deleted here, with their ways out. */
  readonly refusals: readonly string[];
}

/** One check of what is deployed; `run` returns the observation, or throws the failure. */
export interface SmokeCheck {
  readonly title: string;
  readonly run: (signal: AbortSignal) => Promise<string>;
}

/** Thing that stays in the account, with the command that deletes it. */
export interface Leftover {
  readonly thing: string;
  readonly command: string;
  /** True if it costs by the hour. */
  readonly isBilled: boolean;
}

/** Dollars of a smoke test. */
export interface SmokeSpend {
  /** As the deployed guard metered them; null where it could not be read. */
  readonly guardUsd: number | null;
  /** Number of instances in time, at their price. */
  readonly instancesUsd: number;
}

/** Account that a smoke test deploys to. */
export interface SmokeTarget {
  /** Reads what is known before anything is deployed; changes nothing. */
  plan(signal: AbortSignal): Promise<SmokePlan>;
  deploy(signal: AbortSignal): Promise<void>;
  readonly checks: readonly SmokeCheck[];
  /** Reads the guard's meter, which goes with the stack. */
  readGuardMeter(): Promise<void>;
  /** Deletes everything that was deployed, and returns what stays. */
  destroy(): Promise<readonly Leftover[]>;
  spent(): SmokeSpend;
}

/** Process around a smoke test. */
export interface SmokeSurroundings {
  readonly write: (text: string) => void;
  /** Asks a person; undefined without a terminal. */
  readonly ask: ((question: string) => Promise<string>) | undefined;
  /** Aborted by Ctrl-C: what was deployed is deleted. */
  readonly signal: AbortSignal;
  /** Rejects once the time of the checks is over, or the signal is aborted. */
  readonly timeLimit: (minutes: number, signal: AbortSignal) => Promise<void>;
}

/**
 * Deploys a stage to an account, checks it, and deletes it again, also after a failure.
 *
 * Returns 0 if every check passed and everything is deleted, 1 if not. What is refused before anything is deployed, a missing confirmation
 * among it, is thrown as an InputError (exit code 2).
 */
export async function runSmokeTest(
  target: SmokeTarget,
  confirmedAccountId: string | undefined,
  surroundings: SmokeSurroundings,
): Promise<0 | 1> {
  const { write, signal } = surroundings;
  const plan = await target.plan(signal);
  write(`${rowsText(plan)}\n`);
  if (plan.refusals.length > 0) throw new InputError(plan.refusals.join('\n'));
  if (exitCodeOf(plan.rows) === 1) {
    write('The preflight fails; nothing was deployed.\n');
    return 1;
  }
  await confirm(plan, confirmedAccountId, surroundings);

  const failures: string[] = [];
  const failed = (title: string, error: unknown): void => {
    const reason = error instanceof Error ? error.message : String(error);
    failures.push(`${title}: ${reason}`);
    write(`FAILED  ${title}: ${reason}\n`);
  };
  write(
    `\nIf this process is killed, the stack stays and costs: delete it with\n  ${deletionCommand(plan)}\n\n` +
      `${plan.stackName}: deploying, about ten minutes …\n`,
  );
  const ending = linkedController(signal);
  const limit = surroundings.timeLimit(LIMIT_MINUTES, ending.signal).then(
    () => ending.abort(new Error(`the ${LIMIT_MINUTES} minutes of a smoke test are over`)),
    () => undefined,
  );
  try {
    if (await attempt('deployment', () => target.deploy(ending.signal))) {
      write('ok      deployment\n');
      for (const { title, run } of target.checks) {
        if (ending.signal.aborted) break;
        await attempt(title, async () => write(`ok      ${title}: ${await run(ending.signal)}\n`));
      }
    }
    if (signal.aborted) failures.push('interrupted');
  } finally {
    ending.abort(new Error('the checks have ended'));
    await limit;
    await tearDown();
  }
  const { guardUsd, instancesUsd } = target.spent();
  write(
    `\nspent   ${instancesUsd.toFixed(2)} USD for instances by their number in time` +
      `${guardUsd === null ? '' : `, ${guardUsd.toFixed(2)} USD by the guard's meter until it was deleted`}` +
      '; the stream and the rest cost cents\n',
  );
  write(
    failures.length === 0 ? '\nEvery check passed.\n' : `\n${failures.length} failed:\n  ${failures.join('\n  ')}\n`,
  );
  return failures.length === 0 ? 0 : 1;

  /** Runs one step; a failure is noted, and the next steps follow. */
  async function attempt(title: string, step: () => Promise<void>): Promise<boolean> {
    try {
      await step();
      return true;
    } catch (error) {
      failed(title, ending.signal.aborted ? ending.signal.reason : error);
      return false;
    }
  }

  async function tearDown(): Promise<void> {
    write(`${plan.stackName}: deleting …\n`);
    await target.readGuardMeter().catch((error: unknown) => failed('meter of the guard', error));
    try {
      const left = await target.destroy();
      const billed = left.filter(({ isBilled }) => isBilled);
      if (billed.length > 0)
        failed('teardown', new Error(`${billed.map(({ thing }) => thing).join(', ')} stays and costs`));
      else write('ok      teardown\n');
      for (const { thing, command } of left) write(`stays   ${thing}\n          ${command}\n`);
    } catch (error) {
      failed('teardown', error);
      write(`stays   ${plan.stackName}, which costs until it is deleted\n          ${deletionCommand(plan)}\n`);
    }
  }
}

/** Command of the AWS CLI that deletes the stack. */
function deletionCommand({ stackName, region }: SmokePlan): string {
  return `aws cloudformation delete-stack --stack-name ${stackName} --region ${region}`;
}

/** Asks for the account's id, so that a wrong account is never charged. */
async function confirm(
  { accountId, caller, region, stackName, cost }: SmokePlan,
  confirmedAccountId: string | undefined,
  { ask, write }: SmokeSurroundings,
): Promise<void> {
  write(
    `This deploys ${stackName} to a real account, drives traffic through it, and deletes it.\n` +
      `  account  ${accountId} (${caller})\n` +
      `  region   ${region}\n` +
      `  cost     ${cost.minimumUsdPerHour.toFixed(2)} USD an hour at the minimum, ${cost.maximumUsdPerHour.toFixed(2)} at the maximum\n` +
      `           about ${cost.expectedUsd.toFixed(2)} USD in all, at most ${cost.boundUsd.toFixed(2)}\n`,
  );
  if (confirmedAccountId !== undefined) {
    if (confirmedAccountId === accountId) return;
    throw new InputError(
      `--yes is '${confirmedAccountId}', and the credentials are of account ${accountId}; nothing was deployed. ` +
        'Give the id of this account, or choose another with AWS_PROFILE',
    );
  }
  if (ask === undefined) {
    throw new InputError(
      `nothing was deployed, because the question needs a terminal; to agree, run npm run smoke:aws -- --yes ${accountId}`,
    );
  }
  const typed = (await ask('Type the id of the account to go on: ')).trim();
  if (typed === accountId) return;
  throw new InputError(`'${typed}' is not ${accountId}; nothing was deployed`);
}
