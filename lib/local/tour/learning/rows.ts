import { Random } from '../../../simulation/random';

/** A row of the classifier with its label. */
export interface LearningRow {
  readonly id: string;
  readonly features: readonly number[];
  readonly label: string;
}

const FEATURES = 16;
/** Distance of the centres of two labels, in standard deviations of a feature: a network of two layers tells them apart in about 99 of 100 rows. */
const SPREAD = 1.3;

/** Labels of the first rows, and those that come later. */
export const FIRST_LABELS = ['calm', 'ebb', 'flood', 'neap'] as const;
export const LATER_LABELS = ['spring', 'surge'] as const;
export const ALL_LABELS = [...FIRST_LABELS, ...LATER_LABELS] as const;

/** Generates labelled rows: each label is a normal distribution around a centre of its own. Equal seeds and prefixes give equal rows. */
export function generateRows(
  seed: number | string,
  labels: readonly string[],
  { count, prefix }: { readonly count: number; readonly prefix: string },
): LearningRow[] {
  const noise = new Random(`${seed}-${prefix}`);
  const centres = new Map(labels.map((label) => [label, centreOf(label)]));
  return Array.from({ length: count }, (_, index) => {
    const label = labels[index % labels.length]!;
    const features = centres.get(label)!.map((centre) => round(centre + noise.normal()));
    return { id: `${prefix}-${index}`, features, label };
  });
}

/** The centre of a label is the same for every seed, as the first model knows those of the first labels. */
function centreOf(label: string): number[] {
  const random = new Random(`tides-${label}`);
  return Array.from({ length: FEATURES }, () => SPREAD * random.normal());
}

const round = (value: number): number => Math.round(value * 1e4) / 1e4;

/** Returns values as JSON lines. */
export const linesOf = (values: readonly object[]): string =>
  values.map((value) => `${JSON.stringify(value)}\n`).join('');

/** Body of the request for a row's label: tensors of KServe's open inference protocol. */
export function requestOf({ id, features }: Pick<LearningRow, 'id' | 'features'>): string {
  const tensor = { name: 'features', datatype: 'FP32', shape: [1, features.length], data: features };
  return JSON.stringify({ id, inputs: [tensor] });
}

interface Tensors {
  readonly outputs: readonly { readonly name: string; readonly data: readonly unknown[] }[];
}

/** Label in the response to such a request; undefined where it names none. */
export const labelOf = (response: string): unknown =>
  (JSON.parse(response) as Tensors).outputs.find(({ name }) => name === 'label')?.data[0];

/** Formats a share that was lost; nothing below zero. */
export const points = (value: number): string => `${(100 * Math.max(0, value)).toFixed(1)} points`;

export const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;
