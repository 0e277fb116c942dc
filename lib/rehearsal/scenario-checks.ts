import { throwProblems } from '../core/errors';
import { parseThreshold, type FailureThreshold } from '../simulation/rehearse';
import type { RehearsalScenario, RequestCounts } from './rehearsal-scenario';

/** Maximum number of requests in a step. */
const MAX_REQUESTS = 1e9;
/** Maximum number of steps: a year of seconds. */
const MAX_STEPS = 366 * 86_400;

/**
 * Checks scenarios before anything is synthesized.
 *
 * @throws InputError naming every problem.
 */
export function checkScenarios(scenarios: readonly RehearsalScenario[]): void {
  const problems: string[] = [];
  if (scenarios.length === 0) problems.push('scenarios is empty; name at least one');
  const slugs = new Map<string, string>();
  scenarios.forEach((scenario, index) => {
    const where = scenario.name === '' ? `scenarios[${index}]` : `scenario '${scenario.name}'`;
    const slug = scenarioSlug(scenario.name);
    const twin = slugs.get(slug);
    if (slug === '') problems.push(`${where}: name must have at least one letter or digit`);
    else if (twin !== undefined) {
      problems.push(`${where}: '${twin}' has the same name apart from case and punctuation; rename one of them`);
    }
    slugs.set(slug, scenario.name);
    problems.push(...scenarioProblems(scenario).map((problem) => `${where}: ${problem}`));
  });
  throwProblems('RehearsalCheck', problems);
}

/** Name of a scenario as part of a rule's id. */
export function scenarioSlug(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-|-$/g, '');
}

/** Thresholds of a scenario that has passed {@link checkScenarios}. */
export function thresholdsOf({ failIf }: RehearsalScenario): FailureThreshold[] {
  return failIf.map(parseThreshold);
}

function scenarioProblems(scenario: RehearsalScenario): string[] {
  const { trace, counts, failIf, fleet, seed } = scenario;
  const problems: string[] = [];
  if ((trace === undefined) === (counts === undefined)) problems.push('give either trace or counts');
  if (trace === '') problems.push('trace is empty; name a file');
  if (counts !== undefined) problems.push(...countProblems(counts));
  if (failIf.length === 0) problems.push('failIf is empty, so nothing can fail; write a condition such as slo<99');
  for (const text of failIf) {
    try {
      parseThreshold(text);
    } catch (error) {
      problems.push((error as Error).message.replace(/^--fail-if is/, 'failIf has'));
    }
  }
  if (fleet === '') problems.push('fleet is empty; leave it out to rehearse every fleet');
  if (seed !== undefined && !(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32)) {
    problems.push(`seed (${seed}) must be a whole number from 0 to ${2 ** 32 - 1}`);
  }
  for (const name of ['provisioning', 'sloWait'] as const) {
    const duration = scenario[name];
    if (duration === undefined || duration.isUnresolved()) continue;
    const seconds = duration.toSeconds({ integral: false });
    if (seconds > 86_400) problems.push(`${name} (${seconds} s) must be at most a day`);
  }
  return problems;
}

function countProblems({ stepSeconds, requests }: RequestCounts): string[] {
  const problems: string[] = [];
  if (!(stepSeconds >= 0.001 && stepSeconds <= 86_400)) {
    problems.push(`counts.stepSeconds (${stepSeconds}) must be a number from 0.001 to 86400`);
  }
  if (requests.length > MAX_STEPS) {
    problems.push(`counts.requests has ${requests.length} steps; at most ${MAX_STEPS} can be rehearsed`);
  }
  const wrong = requests.findIndex((count) => !(Number.isInteger(count) && count >= 0 && count <= MAX_REQUESTS));
  if (wrong >= 0) {
    problems.push(
      `counts.requests[${wrong}] (${requests[wrong]}) must be a whole number from 0 to ${MAX_REQUESTS}; correct it`,
    );
  } else if (!requests.some((count) => count > 0)) {
    problems.push('counts.requests holds no request; give at least one step with traffic');
  }
  return problems;
}
