import { Option, type Command } from 'commander';
import { isPrice, PRICE_RANGE } from '../lib/catalog/prices';
import { InputError } from '../lib/core/errors';
import { DEFAULT_QUIET_METRICS, QUIET_METRICS } from '../lib/simulation/aws/sagemaker-metrics';
import { RETRY_MODES, type CallerRetries, type Provisioning, type RetryMode } from '../lib/simulation/fleet';
import { checkZone } from '../lib/simulation/clock';
import { parseThreshold, type CapacityFailure, type FailureThreshold } from '../lib/simulation/rehearse';
import type { TimeUnit, ValueKind } from '../lib/simulation/traffic';
import type { ParameterValues } from '../lib/template';

/** Lets a command take templates, as arguments or with `--template`. */
export function takesTemplates(command: Command): Command {
  return command
    .argument(
      '[templates...]',
      'templates, JSON or YAML; folders of them, such as cdk.out; quoted patterns; - for stdin',
    )
    .option('--template <files...>', 'the same as a flag, for example --template cdk.out');
}

/**
 * Templates that the arguments and `--template` name.
 *
 * @throws InputError when they name none
 */
export function givenTemplates(
  names: readonly string[],
  { template = [] }: { readonly template?: string[] },
): string[] {
  const given = [...names, ...template];
  if (given.length > 0) return given;
  throw new InputError('no template is given; name files or folders, for example cdk.out or stack.yaml');
}

/** Returns a parser of numbers from `min` to `max`; it throws an {@link InputError} that names the flag, the value and the limits. */
export function numberFlag(flag: string, min = 0, max = Infinity, unit = ''): (text: string) => number {
  const limits = max === Infinity ? `of at least ${min}` : `from ${min} to ${max}`;
  return (text) => {
    const value = /^\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : NaN;
    if (Number.isFinite(value) && value >= min && value <= max) return value;
    throw new InputError(`${flag} is '${text}'; it must be a number ${limits}${unit && ` ${unit}`}`);
  };
}

/** Returns a parser of whole numbers from `min` to `max`. */
export function wholeNumberFlag(flag: string, min: number, max: number): (text: string) => number {
  const parse = numberFlag(flag, min, max);
  return (text) => {
    const value = parse(text);
    if (Number.isInteger(value)) return value;
    throw new InputError(`${flag} is '${text}'; it must be a whole number`);
  };
}

/** Parses `--provisioning`: one median, or a comma-separated list of measured seconds. */
export function provisioningFlag(text: string): Provisioning {
  const values = text.split(',').map(numberFlag('--provisioning', 0, 86_400));
  return values.length === 1
    ? { kind: 'lognormal', medianSeconds: values[0]!, sigma: values[0] === 0 ? 0 : 0.2 }
    : { kind: 'measured', seconds: values };
}

/** Parses `--start`: a time as text, or seconds since 1970. Returns seconds since 1970. */
export function startFlag(text: string): number {
  const at = /^\d+$/.test(text) ? Number(text) : Date.parse(text) / 1000;
  if (Number.isFinite(at) && at >= 0) return at;
  throw new InputError(`--start is '${text}'; write a time such as 2026-01-05T00:00:00Z, or seconds since 1970`);
}

/** Parses `--timezone`: a name of the time zone database, or an offset from UTC. */
export function timezoneFlag(text: string): string {
  try {
    checkZone(text);
  } catch {
    throw new InputError(
      `--timezone is '${text}', which is not known; write a name such as Europe/Berlin, UTC or +01:00`,
    );
  }
  return text;
}

/** Parses one `TYPE=USD` of `--price`. */
export function priceFlag(
  text: string,
  earlier: { readonly [instanceType: string]: number } | undefined,
): { [instanceType: string]: number } {
  const [, instanceType, usd] = /^([\w.-]+)=(\d+(?:\.\d+)?)$/.exec(text) ?? [];
  if (instanceType === undefined || !isPrice(Number(usd))) {
    throw new InputError(
      `--price is '${text}'; write a type and its USD per hour (${PRICE_RANGE}), such as ml.g5.xlarge=1.41`,
    );
  }
  return { ...earlier, [instanceType]: Number(usd) };
}

/** Parses one `TYPE=COUNT` of `--quota`. */
export function quotaFlag(
  text: string,
  earlier: { readonly [instanceType: string]: number } | undefined,
): { [instanceType: string]: number } {
  const [, instanceType, count] = /^(ml\.[a-z0-9.-]+)=(\d{1,6})$/.exec(text) ?? [];
  if (instanceType === undefined) {
    throw new InputError(`--quota is '${text}'; write a type and its number of instances, for example ml.g5.xlarge=8`);
  }
  return { ...earlier, [instanceType]: Number(count) };
}

/** Parses one `NAME=VALUE` of `--parameter`. */
export function parameterFlag(text: string, earlier: ParameterValues | undefined): ParameterValues {
  const [, name, value] = /^([A-Za-z0-9]+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw new InputError(`--parameter is '${text}'; write a name and its value, such as Stage=prod`);
  }
  return { ...earlier, [name]: value };
}

/** Parses one `NAME=VALUE` of `--context`. */
export function contextFlag(
  text: string,
  earlier: { readonly [name: string]: string } | undefined,
): { readonly [name: string]: string } {
  const [, name, value] = /^([A-Za-z@][\w@/:.-]*)=(.+)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw new InputError(`--context is '${text}'; write a name and its value, such as stage=dev`);
  }
  return { ...earlier, [name]: value };
}

/** Parses `--region`. */
export function regionFlag(text: string): string {
  if (/^[a-z]{2,4}(-[a-z]+)+-\d{1,2}$/.test(text)) return text;
  throw new InputError(`--region is '${text}', which is not a region of AWS; write for example eu-west-3`);
}

/** Parses one region of several in `--region`. */
export function regionsFlag(text: string, earlier: readonly string[] | undefined): string[] {
  return [...(earlier ?? []), regionFlag(text)];
}

/** Parses one `TYPE:FROM-TO` of `--capacity-failure`. */
export function capacityFailureFlag(text: string, earlier: CapacityFailure[] | undefined): CapacityFailure[] {
  const [, instanceType, from, to] = /^([\w.-]+):(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)$/.exec(text) ?? [];
  if (instanceType === undefined || !(Number(to) > Number(from))) {
    throw new InputError(
      `--capacity-failure is '${text}'; write a type and two moments in seconds, such as ml.g5.xlarge:3600-5400`,
    );
  }
  return [...(earlier ?? []), { instanceType, fromSeconds: Number(from), toSeconds: Number(to) }];
}

/** Parses one threshold of `--fail-if`. */
export function failIfFlag(text: string, earlier: FailureThreshold[] | undefined): FailureThreshold[] {
  return [...(earlier ?? []), parseThreshold(text)];
}

/** Returns `--abandoned-work`, for containers that notice when a caller gives up. */
export function abandonedWorkOption(): Option {
  return new Option(
    '--abandoned-work <what>',
    'requests that time out in the queue of a container are served all the same, or dropped (default: served)',
  ).choices(['served', 'dropped']);
}

/** Flags about callers whose requests fail. */
export interface RetryFlags {
  readonly retries?: RetryMode;
  readonly retryAttempts?: number;
  readonly retryClients?: number;
}

/** Adds the flags about callers that try again. */
export function takesRetries(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--retries <mode>',
        'callers whose requests time out or are rejected try again as AWS SDKs do: in the standard mode (3 attempts), the legacy one of Boto3 ' +
          '(5 attempts), or none (default: standard; none for metrics, which contain retries, and where no caller waits)',
      ).choices(RETRY_MODES),
    )
    .option(
      '--retry-attempts <n>',
      'attempts of one request, the first included (default: those of the mode)',
      wholeNumberFlag('--retry-attempts', 1, 20),
    )
    .option(
      '--retry-clients <n>',
      'SDK clients that share the traffic, each with a retry quota in the standard mode (default: 10)',
      wholeNumberFlag('--retry-clients', 1, 1e9),
    );
}

/**
 * Retries of the flags; undefined where none is given.
 *
 * @throws InputError for attempts or clients without anybody who tries again
 */
export function givenRetries({ retries, retryAttempts, retryClients }: RetryFlags): CallerRetries | undefined {
  if (retries === undefined && retryAttempts === undefined && retryClients === undefined) return undefined;
  const [flag, value] =
    retryAttempts === undefined ? ['--retry-clients', retryClients] : ['--retry-attempts', retryAttempts];
  if (retries === 'none' && value !== undefined) {
    throw new InputError(`--retries is 'none' and ${flag} is ${value}; leave one of them out`);
  }
  if (retries === 'legacy' && retryClients !== undefined) {
    throw new InputError(
      `--retry-clients is ${retryClients}, and the legacy mode has no retry quota; leave it out, or take --retries standard`,
    );
  }
  return {
    mode: retries ?? 'standard',
    ...(retryAttempts !== undefined && { maxAttempts: retryAttempts }),
    ...(retryClients !== undefined && { clients: retryClients }),
  };
}

/** Returns `--quiet-metrics`, for what AWS's guide has said in two ways. */
export function quietMetricsOption(): Option {
  return new Option(
    '--quiet-metrics <what>',
    `metrics of requests that SageMaker publishes without any (default: ${DEFAULT_QUIET_METRICS})`,
  ).choices(QUIET_METRICS);
}

/** Meanings of the numbers of a metric, by the value of `--rate`. */
const RATES = { second: 'per-second', minute: 'per-minute', step: 'count', counter: 'counter' } as const;

/** Flags about the units of a trace. */
export interface TraceUnitFlags {
  readonly timeUnit?: TimeUnit;
  readonly rate?: keyof typeof RATES;
}

/** Adds the flags about the units of a trace. */
export function takesTraceUnits(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--time-unit <unit>',
        'unit of timestamps that are numbers (default: by magnitude, name and fractions)',
      ).choices(['s', 'ms', 'us', 'ns']),
    )
    .addOption(
      new Option(
        '--rate <per>',
        'numbers of a metric are requests per second, per minute, per step, or of a counter (default: by name and numbers)',
      ).choices(Object.keys(RATES)),
    );
}

/** Units of a trace as the reader takes them. */
export function traceUnits({ timeUnit, rate }: TraceUnitFlags): {
  readonly timeUnit?: TimeUnit;
  readonly valueKind?: ValueKind;
} {
  return { ...(timeUnit !== undefined && { timeUnit }), ...(rate !== undefined && { valueKind: RATES[rate] }) };
}

/** Flag with the price file. */
export function pricesOption(): Option {
  return new Option('--prices <file>', 'price file of `tidegate prices update`, for the regions of the fleets');
}

/** Flag with single prices; it may be repeated. */
export function priceOption(): Option {
  return new Option(
    '--price <type=usd...>',
    'USD per instance-hour, where the dated table has none or another',
  ).argParser(priceFlag);
}

/** Parses `--stage`. */
export function stageFlag(text: string): string {
  if (/^[a-z][a-z0-9-]{0,30}$/.test(text)) return text;
  throw new InputError(`--stage is '${text}'; it must be a short name in lower case, such as local, dev or prod`);
}

/** Parses `--endpoint`. Returns the URL without its path. */
export function endpointFlag(text: string): string {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new InputError(`--endpoint is '${text}'; give a URL such as http://127.0.0.1:4566`);
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new InputError(`--endpoint is '${text}'; its protocol must be http or https`);
  }
  if (/(^|\.)(amazonaws\.com(\.cn)?|api\.aws)$/i.test(url.hostname)) {
    throw new InputError(
      `--endpoint is '${text}'; a local run never talks to AWS itself. Deploy there with cdk deploy`,
    );
  }
  return `${url.protocol}//${url.host}`;
}
