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
  rehearseWhile,
  thresholdValueText,
  type FailureThreshold,
  type Rehearsal,
  type RehearsalBounds,
  type RehearsalOptions,
} from '../simulation/rehearse';
import type { FleetBlueprint, TemplateFleets } from '../simulation/blueprint';
import { DEFAULT_TOKEN_LENGTHS, type Workload } from '../simulation/traffic';
import { StepCounts } from '../simulation/traffic/step-counts';
import type { RehearsalScenario } from './rehearsal-scenario';
import { checkScenarios, scenarioSlug, thresholdsOf } from './scenario-checks';
import { declaredFleets, firstResource, stackTemplates, type TemplatePlace } from './declared-fleets';
import { packageVersion } from '../files/package-version';
import type { ParameterValues } from '../template';
import { readTraceFile } from '../traffic-file/read-trace';

/** Maximum number of requests up to which recommended changes are rehearsed: a synthesis should not take minutes. */
const MAX_REQUESTS_FOR_ADVICE = 2_000_000;

/** Properties of RehearsalCheck. */
export interface RehearsalCheckProps {
  /** Scenarios to rehearse, at least one. */
  readonly scenarios: RehearsalScenario[];

  /**
   * Values of CloudFormation parameters by name, for the limits and conditions that depend on them.
   *
   * @default - the defaults of the parameters
   */
  readonly parameters?: { [name: string]: string };
}

/**
 * Fails the synthesis when a named scenario misses its objective or its budget.
 *
 * Validation plugin: once the templates are written, every fleet in them is rehearsed with its own policies, schedules, alarms, limits and
 * guard under the traffic of each scenario. Each crossed threshold is a violation that names the fleet, the value and a remedy. Creates
 * no resource.
 *
 * @example
 * Validations.of(app).addPlugins(
 *   new rehearsal.RehearsalCheck({ scenarios: [{ name: 'launch day', trace: 'traces/launch.csv', failIf: ['slo<99', 'cost>1200/month'] }] }),
 * );
 */
export class RehearsalCheck implements IPolicyValidationPlugin {
  /** Name of the plugin in the validation report. */
  public readonly name = 'Rehearsal';

  /** Version of this package. */
  public readonly version?: string = packageVersion();

  /** Ids of the rules: `Rehearsal-SCENARIO-MEASURE`. */
  public readonly ruleIds?: string[];

  private readonly scenarios: readonly RehearsalScenario[];
  private readonly parameters: ParameterValues;

  public constructor(props: RehearsalCheckProps) {
    checkScenarios(props.scenarios);
    this.scenarios = props.scenarios;
    this.parameters = props.parameters ?? {};
    this.ruleIds = this.scenarios.flatMap((scenario) =>
      thresholdsOf(scenario).map(({ measure }) => ruleId(scenario, measure)),
    );
  }

  /** Rehearses the synthesized templates; called by the CDK. */
  public validate(context: IPolicyValidationContext): PolicyValidationPluginReport {
    const templates = stackTemplates(context.stackTemplates);
    const somewhere = firstResource(templates) ?? { templatePath: context.stackTemplates[0]?.templatePath ?? '' };
    const violations: PolicyViolation[] = [];
    try {
      const declared = declaredFleets(templates, this.parameters);
      for (const scenario of this.scenarios) violations.push(...violationsOf(scenario, declared, somewhere));
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      violations.push(refusal(`${this.name}-templates`, error.message, somewhere));
    }
    return { success: violations.length === 0, violations };
  }
}

function violationsOf(
  scenario: RehearsalScenario,
  declared: TemplateFleets,
  somewhere: TemplatePlace,
): PolicyViolation[] {
  const { fleet: part } = scenario;
  const chosen = declared.fleets.filter(({ resourceId }) => part === undefined || resourceId.includes(part));
  if (chosen.length === 0) {
    return [refusal(ruleId(scenario, 'fleet'), noFleet(scenario, declared), somewhere)];
  }
  try {
    const traffic = trafficOf(scenario);
    const options = optionsOf(scenario);
    return chosen.flatMap((fleet) => fleetViolations(scenario, fleet, traffic, options));
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const text = `scenario '${scenario.name}' cannot be rehearsed: ${error.message}`;
    return [refusal(ruleId(scenario, 'input'), text, placeOf(chosen[0]!))];
  }
}

function fleetViolations(
  scenario: RehearsalScenario,
  fleet: FleetBlueprint,
  traffic: Workload,
  options: RehearsalOptions,
): PolicyViolation[] {
  const rehearsal = rehearse(fleet, traffic, options);
  const crossed = thresholdsOf(scenario).flatMap((threshold) =>
    crossedThresholds(rehearsal, [threshold]).map(({ value }) => ({ threshold, value })),
  );
  if (crossed.length === 0) return [];
  const rehearseAgain =
    rehearsal.requests.arrived <= MAX_REQUESTS_FOR_ADVICE
      ? (changed: FleetBlueprint, mayMatter: (bounds: RehearsalBounds) => boolean) =>
          rehearseWhile(changed, traffic, options, mayMatter)
      : undefined;
  const advice = advise(fleet, rehearsal, rehearseAgain).map(({ title, reason }) => `${title} (${reason})`);
  return crossed.map(({ threshold, value }) => ({
    ruleName: ruleId(scenario, threshold.measure),
    description: `scenario '${scenario.name}': ${fleet.resourceId} crosses ${thresholdValueText(threshold, value)}`,
    fix: advice.length > 0 ? advice.join('; ') : generalFix(threshold, rehearsal),
    severity: 'error',
    violatingResources: [
      {
        resourceLogicalId: fleet.targetLogicalId,
        templatePath: fleet.templateName,
        locations: ['Properties.MinCapacity', 'Properties.MaxCapacity'],
      },
    ],
    ruleMetadata: {
      scenario: scenario.name,
      fleet: fleet.resourceId,
      threshold: threshold.text,
      value: String(value),
      traffic: traffic.description,
    },
  }));
}

/** Remedy of a threshold for which no rehearsed change helps. */
function generalFix({ measure, text }: FailureThreshold, { fleet }: Rehearsal): string {
  const limits = `${fleet.minCapacity} to ${fleet.maxCapacity}`;
  if (/^(cost|peak|instance)/.test(measure)) {
    return `lower the limits (${limits}), raise the target of its policy, take a cheaper instance type, or relax ${text}`;
  }
  return `lower the target of its policy, raise the limits (${limits}), or relax ${text}; tidegate simulate shows when and why`;
}

function noFleet(scenario: RehearsalScenario, { fleets, skipped, absent }: TemplateFleets): string {
  const names = fleets.map(({ resourceId }) => resourceId).join(', ');
  const reasons = [...skipped, ...absent];
  const omitted = reasons.length === 0 ? '' : ` (left out: ${reasons.join('; ')})`;
  return fleets.length === 0
    ? `scenario '${scenario.name}': no template has a fleet to rehearse${omitted}; add FleetScaling, or remove the scenario`
    : `scenario '${scenario.name}': no fleet's resource id contains '${scenario.fleet}'; there are ${names}`;
}

function placeOf({ templateName, targetLogicalId }: FleetBlueprint): TemplatePlace {
  return { templatePath: templateName, targetLogicalId };
}

/** Violation at a resource: the CDK fails a synthesis only for violations that name one. */
function refusal(
  ruleName: string,
  description: string,
  { templatePath, targetLogicalId }: TemplatePlace,
): PolicyViolation {
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

function optionsOf({ seed, provisioning, sloWait, callerRetries }: RehearsalScenario): RehearsalOptions {
  const medianSeconds = provisioning?.toSeconds({ integral: false });
  return {
    ...(seed !== undefined && { seed }),
    ...(medianSeconds !== undefined && {
      provisioning: { kind: 'lognormal', medianSeconds, sigma: medianSeconds === 0 ? 0 : 0.2 },
    }),
    ...(callerRetries !== undefined && { retries: { mode: callerRetries } }),
    ...(sloWait !== undefined && { sloWaitSeconds: sloWait.toSeconds({ integral: false }) }),
  };
}
