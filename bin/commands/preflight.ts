import { Command } from 'commander';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { messageWithCause, InputError } from '../../lib/core/errors';
import { localCredentials } from '../../lib/emulator/credentials';
import { priceOverrides } from '../../lib/cost/price-file';
import { CdkCommand } from '../../lib/local/deploy/cdk-command';
import { DEFAULT_STAGE } from '../../lib/platform/contract';
import { accountNeeds } from '../../lib/preflight/account-needs';
import type { AccountFacts } from '../../lib/preflight/contract';
import { checkAccount } from '../../lib/preflight/decide/check-account';
import type { TemplateDocument } from '../../lib/template';
import { contextFlag, endpointFlag, priceFlag, regionFlag, stageFlag, takesTemplates } from '../flags';
import { withExamples, type Example } from '../examples';
import type { Colours } from '../output/colours';
import { exitCodeOf, junitOfChecks, markdownOfChecks, rowsText } from '../output/preflight-formats';
import { checkResultFlags, takesResultFlags, writeResult, type ResultFlags } from '../output/result-output';
import type { ProgressStream } from './progress-bar';
import { readTemplates } from '../input/template-files';

/** Process around the command. */
export interface PreflightSurroundings {
  readonly projectDirectory: string;
  readonly stdout: { write(text: string): unknown };
  readonly stderr: ProgressStream;
  readonly signal: AbortSignal;
  /** @default - none */
  readonly colours?: Colours;
  /** Receives 0 if everything is there, 1 if something will fail, 2 if something could not be read. */
  readonly onExitCode: (code: 0 | 1 | 2) => void;
}

interface PreflightFlags extends ResultFlags {
  readonly context?: { readonly [name: string]: string };
  readonly stage?: string;
  readonly region?: string;
  readonly template?: string[];
  readonly price?: { readonly [instanceType: string]: number };
  readonly prices?: string;
  readonly endpoint?: string;
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
  const command = withExamples(takesTemplates(new Command('preflight')), EXAMPLES)
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
    .option('--endpoint <url>', 'ask a local AWS engine instead of AWS', endpointFlag);
  return takesResultFlags(command, ['text', 'json', 'junit', 'markdown']).action(
    async (names: string[], flags: PreflightFlags) => {
      checkResultFlags(flags);
      const template = [...names, ...(flags.template ?? [])];
      const priceFile = flags.prices ?? flags.context?.['prices'];
      const prices = priceOverrides(flags.price ?? {}, priceFile);
      const templates =
        template.length > 0 ? givenTemplatesOf(template, flags) : await stageTemplates(flags, priceFile, surroundings);
      const region = regionOf(templates);
      const needs = accountNeeds(templates);
      const { readAccountFacts } = await import('../preflight/account-facts');
      let facts: AccountFacts;
      try {
        facts = await readAccountFacts(needs, {
          region,
          ...(flags.endpoint !== undefined && { endpointUrl: flags.endpoint, credentials: localCredentials }),
        });
      } catch (error) {
        throw new InputError(
          `the account in ${region} could not be asked: ${messageWithCause(error)}; check the credentials (AWS_PROFILE, aws sts get-caller-identity) and the network`,
        );
      }
      const rows = checkAccount(needs, facts, { region, prices });
      const checked = { accountId: facts.accountId, region, rows };
      writeResult(flags, surroundings, {
        text: (colours) => rowsText(checked, colours),
        json: () => `${JSON.stringify(checked, null, 2)}
`,
        junit: () => junitOfChecks(checked),
        markdown: () => markdownOfChecks(checked),
      });
      surroundings.onExitCode(exitCodeOf(rows));
    },
  );
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
    const { callerRegion } = await import('../preflight/account-facts');
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
