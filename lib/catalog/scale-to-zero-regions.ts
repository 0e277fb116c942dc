/** That a region refuses endpoints of inference components without an instance, and where it was seen. */
export interface ScaleToZeroRefusal {
  /** The day it was seen, `YYYY-MM-DD`. */
  readonly seenOn: string;
  readonly source: string;
}

/**
 * AWS publishes no list of the regions in which inference components scale to zero: these refused a minimum of no instances ("Min instance
 * count needs to be greater than 0 for enabled managed instance scaling") on the day that is named. Others are not known to.
 */
const REFUSED: ReadonlyMap<string, ScaleToZeroRefusal> = new Map([
  ['eu-west-3', { seenOn: '2026-08-27', source: 'https://github.com/stdapi-ai/stdapi.ai/issues/43' }],
]);

/** Whether a region is known to refuse inference components at zero; undefined where it is not. */
export function refusesScaleToZero(region: string): ScaleToZeroRefusal | undefined {
  return REFUSED.get(region);
}
