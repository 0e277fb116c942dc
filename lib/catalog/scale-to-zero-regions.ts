/** An observed refusal. */
export interface ScaleToZeroRefusal {
  /** Date of the refusal. */
  readonly seenOn: string;
  /** Report of the refusal. */
  readonly source: string;
}

/**
 * Regions in which SageMaker refused `MinInstanceCount: 0` of managed instance scaling ("Min instance count needs to be greater
 * than 0 for enabled managed instance scaling"). AWS publishes no such list: for other regions no refusal is known.
 */
const REFUSALS: ReadonlyMap<string, ScaleToZeroRefusal> = new Map([
  ['eu-west-3', { seenOn: '2026-08-27', source: 'https://github.com/stdapi-ai/stdapi.ai/issues/43' }],
]);

/** Returns the observed refusal of zero instances behind inference components in a region; undefined where none is known. */
export function refusesScaleToZero(region: string): ScaleToZeroRefusal | undefined {
  return REFUSALS.get(region);
}
