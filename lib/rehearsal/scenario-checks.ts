import { throwProblems } from '../core/errors';
import { parseThreshold, type FailureThreshold } from '../simulation/simulator';
import type { RehearsalScenario, RequestCounts } from './rehearsal-scenario';

/** The most requests of one step, and the most steps: a year of seconds. */
const MOST_REQUESTS = 1e9;
const MOST_STEPS = 366 * 86_400;

/**
 * Refuses scenarios that cannot be rehearsed, before anything is synthesized.
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
      problems.push(`${where}: '${twin}' is called the same up to punctuation; rename one of them`);
    }
    slugs.set(slug, scenario.name);
    problems.push(...scenarioProblems(scenario).map((problem) => `${where}: ${problem}`));
  });
  throwProblems('RehearsalCheck', problems);
}

/** A scenario's name as part of a rule's id. */
export function scenarioSlug(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-|-$/g, '');
}

/** The thresholds of a scenario that has passed {@link checkScenarios}. */
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
  if (requests.length > MOST_STEPS) {
    problems.push(`counts.requests has ${requests.length} steps; at most ${MOST_STEPS} can be rehearsed`);
  }
  const wrong = requests.findIndex((count) => !(Number.isInteger(count) && count >= 0 && count <= MOST_REQUESTS));
  if (wrong >= 0) {
    problems.push(
      `counts.requests[${wrong}] (${requests[wrong]}) must be a whole number from 0 to ${MOST_REQUESTS}; correct it`,
    );
  } else if (!requests.some((count) => count > 0)) {
    problems.push('counts.requests holds no request; give at least one step with traffic');
  }
  return problems;
}
