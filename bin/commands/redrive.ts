import { Command } from 'commander';
import { systemClock } from '../../lambda/support/clock';
import { InputError } from '../../lib/core/errors';
import { localCredentials } from '../../lib/emulator/credentials';
import {
  DEFAULT_REDRIVE_RATE,
  leftRecords,
  MAX_REDRIVE_RATE,
  mergeReports,
  parseSince,
  type RedriveReport,
  type RedriveRequest,
} from '../../lib/ingestion/decide/redrive';
import { withExamples, type Example } from '../examples';
import { endpointFlag, numberFlag, regionFlag } from '../flags';
import { redriveMarkdown, redriveText } from '../output/redrive-formats';
import { checkResultFlags, takesResultFlags, writeResult, type ResultFlags } from '../output/result-output';
import type { RedriveFunction, RedriveFunctions } from '../redrive/redrive-functions';
import type { CommandSurroundings } from './surroundings';

interface RedriveFlags extends ResultFlags {
  readonly stack?: string;
  readonly ingestion?: string;
  readonly since?: string;
  readonly dryRun?: true;
  readonly rate: number;
  readonly region?: string;
  readonly endpoint?: string;
}

/** Surroundings of `tidegate redrive`. */
export interface RedriveSurroundings extends CommandSurroundings {
  readonly signal: AbortSignal;
}

/** Time of one invocation, seconds: after it the progress is printed, and the next one goes on. */
const PART_SECONDS = 45;

const EXAMPLES: readonly Example[] = [
  ['tidegate redrive --stack Chat --dry-run', 'count what would be put into the stream'],
  ['tidegate redrive --stack Chat --since 6h --rate 50', 'what was set aside in the last six hours'],
  ['tidegate redrive --stack Chat --json --out redrive.json', 'the report for a program'],
];

/**
 * `tidegate redrive`: puts dead letters and failed batches of a deployed stream or topic into it again, by the redrive function of its ingestion.
 *
 * The exit code is 0 when every record is in the stream or has its answer, 1 when some are left (the report has the reasons); bad input, and
 * a stack or function that cannot be reached, are thrown as an InputError (the command line exits with 2).
 */
export function redriveCommand(surroundings: RedriveSurroundings): Command {
  const command = withExamples(new Command('redrive'), EXAMPLES)
    .option('--stack <name>', 'stack with the ingestion', stackFlag)
    .option('--ingestion <id>', 'logical id of the ingestion, where the stack has several', idFlag)
    .option(
      '--since <time>',
      'only what was set aside since: a time, seconds since 1970, or a time ago such as 90m, 6h or 2d (default: all)',
    )
    .option('--dry-run', 'count, and change nothing')
    .option(
      '--rate <n>',
      'records per second, at most',
      numberFlag('--rate', 0.1, MAX_REDRIVE_RATE, 'records per second'),
      DEFAULT_REDRIVE_RATE,
    )
    .option('--region <name>', 'region of the stack (default: AWS_REGION, then the AWS profile)', regionFlag)
    .option('--endpoint <url>', 'ask a local AWS engine instead of AWS', endpointFlag)
    .allowExcessArguments(false);
  return takesResultFlags(command, ['text', 'json', 'markdown']).action(async (flags: RedriveFlags) => {
    checkResultFlags(flags);
    const { stack } = flags;
    if (stack === undefined)
      throw new InputError('--stack is missing; name the stack with the ingestion, for example --stack Chat');
    const since = flags.since === undefined ? undefined : parseSince(flags.since, systemClock.now());
    const { redriveFunctions } = await import('../redrive/redrive-functions');
    const functions = redriveFunctions({
      ...(flags.region !== undefined && { region: flags.region }),
      ...(flags.endpoint !== undefined && {
        endpoint: flags.endpoint,
        region: flags.region ?? 'us-east-1',
        credentials: localCredentials,
      }),
    });
    const chosen = chosenFunction(stack, await functions.ofStack(stack), flags.ingestion);
    const request = {
      dryRun: flags.dryRun === true,
      recordsPerSecond: flags.rate,
      seconds: PART_SECONDS,
      ...(since !== undefined && { since }),
    };
    const report = await redrive(functions, chosen.functionName, request, surroundings);
    const redriven = { stack, ingestion: chosen.ingestion, report };
    writeResult(flags, surroundings, {
      text: (colours) => redriveText(redriven, colours),
      json: () => `${JSON.stringify(redriven, null, 2)}\n`,
      markdown: () => redriveMarkdown(redriven),
    });
    surroundings.onExitCode(leftRecords(report) === 0 ? 0 : 1);
  });
}

/** Invokes the function until nothing is left to look at. */
async function redrive(
  functions: RedriveFunctions,
  functionName: string,
  first: RedriveRequest,
  { signal, stderr }: RedriveSurroundings,
): Promise<RedriveReport> {
  let request = first;
  let all: RedriveReport | undefined;
  for (;;) {
    let part: RedriveReport;
    try {
      part = await functions.invoke(functionName, request, signal);
    } catch (error) {
      if (signal.aborted)
        stderr.write(
          `tidegate: the function ends the part that it works on, within ${PART_SECONDS} s; run the same command again to go on\n`,
        );
      throw error;
    }
    all = all === undefined ? part : mergeReports(all, part);
    if (part.next === undefined) return all;
    request = { ...first, cursor: part.next };
    stderr.write(`tidegate: ${all.found} found, ${all.redriven} put into the stream so far\n`);
  }
}

function chosenFunction(
  stack: string,
  found: readonly RedriveFunction[],
  ingestion: string | undefined,
): RedriveFunction {
  const names = found.map((one) => one.ingestion).join(', ');
  if (found.length === 0)
    throw new InputError(
      `the stack ${stack} has no function for redrives; name the stack that has a StreamIngestion, or a KafkaIngestion that knows the network of its cluster, and deploy it with this version first`,
    );
  const matching = ingestion === undefined ? found : found.filter((one) => one.ingestion === ingestion);
  if (matching.length === 1) return matching[0]!;
  if (ingestion === undefined)
    throw new InputError(`the stack ${stack} has ${found.length} ingestions; choose one with --ingestion: ${names}`);
  throw new InputError(`--ingestion is '${ingestion}', which the stack ${stack} does not have; it has ${names}`);
}

/** Parses `--stack`: a name, or an ARN. */
function stackFlag(text: string): string {
  if (/^([A-Za-z][A-Za-z0-9-]{0,127}|arn:aws[a-z-]*:cloudformation:[\w:/-]{1,300})$/.test(text)) return text;
  throw new InputError(`--stack is '${text}'; write the name of a stack, such as Chat, or its ARN`);
}

function idFlag(text: string): string {
  if (/^[A-Za-z0-9]{1,255}$/.test(text)) return text;
  throw new InputError(`--ingestion is '${text}'; write a logical id of letters and digits, such as Requests`);
}
