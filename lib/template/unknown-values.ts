import { isObject, type Json } from '../core/parse';
import { plainText } from './plain-text';
import { isPlainParameter, type TemplateReader } from './template-reader';

/** Returns the way to give a parameter a value, as the caller's user writes it. */
export type ParameterRemedy = (parameterName: string) => string;

/** Maximum nesting of expressions that an explanation follows. */
const MAX_DEPTH = 40;

/**
 * Reason why the value of an expression is known only at the deployment, with the way out; undefined where it is known.
 */
export function reasonUnknown(
  reader: TemplateReader,
  value: unknown,
  remedy: ParameterRemedy,
  depth = 0,
): string | undefined {
  if (depth > MAX_DEPTH) return 'its expression refers to itself; write the value';
  const inner = (one: unknown): string | undefined => reasonUnknown(reader, one, remedy, depth + 1);
  const first = (values: readonly unknown[]): string | undefined =>
    values.map(inner).find((reason) => reason !== undefined);
  if (typeof value === 'string') {
    const dynamic = /\{\{resolve:[^{}]*\}\}/.exec(value)?.[0];
    return dynamic === undefined ? undefined : `CloudFormation resolves ${dynamic} at the deployment; write the value`;
  }
  if (Array.isArray(value)) return first(value);
  if (!isObject(value)) return undefined;
  const [name = '', ...others] = Object.keys(value);
  if (others.length > 0 || (name !== 'Ref' && !name.startsWith('Fn::'))) return undefined;
  const argument = value[name];
  const parts: readonly unknown[] = Array.isArray(argument) ? argument : [argument];
  switch (name) {
    case 'Ref':
      return reasonOfReference(reader, plainText(argument), remedy);
    case 'Fn::GetAtt': {
      const [id, ...attribute] = Array.isArray(argument) ? argument.map(plainText) : plainText(argument).split('.');
      return reasonOfAttribute(reader, id ?? '', attribute.join('.'), inner);
    }
    case 'Fn::Sub':
      return first(referencesOf(argument));
    case 'Fn::If': {
      const [condition, yes, no] = parts;
      return reasonUndecided(reader, plainText(condition), remedy) ?? first([yes, no]);
    }
    case 'Fn::FindInMap':
      return first(parts.slice(0, 3)) ?? `mapping ${plainText(parts[0])} has no value for its keys; add it`;
    case 'Fn::ImportValue':
    case 'Fn::GetStackOutput': {
      const output = reader.foreignOutput(value);
      if (output !== undefined) return reasonUnknown(output.reader, output.value, remedy, depth + 1);
      return (
        inner(argument) ??
        first(isObject(argument) ? Object.values(argument) : []) ??
        'it is an output of another template; give that template too'
      );
    }
    case 'Fn::Join':
    case 'Fn::Select':
    case 'Fn::Split':
      return first(parts);
    default:
      return `CloudFormation evaluates ${name} at the deployment; write the value`;
  }
}

/** Reason why a condition is undecided, with the way out; undefined where it is decided. */
export function reasonUndecided(
  reader: TemplateReader,
  conditionName: string,
  remedy: ParameterRemedy,
): string | undefined {
  const condition = reader.conditions[conditionName];
  if (condition === undefined) return `the template does not declare condition ${conditionName}; declare it`;
  const reason = reasonInCondition(reader, condition, remedy, new Set([conditionName]));
  return reason === undefined ? undefined : `condition ${conditionName} is undecided: ${reason}`;
}

function reasonInCondition(
  reader: TemplateReader,
  condition: unknown,
  remedy: ParameterRemedy,
  visited: Set<string>,
): string | undefined {
  if (!isObject(condition)) return undefined;
  const name = condition['Condition'];
  if (typeof name === 'string') {
    if (visited.has(name)) return `condition ${name} refers to itself; rewrite it`;
    visited.add(name);
    return reasonInCondition(reader, reader.conditions[name], remedy, visited);
  }
  for (const [operator, operands] of Object.entries(condition)) {
    for (const operand of Array.isArray(operands) ? (operands as unknown[]) : []) {
      const reason =
        operator === 'Fn::Equals'
          ? reasonUnknown(reader, operand, remedy)
          : reasonInCondition(reader, operand, remedy, visited);
      if (reason !== undefined) return reason;
    }
  }
  return undefined;
}

function reasonOfReference(reader: TemplateReader, name: string, remedy: ParameterRemedy): string | undefined {
  if (name === 'AWS::Region' && reader.region !== undefined) return undefined;
  if (/^AWS::(NoValue|Partition|URLSuffix)$/.test(name)) return undefined;
  if (name.startsWith('AWS::')) return `${name} is known only at the deployment; write the value`;
  const parameter = reader.parameters[name];
  if (isObject(parameter)) {
    const fromStore = isPlainParameter(parameter) ? undefined : plainText(parameter['Type']);
    if (fromStore !== undefined) {
      return `the value of parameter ${name} (${fromStore}) is looked up at the deployment; give it with ${remedy(name)}`;
    }
    return plainText(parameter['Default']) === ''
      ? `parameter ${name} has no default; give it one, or a value with ${remedy(name)}`
      : undefined;
  }
  return reader.resource(name) === undefined
    ? `${name} is neither a parameter nor a resource of the template; declare it`
    : `CloudFormation generates the name of ${name} at the deployment; write the value`;
}

function reasonOfAttribute(
  reader: TemplateReader,
  id: string,
  attribute: string,
  inner: (value: unknown) => string | undefined,
): string | undefined {
  const resource = reader.resource(id);
  if (resource === undefined) return `${id} is not a resource of the template; declare it`;
  const declared = resource.properties[attribute];
  return (
    (declared === undefined ? undefined : inner(declared)) ??
    `${id}.${attribute} is known only at the deployment; write the value`
  );
}

/** References in the pattern of `Fn::Sub`, as expressions, and its variables. */
function referencesOf(argument: unknown): unknown[] {
  const [pattern, variables] = Array.isArray(argument) ? (argument as unknown[]) : [argument, undefined];
  const given: Json = isObject(variables) ? variables : {};
  return [...plainText(pattern).matchAll(/\$\{([^!}][^}]*)\}/g)].map(([, reference = '']) => {
    const name = reference.trim();
    if (name in given) return given[name];
    return name.includes('.') ? { 'Fn::GetAtt': name } : { Ref: name };
  });
}
