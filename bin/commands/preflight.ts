import { Command } from 'commander';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { InputError } from '../../lib/core/errors';
import { localCredentials } from '../../lib/emulator/credentials';
import { priceOverrides } from '../../lib/cost/price-file';
import { CdkCommand } from '../../lib/local/deploy/cdk-command';
import { DEFAULT_STAGE } from '../../lib/platform/contract';
import { accountNeeds } from '../../lib/preflight/account-needs';
import type { AccountFacts } from '../../lib/preflight/contract';
import { checkAccount, type CheckRow, type CheckStatus } from '../../lib/preflight/decide/check-account';
import type { TemplateDocument } from '../../lib/template';
import { contextFlag, endpointFlag, priceFlag, regionFlag, stageFlag, takesTemplates } from '../flags';
import { withExamples, type Example } from '../examples';
import { NO_COLOURS, type Colours } from '../output/colours';
import { readTemplates } from '../input/template-files';
import { callerRegion, readAccountFacts } from '../preflight/account-facts';

/** Process around the command. */
export interface PreflightSurroundings {
  readonly projectDirectory: string;
  readonly stdout: { write(text: string): unknown };
  readonly signal: AbortSignal;
  /** @default - none */
  readonly colours?: Colours;
  /** Receives 0 if everything is there, 1 if something will fail, 2 if something could not be read. */
  readonly onExitCode: (code: 0 | 1 | 2) => void;
}

interface PreflightFlags {
  readonly context?: { readonly [name: string]: string };
  readonly stage?: string;
  readonly region?: string;
  readonly template?: string[];
  readonly price?: { readonly [instanceType: string]: number };
  readonly prices?: string;
  readonly endpoint?: string;
  readonly json?: true;
}

const EXAMPLES: readonly Example[] = [
  ['tidegate preflight -c stage=dev', 'a stage of the app of the package, before its deployment'],
  ['tidegate preflight cdk.out --region eu-west-1', 'templates of your own'],
  ['tidegate preflight cdk.out --json', 'rows for a program'],
];

/**
 * `tidegate preflight`: asks an account and a region, without changing them, for everything that a deployment needs.
 *
 * The exit code is 0 without failures (warnings are printed), 1 if something will fail, and 2 if something could not be read; bad input, and
 * an account that cannot be asked, are thrown as an InputError (the command line exits with 2).
 */
export function preflightCommand(surroundings: PreflightSurroundings): Command {
  return withExamples(takesTemplates(new Command('preflight')), EXAMPLES)
    .description(
      'ask an account and a region, read-only, for what a stage or templates need: quotas, bootstrap, images, permissions',
    )
    .option(
      '-c, --context <name=value>',
      'context of the app, as for cdk deploy: stage=NAME, region=REGION, prices=FILE',
      contextFlag,
    )
    .option('--stage <name>', `stage to check (default: ${DEFAULT_STAGE})`, stageFlag)
    .option(
      '--region <region>',
      'region to check (default: that of the stage, then of AWS_REGION or the profile)',
      regionFlag,
    )
    .option('--prices <file>', 'price file of `tidegate prices update`; also -c prices=FILE')
    .option('--price <type=usd>', 'price of an instance hour, USD; may be repeated', priceFlag)
    .option('--endpoint <url>', 'ask a local AWS engine instead of AWS', endpointFlag)
    .option('--json', 'print the rows as JSON')
    .action(async (names: string[], flags: PreflightFlags) => {
      const template = [...names, ...(flags.template ?? [])];
      const priceFile = flags.prices ?? flags.context?.['prices'];
      const prices = priceOverrides(flags.price ?? {}, priceFile);
      const templates =
        template.length > 0 ? givenTemplatesOf(template, flags) : await stageTemplates(flags, priceFile, surroundings);
      const region = regionOf(templates);
      const needs = accountNeeds(templates);
      let facts: AccountFacts;
      try {
        facts = await readAccountFacts(needs, {
          region,
          ...(flags.endpoint !== undefined && { endpointUrl: flags.endpoint, credentials: localCredentials }),
        });
      } catch (error) {
        throw new InputError(
          `the account in ${region} could not be asked: ${(error as Error).message}; check the credentials (AWS_PROFILE, aws sts get-caller-identity) and the network`,
        );
      }
      const rows = checkAccount(needs, facts, { region, prices });
      const { accountId } = facts;
      surroundings.stdout.write(
        flags.json === true
          ? `${JSON.stringify({ accountId, region, rows }, null, 2)}\n`
          : rowsText(accountId, region, rows, surroundings.colours),
      );
      surroundings.onExitCode(exitCodeOf(rows));
    });
}

/** Reads the given templates. */
function givenTemplatesOf(
  template: readonly string[],
  { context = {}, stage, region = context['region'] }: PreflightFlags,
): TemplateDocument[] {
  if (stage !== undefined || context['stage'] !== undefined) {
    throw new InputError('--template and a stage exclude each other; give one of them');
  }
  return readTemplates({ template, ...(region !== undefined && { region }) });
}

/** Synthesises the stage into a folder that is removed again, and reads its templates. */
async function stageTemplates(
  { context = {}, stage, region }: PreflightFlags,
  priceFile: string | undefined,
  { projectDirectory, signal }: PreflightSurroundings,
): Promise<TemplateDocument[]> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tidegate-preflight-'));
  try {
    // Synthesis calls no endpoint.
    const ownRegion = await callerRegion();
    const cdk = new CdkCommand({
      projectDirectory,
      engineUrl: 'http://127.0.0.1:9',
      dataDirectory: folder,
      signal,
      ...(ownRegion !== undefined && { region: ownRegion }),
    });
    const assembly = path.join(folder, 'cdk.out');
    await cdk.synth(
      {
        ...context,
        stage: stage ?? context['stage'] ?? DEFAULT_STAGE,
        ...(region !== undefined && { region }),
        // The app runs in the folder of the package.
        ...(priceFile !== undefined && { prices: path.resolve(priceFile) }),
      },
      assembly,
    );
    return readTemplates({ template: [assembly] });
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** Returns the one region of the templates. */
function regionOf(templates: readonly TemplateDocument[]): string {
  const regions = [...new Set(templates.flatMap(({ region }) => region ?? []))];
  if (regions.length === 1) return regions[0]!;
  if (regions.length > 1) {
    throw new InputError(
      `the templates are for ${regions.join(' and ')}; check the regions one by one, with --template`,
    );
  }
  throw new InputError('the templates name no region; give --region');
}

/** Worst status first: a failure tells more than what could not be read. */
export function exitCodeOf(rows: readonly CheckRow[]): 0 | 1 | 2 {
  const has = (wanted: CheckStatus): boolean => rows.some(({ status }) => status === wanted);
  if (has('fails')) return 1;
  return has('unknown') ? 2 : 0;
}

/** Returns the rows as a table, failures with their ways out. */
export function rowsText(
  accountId: string,
  region: string,
  rows: readonly CheckRow[],
  colours: Colours = NO_COLOURS,
): string {
  const colourOf: { readonly [status in CheckStatus]: (text: string) => string } = {
    ok: colours.green,
    warning: colours.yellow,
    unknown: colours.yellow,
    fails: colours.red,
  };
  const width = Math.max(...rows.map(({ check }) => check.length));
  const lines = rows.flatMap(({ status, check, found, remedy }) => [
    `${colourOf[status](status.padEnd(7))}  ${check.padEnd(width)}  ${found}`,
    ...(remedy === undefined ? [] : [`${' '.repeat(9)}${' '.repeat(width)}  -> ${remedy}`]),
  ]);
  const count = (status: CheckStatus): number => rows.filter((row) => row.status === status).length;
  const counts = (['fails', 'unknown', 'warning', 'ok'] as const)
    .map((status) => `${count(status)} ${status}`)
    .join(', ');
  return `account ${accountId}, ${region}\n\n${lines.join('\n')}\n\n${counts}\n`;
}
