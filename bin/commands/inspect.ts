import { Command } from 'commander';
import * as path from 'node:path';
import { systemClock } from '../../lambda/support/clock';
import { InputError } from '../../lib/core/errors';
import { isObject, syntaxProblem, type Json } from '../../lib/core/parse';
import type { EpochSeconds } from '../../lib/core/time';
import { awsCommand, inspectionScript } from '../../lib/inspection/aws-command';
import { MAX_DAYS, windowBefore } from '../../lib/inspection/calls';
import type { InspectionSource, InspectionWindow } from '../../lib/inspection/contract';
import {
  checkedName,
  endpointFacts,
  nextCalls,
  withNamedParts,
  type EndpointFacts,
  type FactsWanted,
  type ReadParts,
} from '../../lib/inspection/facts';
import { inspectionFiles } from '../../lib/inspection/inspect';
import { timeOf, textOf } from '../../lib/inspection/reading';
import { terraformEndpoint } from '../../lib/inspection/terraform';
import { durationText } from '../../lib/simulation/number-text';
import { environmentRegion } from '../environment-region';
import { withExamples, type Example } from '../examples';
import { numberFlag, regionFlag } from '../flags';
import { inspectedFolder } from '../input/inspected-folder';
import type { AccountReader } from '../inspect/account-reader';
import { checkInspectionFolder, writeInspectionFolder } from '../inspect/inspection-folder';
import { readSavedFolder, savedText } from '../inspect/saved-folder';
import { summaryText, unpricedTypes } from '../inspect/summary';
import { NO_COLOURS } from '../output/colours';
import { colouredInspection } from '../output/result-colours';
import { progressBar } from './progress-bar';
import type { CommandSurroundings } from './surroundings';

interface InspectFlags {
  readonly endpoint?: string;
  readonly variant?: string;
  readonly region?: string;
  readonly days: number;
  readonly end?: EpochSeconds;
  readonly from?: string;
  readonly terraform?: string;
  readonly commands?: true;
  readonly out?: string;
  readonly json?: true;
}

/** Surroundings of `tidegate inspect`. */
export interface InspectSurroundings extends CommandSurroundings {
  readonly signal: AbortSignal;
  /** Version of the package, for the manifest. */
  readonly version: string;
}

const EXAMPLES: readonly Example[] = [
  ['tidegate inspect --endpoint chat --out chat-now', 'an endpoint, by read-only calls'],
  ['tidegate inspect --endpoint chat --commands > save.sh && sh save.sh', 'the same by the AWS CLI, for --from'],
  ['tidegate inspect --from chat-saved --out chat-now', 'what the AWS CLI saved'],
  ['terraform show -json > show.json && tidegate inspect --terraform show.json --out chat-planned', 'a plan'],
  ['tidegate simulate chat-now', 'what its own traffic does to it'],
];

/**
 * `tidegate inspect`: writes what already runs as files that the other commands read.
 *
 * It only reads: an account, responses that the AWS CLI saved, or the output of `terraform show -json`. Parts that could not be read are in
 * the manifest and on stderr, with the permission that is missing. The exit code is 0 once the folder is written; bad input is thrown as an
 * InputError (the command line exits with 2).
 */
export function inspectCommand(surroundings: InspectSurroundings): Command {
  return withExamples(new Command('inspect'), EXAMPLES)
    .option('--endpoint <name>', 'endpoint of SageMaker, made by whatever tool', endpointNameFlag)
    .option('--variant <name>', 'only this variant (default: the whole endpoint)', variantNameFlag)
    .option('--region <name>', 'region of the endpoint (default: AWS_REGION, then the AWS profile)', regionFlag)
    .option('--days <n>', 'days of metrics to read, up to 455', numberFlag('--days', 0.01, MAX_DAYS), 14)
    .option(
      '--end <time>',
      'end of the metrics, such as 2026-01-31T12:00:00Z (default: now, or the newest ones if they are later)',
      endFlag,
    )
    .option('--from <folder>', 'read the responses that the AWS CLI saved in a folder, and call nothing')
    .option(
      '--terraform <file>',
      'read the output of terraform show -json, of a plan or of the state, and call nothing',
    )
    .option('--commands', 'print the read-only commands of the AWS CLI that save everything for --from')
    .option('--out <folder>', 'folder to write: a new or an empty one, or an earlier inspection to replace')
    .option('--json', 'print the manifest as JSON')
    .allowExcessArguments(false)
    .action(async (flags: InspectFlags) => {
      await inspect(flags, surroundings);
      surroundings.onExitCode(0);
    });
}

function endpointNameFlag(text: string): string {
  return checkedName(text, '--endpoint');
}

function variantNameFlag(text: string): string {
  return checkedName(text, '--variant');
}

function endFlag(text: string): EpochSeconds {
  const at = Date.parse(text) / 1000;
  if (Number.isFinite(at) && at > 0) return at;
  throw new InputError(`--end is '${text}'; write a time such as 2026-01-31T12:00:00Z`);
}

/** Facts, and how they were found. */
interface Found {
  readonly facts: EndpointFacts;
  readonly source: InspectionSource;
  readonly region: string | undefined;
  readonly window: InspectionWindow | undefined;
  readonly notes: readonly string[];
}

async function inspect(flags: InspectFlags, surroundings: InspectSurroundings): Promise<void> {
  const { stdout, stderr, version } = surroundings;
  if (flags.from !== undefined && flags.terraform !== undefined) {
    throw new InputError('--from and --terraform exclude each other; give one of them');
  }
  if (flags.commands === true) {
    stdout.write(await commandsText(flags, surroundings));
    return;
  }
  const { out } = flags;
  if (out === undefined) throw new InputError('--out is missing; name the folder to write, for example --out chat-now');
  // Bad input is refused before anything that takes long.
  checkInspectionFolder(out);
  const found =
    flags.terraform !== undefined
      ? fromTerraform(flags.terraform, flags)
      : flags.from !== undefined
        ? fromFolder(flags.from, flags)
        : await fromAccount(flags, surroundings);
  const { manifest, files } = inspectionFiles(found.facts, {
    source: found.source,
    version,
    command: commandText(flags, found.facts.endpointName),
    madeAt: Math.floor(systemClock.now()),
    ...(found.region !== undefined && { region: found.region }),
    ...(found.window !== undefined && { window: found.window }),
  });
  writeInspectionFolder(out, files);
  for (const note of found.notes) stderr.write(`tidegate: ${note}\n`);
  for (const line of missingLines(found, manifest.region)) stderr.write(`tidegate: ${line}\n`);
  for (const note of manifest.notes) stderr.write(`tidegate: ${note}\n`);
  stdout.write(
    flags.json === true
      ? (files.get('inspection.json') ?? '')
      : colouredInspection(
          summaryText(manifest, out, [...files.keys()], unpricedTypes(found.facts, manifest.region)),
          surroundings.colours ?? NO_COLOURS,
        ),
  );
}

async function fromAccount(flags: InspectFlags, { signal, stderr }: InspectSurroundings): Promise<Found> {
  const { endpoint, variant, days, end } = flags;
  if (endpoint === undefined) {
    throw new InputError(
      '--endpoint is missing; name the endpoint, or read saved responses with --from or --terraform',
    );
  }
  const reader = await accountReader(flags.region, signal);
  const bar = progressBar(stderr, 'inspect');
  try {
    const region = await reader.region();
    const now = systemClock.now();
    const { parts, wanted } = await reader.read(
      endpoint,
      { window: windowBefore(end ?? now, days), ...(variant !== undefined && { variantName: variant }) },
      ({ what }, share) => bar.show(share, what),
      end === undefined ? days : undefined,
    );
    const { window } = wanted;
    const notes =
      end === undefined && window.end > now
        ? [
            `the newest metrics are ${durationText(window.end - now)} ahead of this machine's clock, as those of a local engine; they are read up to there`,
          ]
        : [];
    return { facts: endpointFacts(parts, endpoint, wanted), source: 'account', region, window, notes };
  } finally {
    bar.end();
    reader.close();
  }
}

function fromFolder(folder: string, flags: InspectFlags): Found {
  if (inspectedFolder(folder) !== undefined) {
    throw new InputError(
      `--from is '${folder}', which tidegate inspect wrote; the commands take it as it is, for example tidegate simulate ${folder}`,
    );
  }
  const { parts, endpointName, wanted, request, notes } = savedParts(folder, flags);
  return {
    facts: endpointFacts(parts, endpointName, wanted),
    source: 'saved-json',
    region: flags.region ?? request.region,
    window: request.window,
    notes,
  };
}

interface SavedParts {
  readonly parts: ReadParts;
  readonly endpointName: string;
  readonly wanted: FactsWanted;
  readonly request: { readonly region: string | undefined; readonly window: InspectionWindow | undefined };
  readonly notes: readonly string[];
}

function savedParts(folder: string, { endpoint, variant, days, end }: InspectFlags): SavedParts {
  const { parts, request = {}, notes } = readSavedFolder(folder);
  const described = parts.get('endpoint.json');
  const named =
    textOf(request['endpointName']) ??
    (described?.kind === 'read' ? textOf(described.document['EndpointName']) : undefined);
  if (endpoint !== undefined && named !== undefined && named !== endpoint) {
    throw new InputError(
      `--endpoint is '${endpoint}', and ${folder} has the responses of ${named}; leave one of them out`,
    );
  }
  const endpointName = endpoint ?? named;
  if (endpointName === undefined) {
    throw new InputError(
      `${folder} has no response of describe-endpoint, so its endpoint is unknown; give --endpoint NAME`,
    );
  }
  const window = requestedWindow(request);
  const wanted: FactsWanted = {
    window: window ?? windowBefore(end ?? systemClock.now(), days),
    ...(variant !== undefined && { variantName: variant }),
  };
  const name = checkedName(endpointName, 'the name of the endpoint');
  return {
    parts: withNamedParts(parts, name, wanted),
    endpointName: name,
    wanted,
    request: { region: textOf(request['region']), window },
    notes,
  };
}

function requestedWindow(request: Json): InspectionWindow | undefined {
  const [start, end] = [timeOf(request['start']), timeOf(request['end'])];
  const { periodSeconds } = request;
  if (start === undefined || end === undefined || typeof periodSeconds !== 'number') return undefined;
  return periodSeconds > 0 && end > start ? { start, end, periodSeconds } : undefined;
}

function fromTerraform(file: string, { endpoint, variant, region }: InspectFlags): Found {
  const text = savedText(file);
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw new InputError(
      `--terraform is '${file}', which is not JSON (${syntaxProblem(error)}); give the output of terraform show -json`,
    );
  }
  if (!isObject(document))
    throw new InputError(`--terraform is '${file}', which is not the output of terraform show -json`);
  const { endpointName, parts } = terraformEndpoint(file, document, endpoint);
  const wanted: FactsWanted = {
    window: windowBefore(0, 1),
    ...(variant !== undefined && { variantName: variant }),
  };
  const facts = endpointFacts(parts, endpointName, wanted);
  return {
    // Terraform has no metrics, which is no failure.
    facts: { ...facts, missing: [] },
    source: 'terraform',
    region,
    window: undefined,
    notes: ['Terraform has no metrics, so there is no trace: give simulate and tune one with --trace'],
  };
}

/** Commands that save everything, or what a folder lacks. */
async function commandsText(flags: InspectFlags, { signal }: InspectSurroundings): Promise<string> {
  const { endpoint, region, days, end, from } = flags;
  if (flags.terraform !== undefined) throw new InputError('--commands are those of the AWS CLI; leave out --terraform');
  if (from === undefined) {
    if (endpoint === undefined) throw new InputError('--endpoint is missing; name the endpoint for the commands');
    return inspectionScript({
      endpointName: endpoint,
      region: region ?? (await usualRegion(signal)),
      window: windowBefore(end ?? systemClock.now(), days),
      folder: `${endpoint}-saved`,
    });
  }
  const { parts, endpointName, wanted, request } = savedParts(from, flags);
  const read = new Map([...parts].filter(([, part]) => part.kind === 'read'));
  const calls = nextCalls(read, endpointName, wanted);
  if (calls.length === 0) return '';
  const known = endpointFacts(parts, endpointName, wanted).region ?? request.region;
  const asked = region ?? known ?? (await usualRegion(signal));
  return calls.map((call) => `${awsCommand({ ...call, file: path.join(from, call.file) }, asked)}\n`).join('');
}

/** Loads the clients of AWS, which only some inspections need, and returns a reader of an account. */
async function accountReader(region: string | undefined, signal: AbortSignal): Promise<AccountReader> {
  const { AccountReader: Reader } = await import('../inspect/account-reader');
  return new Reader(region ?? environmentRegion(), signal);
}

/** Region of the environment or the AWS profile, as the AWS CLI would take it. */
async function usualRegion(signal: AbortSignal): Promise<string> {
  const reader = await accountReader(undefined, signal);
  try {
    return await reader.region();
  } finally {
    reader.close();
  }
}

/** Lines about missing parts, each permission once, with the command that gets the part. */
function missingLines({ facts, source }: Found, region: string): string[] {
  const byAction = new Map<string, EndpointFacts['missing'][number][]>();
  for (const part of facts.missing) byAction.set(part.action, [...(byAction.get(part.action) ?? []), part]);
  return [...byAction].map(([action, parts]) => {
    const [{ reason }] = parts as [(typeof parts)[number]];
    const what = parts.map((part) => part.what).join(', ');
    if (source === 'account') return `not read, ${action} is needed: ${what} (${reason})`;
    const commands = parts.map(({ call }) => `\n    ${awsCommand(call, region)}`).join('');
    return `not in the folder, ${action} is needed: ${what}; this saves it there:${commands}`;
  });
}

/** Command line as it can be repeated. */
function commandText({ variant, region, days, end, from, terraform, out }: InspectFlags, endpoint: string): string {
  const words = [
    'tidegate inspect',
    `--endpoint ${endpoint}`,
    ...(variant === undefined ? [] : [`--variant ${variant}`]),
    ...(region === undefined ? [] : [`--region ${region}`]),
    ...(from === undefined && terraform === undefined ? [`--days ${days}`] : []),
    ...(end === undefined ? [] : [`--end ${new Date(end * 1000).toISOString()}`]),
    ...(from === undefined ? [] : [`--from ${from}`]),
    ...(terraform === undefined ? [] : [`--terraform ${terraform}`]),
    `--out ${out}`,
  ];
  return words.join(' ');
}
