export * from './generator';
export type { TraceOptions } from './request-rows';
export * from './request-source';
export { DEFAULT_TOKEN_LENGTHS, type TokenLengthDistribution, type TokenLengths } from './token-lengths';
export { parseTrace } from './trace';
export { splitLines } from './trace-text';
export * from './workload';
export type { TimeUnit } from './time-unit';
export type { ValueKind } from './trace-columns';
