/** A refusal that was seen. */
export interface ScaleToZeroRefusal {
  /** The day on which the service refused. */
  readonly seenOn: string;
  /** Where it is reported. */
  readonly source: string;
}

/**
 * Regions in which SageMaker was seen to refuse `MinInstanceCount: 0` of managed instance scaling ("Min instance count needs to be greater
 * than 0 for enabled managed instance scaling"). AWS publishes no such list: a region that is not here was not seen to refuse.
 */
const REFUSALS: ReadonlyMap<string, ScaleToZeroRefusal> = new Map([
  ['eu-west-3', { seenOn: '2026-08-27', source: 'https://github.com/stdapi-ai/stdapi.ai/issues/43' }],
]);

/** When and where a region was seen to refuse zero instances behind inference components; undefined where it was not. */
export function refusesScaleToZero(region: string): ScaleToZeroRefusal | undefined {
  return REFUSALS.get(region);
}
