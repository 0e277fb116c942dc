import { InputError } from '../../lib/core/errors';
import { isObject, parseValue, syntaxProblem, type JsonNode } from '../../lib/core/parse';
import { readText } from '../../lib/files/read-text';
import { checkServiceTimes, type ServiceTimes } from '../../lib/simulation/traffic/service-times';
import { shownValue } from '../../lib/simulation/traffic/trace-text';
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
  let text: string;
  try {
    text = readText(file);
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(
      `--profile is '${file}', which cannot be read (${(error as NodeJS.ErrnoException).code}); check the path`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InputError(`${file}: this is not JSON (${syntaxProblem(error)}); write ${FORMS}`);
  }
  if (!isObject(value)) throw new InputError(`${file}: a profile is an object such as ${FORMS}`);
  const unknown = Object.keys(value).filter((name) => !KNOWN.includes(name));
  if (unknown.length > 0) {
    throw new InputError(`${file}: unknown field ${shownValue(unknown.join(', '))}; write ${FORMS}`);
  }
  const service = parseValue(file, value, serviceOf);
  try {
    checkServiceTimes(service);
    return service;
  } catch (error) {
    throw error instanceof InputError ? new InputError(`${file}: ${error.message}`) : error;
  }
}

function serviceOf(fields: JsonNode): ServiceTimes {
  const measured = fields.at('measuredSeconds');
  if (!measured.isAbsent) return { kind: 'measured', seconds: measured.items().map((one) => one.number('seconds')) };
  const distribution = fields.at('distribution');
  if (!distribution.isAbsent) {
    const coefficientOfVariation = fields.at('coefficientOfVariation').optional((one) => one.number());
    return {
      kind: 'distribution',
      distribution: distribution.oneOf(DISTRIBUTIONS),
      meanSeconds: fields.at('meanSeconds').number('a number of seconds'),
      ...(coefficientOfVariation !== undefined && { coefficientOfVariation }),
    };
  }
  const speed = (name: keyof typeof DEFAULT_SERVICE_PROFILE): number =>
    fields.at(name).optional((one) => one.number()) ?? DEFAULT_SERVICE_PROFILE[name];
  return {
    kind: 'tokens',
    profile: {
      overheadSeconds: speed('overheadSeconds'),
      prefillTokensPerSecond: speed('prefillTokensPerSecond'),
      decodeTokensPerSecond: speed('decodeTokensPerSecond'),
    },
  };
}
