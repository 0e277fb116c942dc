import { Random } from '../../../simulation/random';

/** A labelled row of the classifier, as JSON lines have it. */
export interface LearningRow {
  readonly id: string;
  readonly features: readonly number[];
  readonly label: string;
  /** Seconds since the epoch. */
  readonly time: number;
}

const FEATURES = 16;
/** Distance of the centres of two labels, in standard deviations of a feature: a network of two layers tells them apart in about 97 of 100 rows. */
const SPREAD = 0.85;

/** Labels of the first rows, and those that come later. */
export const FIRST_LABELS = ['calm', 'ebb', 'flood', 'neap'] as const;
export const LATER_LABELS = ['spring', 'surge'] as const;

/** Generates labelled rows: each label is a normal distribution around a centre of its own. Equal seeds give equal centres and rows. */
export function generateRows(
  seed: number,
  labels: readonly string[],
  options: { readonly count: number; readonly prefix: string; readonly time: number },
): LearningRow[] {
  const { count, prefix, time } = options;
  const noise = new Random(`${seed}-${prefix}`);
  const centres = new Map(labels.map((label) => [label, centreOf(seed, label)]));
  return Array.from({ length: count }, (_, index) => {
    const label = labels[index % labels.length]!;
    const features = centres.get(label)!.map((centre) => round(centre + noise.normal()));
    return { id: `${prefix}-${index}`, features, label, time };
  });
}

function centreOf(seed: number, label: string): number[] {
  const random = new Random(`${seed}-${label}`);
  return Array.from({ length: FEATURES }, () => SPREAD * random.normal());
}

const round = (value: number): number => Math.round(value * 1e4) / 1e4;

/** Returns rows as JSON lines. */
export const linesOf = (rows: readonly LearningRow[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
