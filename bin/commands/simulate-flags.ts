import { InputError } from '../../lib/core/errors';
import {
  parseThreshold,
  type CapacityFailure,
  type FailureThreshold,
  type Provisioning,
} from '../../lib/simulation/simulator';

/** A number within limits, or a refusal that names the flag. */
export function number(flag: string, least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : NaN;
    if (value >= least && value <= most) return value;
    throw new InputError(`${flag} is '${text}'; it must be a number from ${least} to ${most}`);
  };
}

/** A whole number within limits. */
export function whole(flag: string, least: number, most: number): (text: string) => number {
  const read = number(flag, least, most);
  return (text) => {
    const value = read(text);
    if (Number.isInteger(value)) return value;
    throw new InputError(`${flag} is '${text}'; it must be a whole number`);
  };
}

/** One median, or a comma-separated list of measured seconds. */
export function provisioning(text: string): Provisioning {
  const values = text.split(',').map(number('--provisioning', 0, 86_400));
  return values.length === 1
    ? { kind: 'lognormal', medianSeconds: values[0]!, sigma: values[0] === 0 ? 0 : 0.2 }
    : { kind: 'measured', seconds: values };
}

/** A time as text, in seconds since 1970. */
export function moment(text: string): number {
  const at = /^\d+$/.test(text) ? Number(text) : Date.parse(text) / 1000;
  if (Number.isFinite(at) && at >= 0) return at;
  throw new InputError(`--start is '${text}'; write a time such as 2026-01-05T00:00:00Z, or seconds since 1970`);
}

/** One more `TYPE=USD`. */
export function price(
  text: string,
  before: { readonly [instanceType: string]: number } | undefined,
): { [type: string]: number } {
  const [, instanceType, usd] = /^([\w.-]+)=(\d+(?:\.\d+)?)$/.exec(text) ?? [];
  if (instanceType === undefined || !(Number(usd) > 0)) {
    throw new InputError(`--price is '${text}'; write a type and its USD per hour, such as ml.g5.xlarge=1.41`);
  }
  return { ...before, [instanceType]: Number(usd) };
}

/** One more `TYPE:FROM-TO`. */
export function capacityFailure(text: string, before: CapacityFailure[] | undefined): CapacityFailure[] {
  const [, instanceType, from, to] = /^([\w.-]+):(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)$/.exec(text) ?? [];
  if (instanceType === undefined || !(Number(to) > Number(from))) {
    throw new InputError(
      `--capacity-failure is '${text}'; write a type and two moments in seconds, such as ml.g5.xlarge:3600-5400`,
    );
  }
  return [...(before ?? []), { instanceType, fromSeconds: Number(from), toSeconds: Number(to) }];
}

/** One more threshold. */
export function failIf(text: string, before: FailureThreshold[] | undefined): FailureThreshold[] {
  return [...(before ?? []), parseThreshold(text)];
}
