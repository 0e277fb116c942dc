import type {
  IPolicyValidationContext,
  IPolicyValidationPlugin,
  PolicyValidationPluginReport,
  PolicyViolation,
} from 'aws-cdk-lib';
import { InputError } from '../core/errors';
import {
  advise,
  crossedThresholds,
  rehearse,
  thresholdValueText,
  type FailureThreshold,
  type Rehearsal,
  type RehearsalOptions,
} from '../simulation/simulator';
import type { FleetBlueprint } from '../simulation/template';
import { DEFAULT_TOKEN_LENGTHS, type Workload } from '../simulation/workload';
import { StepCounts } from '../simulation/workload/step-counts';
import type { RehearsalScenario } from './rehearsal-scenario';
import { checkScenarios, scenarioSlug, thresholdsOf } from './scenario-checks';
import { declaredFleets, firstResource, type DeclaredFleet } from './template-fleets';
import { readTraceFile } from './trace-file';

/** Beyond so many requests a change is recommended without rehearsing it: a synthesis should not take minutes. */
const MOST_REQUESTS_FOR_ADVICE = 2_000_000;

/** Properties of RehearsalCheck. */
export interface RehearsalCheckProps {
  /** The traffic to rehearse, at least one scenario. */
  readonly scenarios: RehearsalScenario[];
}

/**
 * Fails the synthesis when a named scenario misses its objective or its budget.
 *
 * A validation plugin: once the templates are written, every fleet in them is rehearsed with its own policies, schedules, alarms, limits
 * and guard under the traffic of each scenario. Each threshold that is crossed is a violation that says which fleet, by how much, and
 * what to change. Creates no resource.
 *
 * @example
 * Validations.of(app).addPlugins(
 *   new RehearsalCheck({ scenarios: [{ name: 'launch day', trace: 'traces/launch.csv', failIf: ['slo<99', 'cost>1200/month'] }] }),
 * );
 */
export class RehearsalCheck implements IPolicyValidationPlugin {
  /** The name of the plugin in the validation report. */
  public readonly name = 'Rehearsal';

  /** The rules it checks: `Rehearsal-SCENARIO-MEASURE`. */
  public readonly ruleIds?: string[];

  private readonly scenarios: readonly RehearsalScenario[];

  public constructor(props: RehearsalCheckProps) {
    checkScenarios(props.scenarios);
    this.scenarios = props.scenarios;
    this.ruleIds = this.scenarios.flatMap((scenario) =>
      thresholdsOf(scenario).map(({ measure }) => ruleId(scenario, measure)),
    );
  }

  /** Rehearses the synthesized templates; called by the CDK. */
  public validate(context: IPolicyValidationContext): PolicyValidationPluginReport {
    const violations: PolicyViolation[] = [];
    try {
      const { fleets, skipped } = declaredFleets(context.stackTemplates);
      const somewhere = firstResource(context.stackTemplates);
      for (const scenario of this.scenarios) violations.push(...violationsOf(scenario, fleets, skipped, somewhere));
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      violations.push(refusal(`${this.name}-templates`, error.message, firstResource(context.stackTemplates)));
    }
    return { success: violations.length === 0, violations };
  }
}

function violationsOf(
  scenario: RehearsalScenario,
  fleets: readonly DeclaredFleet[],
  skipped: readonly string[],
  somewhere: ReturnType<typeof firstResource>,
): PolicyViolation[] {
  const { fleet: part } = scenario;
  const chosen = fleets.filter(({ blueprint }) => part === undefined || blueprint.resourceId.includes(part));
  if (chosen.length === 0) {
    return [refusal(ruleId(scenario, 'fleet'), noFleet(scenario, fleets, skipped), somewhere)];
  }
  try {
    const traffic = trafficOf(scenario);
    const options = optionsOf(scenario);
    return chosen.flatMap((fleet) => fleetViolations(scenario, fleet, traffic, options));
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const text = `scenario '${scenario.name}' cannot be rehearsed: ${error.message}`;
    return [refusal(ruleId(scenario, 'input'), text, chosen[0]!)];
  }
}

function fleetViolations(
  scenario: RehearsalScenario,
  fleet: DeclaredFleet,
  traffic: Workload,
  options: RehearsalOptions,
): PolicyViolation[] {
  const { blueprint, templatePath, targetLogicalId } = fleet;
  const rehearsal = rehearse(blueprint, traffic, options);
  const crossed = thresholdsOf(scenario).flatMap((threshold) =>
    crossedThresholds(rehearsal, [threshold]).map(({ value }) => ({ threshold, value })),
  );
  if (crossed.length === 0) return [];
  const again =
    rehearsal.requests.arrived <= MOST_REQUESTS_FOR_ADVICE
      ? (changed: FleetBlueprint) => rehearse(changed, traffic, options)
      : undefined;
  const advice = advise(blueprint, rehearsal, again).map(({ title, reason }) => `${title} (${reason})`);
  return crossed.map(({ threshold, value }) => ({
    ruleName: ruleId(scenario, threshold.measure),
    description: `scenario '${scenario.name}': ${blueprint.resourceId} crosses ${thresholdValueText(threshold, value)}`,
    fix: advice.length > 0 ? advice.join('; ') : plainFix(threshold, rehearsal),
    severity: 'error',
    violatingResources: [
      {
        ...(targetLogicalId !== undefined && { resourceLogicalId: targetLogicalId }),
        templatePath,
        locations: ['Properties.MinCapacity', 'Properties.MaxCapacity'],
      },
    ],
    ruleMetadata: {
      scenario: scenario.name,
      fleet: blueprint.resourceId,
      threshold: threshold.text,
      value: String(value),
      traffic: traffic.description,
    },
  }));
}

/** What remains to be said where no change that was tried helps. */
function plainFix({ measure, text }: FailureThreshold, { fleet }: Rehearsal): string {
  const limits = `${fleet.minCapacity} to ${fleet.maxCapacity}`;
  if (/^(cost|peak|instance)/.test(measure)) {
    return `lower the limits (${limits}), raise the target of its policy, take a cheaper instance type, or relax ${text}`;
  }
  return `lower the target of its policy, raise the limits (${limits}), or relax ${text}; tidegate simulate shows when and why`;
}

function noFleet(scenario: RehearsalScenario, fleets: readonly DeclaredFleet[], skipped: readonly string[]): string {
  const names = fleets.map(({ blueprint }) => blueprint.resourceId).join(', ');
  const why = skipped.length === 0 ? '' : ` (left out: ${skipped.join('; ')})`;
  return fleets.length === 0
    ? `scenario '${scenario.name}': no template has a fleet to rehearse${why}; add FleetScaling, or remove the scenario`
    : `scenario '${scenario.name}': no fleet's resource id contains '${scenario.fleet}'; there are ${names}`;
}

/** The CDK fails a synthesis for violations of a resource only: the fleet's target, or the whole template. */
function refusal(
  ruleName: string,
  description: string,
  at: Pick<DeclaredFleet, 'templatePath' | 'targetLogicalId'>,
): PolicyViolation {
  const { templatePath, targetLogicalId } = at;
  const resource = {
    ...(targetLogicalId !== undefined && { resourceLogicalId: targetLogicalId }),
    templatePath,
    locations: [],
  };
  return { ruleName, description, severity: 'error', violatingResources: [resource] };
}

function ruleId({ name }: RehearsalScenario, measure: string): string {
  return `Rehearsal-${scenarioSlug(name)}-${measure}`;
}

function trafficOf({ name, trace, counts, seed = 1 }: RehearsalScenario): Workload {
  if (counts === undefined) return readTraceFile(trace!, seed);
  const steps = new StepCounts();
  for (const count of counts.requests) steps.add(count);
  return steps.toWorkload(
    { name, seed, tokens: DEFAULT_TOKEN_LENGTHS },
    counts.stepSeconds,
    'counts per step',
    counts.requests.length,
  );
}

function optionsOf({ seed, provisioning, sloWait }: RehearsalScenario): RehearsalOptions {
  const medianSeconds = provisioning?.toSeconds({ integral: false });
  return {
    ...(seed !== undefined && { seed }),
    ...(medianSeconds !== undefined && {
      provisioning: { kind: 'lognormal', medianSeconds, sigma: medianSeconds === 0 ? 0 : 0.2 },
    }),
    ...(sloWait !== undefined && { sloWaitSeconds: sloWait.toSeconds({ integral: false }) }),
  };
}
