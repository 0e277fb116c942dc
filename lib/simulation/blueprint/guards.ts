import { InputError } from '../../core/errors';
import type { Json } from '../../core/parse';
import {
  GUARD_ENVIRONMENT,
  guardPlan,
  parseBudget,
  parseGuardConfiguration,
  type GuardConfiguration,
} from '../../cost/contract';
import {
  displayText,
  KnownProperties,
  type ParameterRemedy,
  type Resource,
  type DeclaredTarget,
  type TemplateModel,
} from '../../template';
import type { BlueprintGuard } from './fleet-blueprint';

/** Cost guard that watches a fleet, with its budget; of several, the one in the template of the fleet. */
export function guardOf(
  model: TemplateModel,
  target: DeclaredTarget,
  remedy: ParameterRemedy,
): BlueprintGuard | undefined {
  const guards = model
    .ofType('AWS::Lambda::Function')
    .filter((handler) => watches(handler, target, remedy))
    .sort((a, b) => Number(b.reader === target.resource.reader) - Number(a.reader === target.resource.reader));
  const [handler] = guards;
  if (handler === undefined) return undefined;
  const configuration = configurationOf(handler, remedy, displayText);
  const budget = budgetOf(model, handler);
  if (budget === undefined) {
    throw new InputError(
      `${handler.template}: guard ${configuration.name} reads its budget from a parameter that no template declares; ` +
        'give the template that does',
    );
  }
  return {
    name: configuration.name,
    plan: guardPlan(configuration),
    budget: inTemplate(budget, () => parseBudget(KnownProperties.of(budget, remedy).text('Value') ?? '', null)),
    dryRun: configuration.dryRun,
  };
}

function watches(handler: Resource, { resourceId }: DeclaredTarget, remedy: ParameterRemedy): boolean {
  if (!(GUARD_ENVIRONMENT.configuration in variablesOf(handler))) return false;
  return configurationOf(handler, remedy).fleets.some((fleet) => fleet.resourceId === resourceId);
}

function configurationOf(
  handler: Resource,
  remedy: ParameterRemedy,
  show = (text: string): string => text,
): GuardConfiguration {
  const variables = KnownProperties.of(handler, remedy).object('Environment')?.object('Variables');
  const text = variables?.text(GUARD_ENVIRONMENT.configuration) ?? '';
  return inTemplate(handler, () => parseGuardConfiguration(show(text)));
}

/** Parameter of the Parameter Store that holds the budget. */
function budgetOf(model: TemplateModel, handler: Resource): Resource | undefined {
  const { reader } = handler;
  const name = variablesOf(handler)[GUARD_ENVIRONMENT.budgetParameter];
  const text = reader.text(name);
  return (
    reader.referenced(name) ??
    model.ofType('AWS::SSM::Parameter').find((one) => {
      const names = [one.reader.text({ Ref: one.logicalId }), one.reader.text(one.properties['Name'])];
      return text !== undefined && names.includes(text);
    })
  );
}

function variablesOf({ reader, properties }: Resource): Json {
  return reader.object(reader.object(properties['Environment'])?.['Variables']) ?? {};
}

/** Names the template in an error of a parser. */
function inTemplate<Result>({ template }: Resource, parse: () => Result): Result {
  try {
    return parse();
  } catch (error) {
    throw error instanceof InputError ? new InputError(`${template}: ${error.message}`) : error;
  }
}
