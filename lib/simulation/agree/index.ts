/**
 * The command `agree`: recorded days, rehearsed, and how far the rehearsal is from what happened.
 *
 *     replay       the rehearsal, period by period as the recording has it
 *     agreement    the comparison
 *     within       the measure: share of the time with values at most a tolerance apart
 */
export * from './agreement';
export { agreementText } from './agreement-text';
export { replay } from './replay';
