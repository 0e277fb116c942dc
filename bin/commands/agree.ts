import { Command } from 'commander';
import * as path from 'node:path';
import { InputError } from '../../lib/core/errors';
import { readText } from '../../lib/files/read-text';
import { INSPECTION_FILE, parseRecording, type InspectedFleet } from '../../lib/inspection/contract';
import {
  agreementOf,
  agreementText,
  DEFAULT_MIN_AGREEMENT_PERCENT,
  replay,
  type Agreement,
} from '../../lib/simulation/agree';
import type { FleetBlueprint } from '../../lib/simulation/blueprint';
import type { Provisioning } from '../../lib/simulation/fleet';
import { openWorkload } from '../../lib/traffic-file/open-workload';
import { withExamples, type Example } from '../examples';
import { numberFlag, priceOption, pricesOption, provisioningFlag, wholeNumberFlag } from '../flags';
import { writeAgreement } from '../input/agreement-file';
import { readFleets } from '../input/fleet-selection';
import { inspectedFolder } from '../input/inspected-folder';
import { givenPrices, namingPriceFlag } from '../input/prices';
import { readServiceProfile } from '../input/service-profile-file';
import { junitOfAgreements, markdownOfAgreements } from '../output/agree-formats';
import { colouredAgreement } from '../output/result-colours';
import { checkResultFlags, takesResultFlags, writeResult, type ResultFlags } from '../output/result-output';
import { barWhile, progressBar } from './progress-bar';
import type { CommandSurroundings } from './surroundings';

interface AgreeFlags extends ResultFlags {
  readonly fleet?: string;
  readonly profile?: string;
  readonly provisioning?: Provisioning;
  readonly seed: number;
  readonly timeout?: number;
  readonly minAgreement: number;
  readonly price?: { readonly [instanceType: string]: number };
  readonly prices?: string;
}

const EXAMPLES: readonly Example[] = [
  ['tidegate agree chat-now', 'all fleets of an inspection'],
  [
    'tidegate agree chat-now --fleet variant/main --min-agreement 95',
    'one fleet, within one instance 95 % of the time',
  ],
];

/**
 * `tidegate agree`: replays the recorded days of an inspection, and tells how far the rehearsal is from what happened.
 *
 * The exit code is 0 if every compared fleet agrees, 1 if one does not; bad input is thrown as an InputError.
 */
export function agreeCommand(surroundings: CommandSurroundings): Command {
  const command = withExamples(new Command('agree'), EXAMPLES)
    .argument('<folder>', 'folder that tidegate inspect wrote')
    .option('--fleet <name>', 'only the fleet whose resource id contains this')
    .option('--profile <file>', 'service times as JSON (default: those that the inspection measured)')
    .option(
      '--provisioning <seconds>',
      'median start-up of an instance, or a comma-separated list of measured ones (default: 258)',
      provisioningFlag,
    )
    .option('--seed <n>', 'seed of everything random', wholeNumberFlag('--seed', 0, 2 ** 32 - 1), 1)
    .option(
      '--timeout <seconds>',
      'maximum time to the response (default: 60; asynchronous fleets: 21600)',
      numberFlag('--timeout', 0.001, 604_800),
    )
    .option(
      '--min-agreement <percent>',
      'exit with 1 when the instances are within one for less of the time',
      numberFlag('--min-agreement', 0, 100),
      DEFAULT_MIN_AGREEMENT_PERCENT,
    )
    .addOption(pricesOption())
    .addOption(priceOption());
  return takesResultFlags(command, ['text', 'json', 'junit', 'markdown']).action(
    async (folder: string, flags: AgreeFlags) => {
      surroundings.onExitCode(await agree(folder, flags, surroundings));
    },
  );
}

async function agree(folder: string, flags: AgreeFlags, surroundings: CommandSurroundings): Promise<0 | 1> {
  checkResultFlags(flags);
  const { stderr } = surroundings;
  const manifest = inspectedFolder(folder)?.manifest;
  if (manifest === undefined) {
    throw new InputError(`'${folder}' has no ${INSPECTION_FILE}; give a folder that tidegate inspect wrote`);
  }
  const template = path.join(folder, manifest.template);
  const { fleets, notes } = readFleets({ template: [template], region: manifest.region, fleet: flags.fleet });
  const compared: Agreement[] = [];
  const left = [...notes];
  for (const fleet of fleets) {
    const inspected = manifest.fleets.find(({ resourceId }) => resourceId === fleet.resourceId);
    const reason = inspected === undefined ? 'the inspection does not list it' : nothingToCompare(inspected);
    if (reason === undefined) compared.push(await compareFleet(folder, fleet, inspected!, flags, stderr));
    else left.push(`not compared: ${fleet.resourceId}: ${reason}`);
  }
  for (const note of left) stderr.write(`tidegate: ${note}\n`);
  if (compared.length === 0) {
    throw new InputError(
      `${folder}: nothing to compare (${left.join('; ')}); inspect an endpoint with traffic, with the permissions that ${INSPECTION_FILE} lists as missing`,
    );
  }
  if (flags.fleet === undefined) writeAgreement(folder, manifest, compared);
  writeResult(flags, surroundings, {
    text: (colours) => `${colouredAgreement(compared.map(agreementText).join('\n\n'), colours)}\n`,
    json: () => `${JSON.stringify({ agreements: compared, notCompared: left }, null, 2)}\n`,
    junit: () => junitOfAgreements(compared),
    markdown: () => markdownOfAgreements(compared, left),
  });
  return compared.every(({ agrees }) => agrees) ? 0 : 1;
}

function nothingToCompare({ trace, recording, profile }: InspectedFleet): string | undefined {
  if (trace === null) return 'no request was recorded';
  if (recording === null) return 'no metrics were recorded';
  return profile === null ? 'no service times were measured; give them with --profile' : undefined;
}

async function compareFleet(
  folder: string,
  fleet: FleetBlueprint,
  { trace, recording: recordingFile, profile, service }: InspectedFleet,
  flags: AgreeFlags,
  stderr: CommandSurroundings['stderr'],
): Promise<Agreement> {
  const file = path.join(folder, recordingFile!);
  const recording = parseRecording(file, recordingText(file));
  const traffic = await openWorkload({ trace: path.join(folder, trace!), seed: flags.seed });
  const pricesPerHourUsd = givenPrices(flags, fleet.region);
  const bar = progressBar(stderr, fleet.resourceId);
  // The trace has the requests of this fleet alone.
  const { share: _ofTheEndpoint, ...alone } = fleet;
  const { rehearsal, periods } = barWhile(bar, () =>
    namingPriceFlag(() =>
      replay(alone, traffic, recording, {
        seed: flags.seed,
        service: readServiceProfile(flags.profile ?? path.join(folder, profile!)),
        onProgress: bar.show,
        ...(flags.provisioning !== undefined && { provisioning: flags.provisioning }),
        ...(flags.timeout !== undefined && { requestTimeoutSeconds: flags.timeout }),
        ...(pricesPerHourUsd !== undefined && { pricesPerHourUsd }),
      }),
    ),
  );
  const [pool] = fleet.pools;
  return agreementOf(recording, periods, {
    priceUsdPerHour: fleet.placement === undefined ? rehearsal.cost.pricesPerHourUsd[pool!.instanceType]! : null,
    service: flags.profile === undefined ? service : null,
    minAgreementPercent: flags.minAgreement,
  });
}

/** Maximum size of a recording: 455 days of a datapoint a minute. */
const MAX_RECORDING_BYTES = 256 * 1024 * 1024;

function recordingText(file: string): string {
  try {
    return readText(file, MAX_RECORDING_BYTES);
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(
      `${file} cannot be read (${(error as NodeJS.ErrnoException).code}); run tidegate inspect again`,
    );
  }
}
