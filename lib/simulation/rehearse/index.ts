/**
 * The command `simulate`: one fleet under recorded traffic.
 *
 *     rehearse          checks the options, runs the loop, returns the result
 *     rehearsal-loop    requests → metrics → alarms → scaling → capacity → requests
 *       endpoint-engine   requests on instances that start, serve, drain and are billed
 *       alarm-metrics     the metrics that alarms watch, published every 10 or 60 seconds
 *       control-plane     CloudWatch's alarms and Application Auto Scaling
 *       rehearsed-guard   the cost guard, every minute
 *       rehearsal-record, timeline-builder, billing   the results so far
 *     rehearsed-spill   the same loop for the asynchronous endpoint that takes what spilled
 *     result            the loop's end as plain data: `Rehearsal`
 *     advice, thresholds   conclusions from a rehearsal
 *     rehearsal-text, rehearsal-html, rehearsal-charts   a rehearsal for people
 */
export { advise, type RehearseAgain } from './advice';
export { HOURS_PER_MONTH } from './billing';
export { type CapacityFailure, type RehearsalOptions } from './options';
export * from './rehearsal';
export { rehearsalHtml } from './rehearsal-html';
export { rehearsalText } from './rehearsal-text';
export { rehearse, rehearseWhile } from './rehearse';
export { type RehearsalBounds } from './rehearsal-loop';
export * from './thresholds';
