import { Command } from 'commander';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import * as readline from 'node:readline/promises';
import { priceOverrides } from '../../lib/cost/price-file';
import { InputError } from '../../lib/core/errors';
import { LocalClock } from '../../lib/emulator/clock';
import { engineClock } from '../../lib/local/deploy/external-platform';
import { numberFlag, regionFlag, stageFlag } from '../flags';
import { AccountTarget } from './account-target';
import { runSmokeTest } from './smoke-test';

interface SmokeFlags {
  readonly yes?: string;
  readonly stage: string;
  readonly region?: string;
  readonly prices?: string;
  readonly minutes: number;
}

/** Runs the smoke test with the arguments of its command, and returns the exit code. */
export async function main(projectDirectory: string, args: readonly string[]): Promise<number> {
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
  const interrupt = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (interrupt.signal.aborted) {
        process.stderr.write('smoke:aws: still deleting what was deployed; it costs until that is done\n');
        return;
      }
      interrupt.abort(new Error(`ended by ${name}`));
    });
  }
  const flags = parseFlags(args);
  if (typeof flags === 'number') return flags;
  const workDirectory = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-smoke-'));
  try {
    return await run(flags, projectDirectory, workDirectory, interrupt.signal);
  } catch (error) {
    process.stderr.write(`smoke:aws: ${error instanceof Error ? error.message : String(error)}\n`);
    return error instanceof InputError ? 2 : 1;
  } finally {
    fs.rmSync(workDirectory, { recursive: true, force: true });
  }
}

/** Returns the flags, or the exit code of a call for help or of one that is not understood. */
function parseFlags(args: readonly string[]): SmokeFlags | number {
  const command = new Command('npm run smoke:aws --')
    .description('deploy a stage to a real account, check it, and delete it; see lib/platform/DEPLOYING.md')
    .option('--yes <account>', 'id of the account that may be charged, instead of typing it')
    .option('--stage <name>', 'stage to deploy', stageFlag, 'dev')
    .option('--region <region>', 'region (default: that of the stage, then of AWS_REGION or the profile)', regionFlag)
    .option('--prices <file>', 'price file of `tidegate prices update`')
    .option('--minutes <n>', 'length of the traffic', numberFlag('--minutes', 1, 30, 'minutes'), 5)
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  try {
    command.parse([...args], { from: 'user' });
    return command.opts<SmokeFlags>();
  } catch (error) {
    if ((error as { readonly exitCode?: number }).exitCode === 0) return 0;
    process.stderr.write(`smoke:aws: ${(error as Error).message.replace(/^error: /, '')}\n`);
    return 2;
  }
}

async function run(
  { yes, stage, region, prices, minutes }: SmokeFlags,
  projectDirectory: string,
  workDirectory: string,
  signal: AbortSignal,
): Promise<number> {
  const endpointUrl = process.env['AWS_ENDPOINT_URL'] || undefined;
  const clock = (endpointUrl && (await engineClock(endpointUrl))) || LocalClock.startingNow(1);
  const write = (text: string): void => void process.stdout.write(text);
  write(`Synthesising stage ${stage} and asking the account …\n`);
  const target = await AccountTarget.synthesize({
    projectDirectory,
    workDirectory,
    context: {
      stage,
      ...(region !== undefined && { region }),
      ...(prices !== undefined && { prices: path.resolve(prices) }),
    },
    prices: priceOverrides({}, prices),
    clock,
    trafficMinutes: minutes,
    endpointUrl,
    write,
    signal,
  });
  return runSmokeTest(target, yes, {
    write,
    signal,
    ask: process.stdin.isTTY ? (question) => askPerson(question, signal) : undefined,
    timeLimit: (limitMinutes, ending) => clock.sleep(limitMinutes * 60, ending),
  });
}

async function askPerson(question: string, signal: AbortSignal): Promise<string> {
  const terminal = readline.createInterface({ input: process.stdin, output: process.stdout });
  try {
    return await terminal.question(question, { signal });
  } finally {
    terminal.close();
  }
}
