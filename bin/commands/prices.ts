import { Command } from 'commander';
import * as fs from 'node:fs';
import {
  formatPriceFile,
  readPriceList,
  withListedPrices,
  type ListedPrice,
  type PriceFile,
} from '../../lib/catalog/price-list';
import { servingImage } from '../../lib/catalog/serving-images';
import { InputError } from '../../lib/core/errors';
import { readText } from '../../lib/files/read-text';
import { writeWholeFile } from '../../lib/files/write-file';
import { readPriceFile } from '../../lib/cost/price-file';
import { withExamples, type Example } from '../examples';
import { regionsFlag } from '../flags';
import { DEFAULT_PRICE_FILE } from '../input/prices';
import { checkWritable } from '../output/result-output';
import type { CommandSurroundings } from './surroundings';

/** Lists of SageMaker's prices by region, public and without credentials. */
export const PRICE_LISTS = 'https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws/AmazonSageMaker/current';

/** A list of one region has some megabytes. */
const DOWNLOAD_TIMEOUT_MS = 120_000;

/** Maximum size of a saved list. */
const MAX_LIST_BYTES = 256 * 1024 * 1024;

interface UpdateFlags {
  readonly region?: readonly string[];
  readonly from?: readonly string[];
  readonly out: string;
}

const EXAMPLES: readonly Example[] = [
  ['tidegate prices update --region eu-west-1 eu-central-1', 'two regions, from the network'],
  ['tidegate prices update --from prices.json --out tidegate.prices.json', 'a list that you saved'],
];

/**
 * `tidegate prices update`: writes a price file from the AWS Price List.
 *
 * The exit code is 0 when the file is written. A price that is missing, ambiguous or not above 0 is an InputError (the command line exits
 * with 2), and nothing is written.
 */
export function pricesCommand(
  { stdout, stderr }: Pick<CommandSurroundings, 'stdout' | 'stderr'>,
  priceLists = PRICE_LISTS,
): Command {
  const update = withExamples(new Command('update'), EXAMPLES)
    .description('write the prices of SageMaker instances in the AWS Price List into a price file')
    .option(
      '--region <regions...>',
      'regions to download (default: every region where AWS lists the Triton image)',
      regionsFlag,
    )
    .option(
      '--from <files...>',
      'read lists that you saved instead: region files, or output of `aws pricing get-products --service-code AmazonSageMaker`',
    )
    .option('--out <file>', 'price file; its other regions are kept', DEFAULT_PRICE_FILE)
    .allowExcessArguments(false)
    .action(async (flags: UpdateFlags) => {
      checkWritable('--out', flags.out);
      const documents =
        flags.from === undefined
          ? await downloaded(flags.region ?? Object.keys(servingImage('triton').accounts), priceLists, stderr)
          : flags.from.map(savedList);
      const readings = documents.map(({ name, document }) => readPriceList(document, name));
      const problems = readings.flatMap((reading) => reading.problems);
      if (problems.length > 0) throw new InputError(`no prices were written:\n  - ${problems.join('\n  - ')}`);
      const prices = readings.flatMap((reading) => reading.prices);
      const before: PriceFile = fs.existsSync(flags.out) ? readPriceFile(flags.out) : {};
      const file = withListedPrices(before, inOneList(prices));
      writeWholeFile(flags.out, formatPriceFile(file, priceLists));
      const regions = [...new Set(prices.map(({ region }) => region))];
      stdout.write(`${prices.length} prices of ${regions.join(', ')} are in ${flags.out}\n`);
    });
  return withExamples(new Command('prices'), EXAMPLES).helpCommand(false).addCommand(update);
}

/** Prices of several documents as one list; documents that disagree are refused. */
function inOneList(prices: readonly ListedPrice[]): ListedPrice[] {
  const byKey = new Map<string, ListedPrice>();
  for (const price of prices) {
    const key = `${price.instanceType} for ${price.purpose} in ${price.region}`;
    const other = byKey.get(key);
    if (other !== undefined && other.usdPerHour !== price.usdPerHour)
      throw new InputError(
        `no prices were written: two lists have ${key} at ${other.usdPerHour} and at ${price.usdPerHour} USD; keep one of them`,
      );
    byKey.set(key, price);
  }
  return [...byKey.values()];
}

interface NamedDocument {
  readonly name: string;
  readonly document: unknown;
}

async function downloaded(
  regions: readonly string[],
  priceLists: string,
  stderr: CommandSurroundings['stderr'],
): Promise<NamedDocument[]> {
  const documents: NamedDocument[] = [];
  for (const region of regions) {
    const name = `${priceLists}/${region}/index.json`;
    stderr.write(`tidegate: reading ${name}\n`);
    documents.push({ name, document: await fetchList(name) });
  }
  return documents;
}

async function fetchList(url: string): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(url, { signal: AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS) });
  } catch (error) {
    const { message, cause } = error as { message: string; cause?: { message?: string } };
    throw new InputError(
      `${url} cannot be read (${cause?.message ?? message}); check the network, or give saved lists with --from`,
    );
  }
  if (!response.ok)
    throw new InputError(`${url} returned HTTP ${response.status}; check --region, or give saved lists with --from`);
  try {
    return await response.json();
  } catch (error) {
    throw new InputError(`${url} is not the whole JSON of a price list (${(error as Error).message}); try again`);
  }
}

function savedList(file: string): NamedDocument {
  let text: string;
  try {
    text = readText(file, MAX_LIST_BYTES);
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(
      `--from is '${file}', which cannot be read (${(error as NodeJS.ErrnoException).code}); check the path`,
    );
  }
  try {
    return { name: file, document: JSON.parse(text) };
  } catch {
    throw new InputError(`--from is '${file}', which is not JSON; save a list of the AWS Price List API`);
  }
}
