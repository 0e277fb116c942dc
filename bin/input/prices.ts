import { UnknownPriceError } from '../../lib/catalog/prices';
import { InputError } from '../../lib/core/errors';
import { readPriceFile } from '../../lib/cost/price-file';

/** Price file that `tidegate prices update` writes unless told otherwise. */
export const DEFAULT_PRICE_FILE = 'tidegate.prices.json';

/** Prices of hosting that the flags give for a region: those of `--price` before those of the file of `--prices`. */
export function givenPrices(
  flags: { readonly price?: { readonly [instanceType: string]: number }; readonly prices?: string },
  region: string,
): { readonly [instanceType: string]: number } | undefined {
  if (flags.prices === undefined) return flags.price;
  return { ...readPriceFile(flags.prices)[region]?.hosting, ...flags.price };
}

/** Runs a function, and names `--price` in the error of a missing price. */
export function namingPriceFlag<Result>(run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof UnknownPriceError)) throw error;
    const prices = error.instanceTypes.map((instanceType) => `${instanceType}=USD`);
    throw new InputError(`${error.message}\nhere: --price ${prices.join(' ')}`);
  }
}
