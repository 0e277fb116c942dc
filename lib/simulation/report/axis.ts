import { numberText } from '../number-text';

/** Axis from 0 to its last tick. */
export interface ValueAxis {
  readonly end: number;
  /** Ticks at equal distances, the first at 0. */
  readonly ticks: readonly { readonly value: number; readonly text: string }[];
}

const MAX_INTERVALS = 5;
/** Values up to this one are drawn as 0. */
const NOTHING = 1e-9;

/** Axis with round ticks that holds a value. Ticks are 1, 2 or 5 times a power of ten apart, and whole for things that are whole. */
export function valueAxis(maximum: number, isWhole = false): ValueAxis {
  const largest = maximum > NOTHING ? Math.max(maximum, isWhole ? 1 : 0) : 1;
  const power = Math.pow(10, Math.floor(Math.log10(largest / MAX_INTERVALS)));
  const step = [1, 2, 5, 10]
    .map((each) => each * power)
    .filter((each) => !isWhole || each >= 1)
    .find((each) => largest / each <= MAX_INTERVALS + 1e-9)!;
  const intervals = Math.max(1, Math.ceil(largest / step - 1e-9));
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return {
    end: Number((intervals * step).toPrecision(12)),
    ticks: Array.from({ length: intervals + 1 }, (_, index) => ({
      value: Number((index * step).toPrecision(12)),
      text: numberText(index * step, decimals),
    })),
  };
}

/** Ratio of a scale that counts nines: the fewer percent are missing to 100, the higher. 100 % itself is at 1. */
export function ninesHeight(percent: number, lowestPercent: number): number {
  const bottom = Math.log10(100 - lowestPercent);
  const top = Math.log10(MIN_MISSING_PERCENT);
  const missing = Math.log10(Math.max(MIN_MISSING_PERCENT, 100 - percent));
  return Math.min(1, Math.max(0, (bottom - missing) / (bottom - top)));
}

/** Missing percent that the scale of nines tells from none. */
const MIN_MISSING_PERCENT = 0.001;

/** Ticks of a scale of nines, from its lowest percentage on. */
export function ninesTicks(lowestPercent: number): readonly number[] {
  return [0, 50, 80, 90, 95, 99, 99.9, 99.99].filter((percent) => percent >= lowestPercent);
}
