import { parsePriceFile, type PriceFile } from '../catalog/price-list';
import { PURPOSES, type PriceOverride, type PricePurpose } from '../catalog/prices';
import { InputError, throwProblems } from '../core/errors';
import { readText } from '../files/read-text';

/** Reads a price file that `tidegate prices update` wrote; throws an {@link InputError} that names the file and everything wrong in it. */
export function readPriceFile(path: string): PriceFile {
  let text: string;
  try {
    text = readText(path);
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(
      `the price file ${path} cannot be read (${(error as NodeJS.ErrnoException).code}); write it with tidegate prices update`,
    );
  }
  const { file, problems } = parsePriceFile(text);
  throwProblems(`the price file ${path}`, problems);
  return file;
}

/** Prices that override the table of the package: those given by type, before those of a price file. */
export function priceOverrides(
  given: { readonly [instanceType: string]: number },
  priceFile: string | undefined,
): PriceOverride[] {
  const overrides = Object.entries(given).map(([instanceType, usdPerHour]): PriceOverride => ({
    instanceType,
    usdPerHour,
  }));
  if (priceFile === undefined) return overrides;
  const ofFile = Object.entries(readPriceFile(priceFile)).flatMap(([region, prices]) =>
    PURPOSES.flatMap((purpose: PricePurpose) =>
      Object.entries(prices[purpose])
        .filter(([instanceType]) => !(instanceType in given))
        .map(([instanceType, usdPerHour]) => ({ instanceType, usdPerHour, region, purpose })),
    ),
  );
  return [...overrides, ...ofFile];
}
