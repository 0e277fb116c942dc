/** Date of the last comparison of the table with its source. */
export const HOSTING_TYPES_AS_OF = '2026-11-23';

/** sizes → families. Source: the values of `ProductionVariantInstanceType` in the SageMaker API. */
const SIZES: { readonly [sizes: string]: string } = {
  'large xlarge 2xlarge 4xlarge 8xlarge': 'c4',
  'large xlarge 2xlarge 4xlarge 9xlarge 18xlarge': 'c5 c5d',
  'large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge': 'c6g c6gd c6gn c7g m6g m6gd r6g r6gd',
  'large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge': 'c6i c6in m6i r6i',
  'large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge': 'c7i m7i r7i',
  'medium large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge': 'c8g m8g r8g',
  '24xlarge': 'dl1 p4d p4de',
  'xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge': 'g4dn',
  'xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge': 'g5 g6 g6e',
  '2xlarge 4xlarge 8xlarge 12xlarge 24xlarge 48xlarge': 'g7 g7e',
  'xlarge 2xlarge 6xlarge 24xlarge': 'inf1',
  'xlarge 8xlarge 24xlarge 48xlarge': 'inf2',
  'xlarge 2xlarge 4xlarge 10xlarge 16xlarge': 'm4',
  'large xlarge 2xlarge 4xlarge 12xlarge 24xlarge': 'm5 m5d r5 r5d',
  'xlarge 8xlarge 16xlarge': 'p2',
  '2xlarge 8xlarge 16xlarge': 'p3',
  '4xlarge 48xlarge': 'p5',
  '48xlarge': 'p5e p5en p6-b200 p6-b300 trn2',
  '36xlarge': 'p6e-gb200',
  'medium large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge': 'r7gd',
  'medium large xlarge 2xlarge': 't2',
  '2xlarge 32xlarge': 'trn1',
  '32xlarge': 'trn1n',
};

const NAMES: ReadonlySet<string> = new Set(
  Object.entries(SIZES).flatMap(([sizes, families]) =>
    families.split(' ').flatMap((family) => sizes.split(' ').map((size) => `ml.${family}.${size}`)),
  ),
);

/** Returns the names of all instance types that SageMaker offers for hosting. */
export function hostingTypeNames(): string[] {
  return [...NAMES];
}

/** True if SageMaker offered the type for hosting at the date of the table. */
export function isHostingType(name: string): boolean {
  return NAMES.has(name);
}
