import * as fs from 'node:fs';
import { InputError } from '../../lib/core/errors';
import { checkServiceTimes, type ServiceTimes } from '../../lib/simulation/traffic/service-times';
import { DEFAULT_SERVICE_PROFILE } from '../../lib/simulation/traffic/service-profile';

const FORMS =
  '{"overheadSeconds": 0.05, "prefillTokensPerSecond": 8000, "decodeTokensPerSecond": 50}, ' +
  '{"distribution": "lognormal", "meanSeconds": 2, "coefficientOfVariation": 1} or {"measuredSeconds": [1.2, 0.8]}';

const KNOWN = [
  'overheadSeconds',
  'prefillTokensPerSecond',
  'decodeTokensPerSecond',
  'distribution',
  'meanSeconds',
  'coefficientOfVariation',
  'measuredSeconds',
];

const DISTRIBUTIONS = ['constant', 'exponential', 'lognormal', 'gamma'] as const;

/**
 * Reads service times: token speeds, a distribution, or measured seconds.
 *
 * @throws InputError naming the file, the field and what is allowed.
 */
export function readServiceProfile(file: string): ServiceTimes {
  let value: unknown;
  try {
    value = JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new InputError(
      code === undefined
        ? `${file}: this is not JSON (${message}); write ${FORMS}`
        : `--profile is '${file}', which cannot be read (${code}); check the path`,
    );
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InputError(`${file}: a profile is an object such as ${FORMS}`);
  }
  const fields = value as { readonly [name: string]: unknown };
  const unknown = Object.keys(fields).filter((name) => !KNOWN.includes(name));
  if (unknown.length > 0) throw new InputError(`${file}: unknown field ${unknown.join(', ')}; write ${FORMS}`);
  try {
    const service = serviceOf(fields, file);
    checkServiceTimes(service);
    return service;
  } catch (error) {
    if (error instanceof InputError && !error.message.startsWith(file))
      throw new InputError(`${file}: ${error.message}`);
    throw error;
  }
}

function serviceOf(fields: { readonly [name: string]: unknown }, file: string): ServiceTimes {
  const { measuredSeconds, distribution } = fields;
  if (measuredSeconds !== undefined) {
    if (!Array.isArray(measuredSeconds)) throw new InputError(`${file}: measuredSeconds is not a list; write ${FORMS}`);
    return { kind: 'measured', seconds: measuredSeconds.map(Number) };
  }
  if (distribution !== undefined) {
    const known = DISTRIBUTIONS.find((name) => name === distribution);
    if (known === undefined) {
      throw new InputError(`${file}: distribution is '${String(distribution)}'; there are ${DISTRIBUTIONS.join(', ')}`);
    }
    return {
      kind: 'distribution',
      distribution: known,
      meanSeconds: Number(fields['meanSeconds']),
      ...(fields['coefficientOfVariation'] !== undefined && {
        coefficientOfVariation: Number(fields['coefficientOfVariation']),
      }),
    };
  }
  const profile = { ...DEFAULT_SERVICE_PROFILE };
  const read = (name: keyof typeof profile): number =>
    fields[name] === undefined ? profile[name] : Number(fields[name]);
  return {
    kind: 'tokens',
    profile: {
      overheadSeconds: read('overheadSeconds'),
      prefillTokensPerSecond: read('prefillTokensPerSecond'),
      decodeTokensPerSecond: read('decodeTokensPerSecond'),
    },
  };
}
