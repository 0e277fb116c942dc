import { InputError } from '../../core/errors';
import { GUARD_ENVIRONMENT, guardPlan, parseBudget, parseGuardConfiguration } from '../../cost/contract';
import type { BlueprintGuard } from './fleet-blueprint';
import { isObject, type Template } from './template';

/** The cost guard that watches a fleet, with its budget; undefined when none does. */
export function guardsOf(template: Template, resourceId: string): BlueprintGuard | undefined {
  for (const handler of template.ofType('AWS::Lambda::Function')) {
    const environment = handler.properties['Environment'];
    const variables = isObject(environment) && isObject(environment['Variables']) ? environment['Variables'] : {};
    const text = variables[GUARD_ENVIRONMENT.configuration];
    if (text === undefined) continue;
    const configuration = named(template, () => parseGuardConfiguration(template.text(text)));
    if (!configuration.fleets.some((fleet) => fleet.resourceId === resourceId)) continue;
    const parameter = template.resource(template.referenceOf(variables[GUARD_ENVIRONMENT.budgetParameter]) ?? '');
    if (parameter === undefined) {
      throw new InputError(
        `${template.name}: guard ${configuration.name} reads its budget from a parameter that the template does not declare; ` +
          'rehearse the stack that holds both',
      );
    }
    return {
      name: configuration.name,
      plan: guardPlan(configuration),
      budget: named(template, () => parseBudget(template.text(parameter.properties['Value']))),
      dryRun: configuration.dryRun,
    };
  }
  return undefined;
}

/** Puts the template's name before what a reader refuses. */
function named<Result>(template: Template, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    throw error instanceof InputError ? new InputError(`${template.name}: ${error.message}`) : error;
  }
}
