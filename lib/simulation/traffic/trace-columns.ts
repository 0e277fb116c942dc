/** Normalized names of columns and fields: letters and digits in lower case. */
const TIME_NAMES = [
  'timestamp',
  'time',
  'ts',
  'datetime',
  'date',
  'epoch',
  'unixtime',
  'arrivedat',
  'arrivaltime',
  'arrivaltimestamp',
  'arrival',
  'starttime',
  'startedat',
  'startedatetime',
  'starteddatetime',
  'start',
  'requesttime',
  'requesttimestamp',
  'eventtime',
  'createdat',
  'received',
  'receivedat',
];

const CONTEXT_NAMES = [
  'contexttokens',
  'requesttokens',
  'inputtokens',
  'prompttokens',
  'inputlength',
  'promptlength',
  'numprefilltokens',
  'numprompttokens',
];

const GENERATED_NAMES = [
  'generatedtokens',
  'responsetokens',
  'outputtokens',
  'completiontokens',
  'outputlength',
  'generatedlength',
  'numdecodetokens',
  'numgeneratedtokens',
];

const VALUE_NAMES = ['value', 'sum', 'samplecount', 'count', 'requests', 'requestcount', 'invocations'];

const COUNT_NAMES = ['requests', 'requestcount', 'count', 'arrivals', 'invocations'];

/** True if the name of a column says that it counts requests. */
export function isCount(name: string): boolean {
  return COUNT_NAMES.includes(normalized(name));
}

const RATE_NAMES = [
  'requestss',
  'rps',
  'qps',
  'tps',
  'requestspersecond',
  'requestspersec',
  'reqss',
  'reqspersec',
  'reqpers',
  'reqs',
  'persecond',
];

/** Meaning of the number in a row. */
export type ValueKind = 'count' | 'per-second' | 'per-minute' | 'counter';

/** Places of the columns that a trace has; -1 for one that it has not. */
export interface TraceColumns {
  readonly time: number;
  readonly context: number;
  readonly generated: number;
  readonly value: number;
  readonly valueKind: ValueKind;
}

function normalized(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}

/** Name of a time without the unit at its end. */
function timeName(name: string): string {
  return normalized(name).replace(/(millis(econds)?|micros(econds)?|nanos(econds)?|seconds|secs?|ms|us|ns)$/, '');
}

/** Names of numbers that count no requests: statistics other than sums, times, shares, sizes, codes. */
const NO_COUNTS =
  /(^| )(average|avg|mean|median|minimum|maximum|min|max|p\d{1,2}(\.\d+)?|percentile|stddev|latency|duration|elapsed|took|(response|service|wait|queue) ?time|delay|utili[sz]ation|percent|pct|bytes|size|memory|temperature|status|code|tokens?|users?|ms|millis(econds)?)( |$)/i;

/** True if the name of a column says that its numbers count no requests. */
export function countsNoRequests(name: string): boolean {
  const words = name
    .replace(/([a-z\d])([A-Z])/g, '$1 $2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .replace(/[^A-Za-z\d.]+/g, ' ');
  return NO_COUNTS.test(words);
}

/** Kind of value in a column with this name. */
function valueKindOf(column: string): ValueKind {
  const name = column.replaceAll('_', ' ');
  if (/(\/|\bper[ _]?|[a-z]Per)\s*(m|min|minute)s?\b|^[rq]pm$/i.test(name)) return 'per-minute';
  if (/(\/|\bper[ _]?|[a-z]Per)\s*(s|sec|second)s?\b|^[rqt]ps$|\breq(uest)?s?_?rate\b/i.test(name)) return 'per-second';
  return /(_|\b|[a-z])(total|cumulative)\b|counter/i.test(name) ? 'counter' : 'count';
}

/** Places of the columns of a trace, by their names. */
export function traceColumns(header: readonly string[]): TraceColumns {
  const names = header.map(normalized);
  const find = (known: readonly string[]): number => names.findIndex((name) => known.includes(name));
  const times = header.map(timeName);
  // CloudWatch Logs Insights names the moments of `stats count(*) by bin(5m)` so.
  const bin = header.findIndex((name) => /^bin\(/i.test(name));
  const exact = bin >= 0 ? bin : find(TIME_NAMES);
  const time = exact >= 0 ? exact : times.findIndex((name) => TIME_NAMES.includes(name));
  const rate = names.findIndex((name, index) => RATE_NAMES.includes(name) || isRate(header[index]!));
  const plain = find(VALUE_NAMES);
  const counter = header.findIndex((name, index) => index !== time && valueKindOf(name) === 'counter');
  const value = plain >= 0 ? plain : rate >= 0 ? rate : counter;
  return {
    time,
    context: find(CONTEXT_NAMES),
    generated: find(GENERATED_NAMES),
    value,
    valueKind:
      value < 0
        ? 'count'
        : value === rate && plain < 0 && !isPerMinute(header[value]!)
          ? 'per-second'
          : valueKindOf(header[value]!),
  };
}

function isPerMinute(name: string): boolean {
  return valueKindOf(name) === 'per-minute';
}

function isRate(name: string): boolean {
  const kind = valueKindOf(name);
  return /req|invoc|rate|[rqt]p[sm]/i.test(name) && (kind === 'per-second' || kind === 'per-minute');
}
