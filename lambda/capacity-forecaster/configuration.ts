import { InputError, throwProblems } from '../../lib/core/errors';
import { FORECASTER_ENVIRONMENT, type ForecasterConfiguration } from '../../lib/scaling/contract';

interface Fields {
  readonly [name: string]: unknown;
}

/** Reads what {@link FORECASTER_ENVIRONMENT}`.configuration` holds; throws an {@link InputError} that lists every problem. */
export function parseForecasterConfiguration(text: string): ForecasterConfiguration {
  const where = FORECASTER_ENVIRONMENT.configuration;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new InputError(`${where} is no JSON: ${text.slice(0, 80)}`);
  }
  if (!isFields(value)) throw new InputError(`${where} is no JSON object: ${text.slice(0, 80)}`);

  const problems = [...checkTexts(value, '', ['resourceId', 'scalableDimension', 'serviceNamespace'])];
  if (typeof value['active'] !== 'boolean')
    problems.push(`active is ${JSON.stringify(value['active'])}; use true or false`);
  problems.push(...checkDemand(value['demand']), ...checkSettings(value['settings']));
  throwProblems(where, problems);
  return value as unknown as ForecasterConfiguration;
}

function checkDemand(demand: unknown): string[] {
  if (!isFields(demand)) return ['demand is missing; name the metric that counts the requests'];
  const { dimensions } = demand;
  if (!isFields(dimensions)) return ['demand.dimensions is missing; use an object of names and values'];
  return [
    ...checkTexts(demand, 'demand.', ['namespace', 'metricName', 'statistic']),
    ...checkTexts(dimensions, 'demand.dimensions.', Object.keys(dimensions)),
  ];
}

function checkSettings(settings: unknown): string[] {
  if (!isFields(settings)) return ['settings is missing; name slots, seconds and limits'];
  const problems = ['slotsPerInstance', 'serviceSeconds', 'provisioningSeconds']
    .filter((name) => !isNumber(settings[name]) || settings[name] <= 0)
    .map((name) => `settings.${name} is ${JSON.stringify(settings[name])}; a number above 0 is needed`);
  const { minCapacity, maxCapacity } = settings;
  for (const [name, limit] of Object.entries({ minCapacity, maxCapacity }))
    if (!Number.isInteger(limit) || (limit as number) < 0)
      problems.push(`settings.${name} is ${JSON.stringify(limit)}; a whole number of instances is needed`);
  if (isNumber(minCapacity) && isNumber(maxCapacity) && minCapacity > maxCapacity)
    problems.push(`settings.minCapacity (${minCapacity}) is above settings.maxCapacity (${maxCapacity})`);
  return problems;
}

function checkTexts(from: Fields, prefix: string, names: readonly string[]): string[] {
  return names
    .filter((name) => typeof from[name] !== 'string' || from[name] === '')
    .map((name) => `${prefix}${name} is ${JSON.stringify(from[name])}; a text is needed`);
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}
