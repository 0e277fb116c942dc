import { isObject, type Json } from '../core/parse';
import { plainText } from './plain-text';
import { isLiteral } from './deploy-time-names';
import { PassedConditions, type PlacedCondition } from './passed-conditions';
import { TemplateOutputs } from './template-outputs';
import type { TemplateDocument } from './template-document';
import { isPlainParameter, TemplateReader } from './template-reader';

/** A truth value for each independent condition, by its key. */
export type ConditionChoice = ReadonlyMap<string, boolean>;

/** Templates whose conditions are read together. */
class ConditionContext {
  public readonly passed: PassedConditions;
  /** Resources and outputs under the truth values of the conditions in them: choices share those that they do not tell apart. */
  private readonly variants = new WeakMap<object, Map<string, unknown>>();

  public constructor(private readonly templates: readonly TemplateDocument[]) {
    this.passed = new PassedConditions(templates);
  }

  /** Context of some templates, the same for every choice. */
  public static of(templates: readonly TemplateDocument[]): ConditionContext {
    const known = contexts.get(templates);
    if (known !== undefined) return known;
    const context = new ConditionContext(templates);
    contexts.set(templates, context);
    return context;
  }

  public document(index: number): unknown {
    return this.templates[index]!.document;
  }

  /** Returns a part of a template under the truth values of its conditions, resolved once for each combination of them. */
  public variant(part: Json, truth: Truth): unknown {
    if (isUnconditional(part) && part['Condition'] === undefined) return part;
    let combination = '';
    for (const name of namesIn(part)) combination += truth(name) ?? '?';
    let variants = this.variants.get(part);
    if (variants === undefined) this.variants.set(part, (variants = new Map()));
    if (!variants.has(combination)) variants.set(combination, resolvedPart(part, truth));
    return variants.get(combination);
  }
}

const contexts = new WeakMap<readonly TemplateDocument[], ConditionContext>();

/** Truth value of a condition by its name; undefined where it is not decided. */
type Truth = (name: string) => boolean | undefined;

/** Names of the conditions in a resource or an output. */
const names = new WeakMap<object, readonly string[]>();

function namesIn(part: Json): readonly string[] {
  const known = names.get(part);
  if (known !== undefined) return known;
  const found = new Set<string>();
  if (typeof part['Condition'] === 'string') found.add(part['Condition']);
  collectNames(part, found);
  names.set(part, [...found]);
  return [...found];
}

/** A condition by its name. */
export interface DeclaredCondition {
  /** Index of its template. */
  readonly index: number;
  readonly name: string;
}

/** Maximum nesting of conditions: a condition that contains itself stands for itself. */
const MAX_DEPTH = 20;

/**
 * Keys of the independent conditions on which resources of some types, and outputs that other templates can read, depend. `Fn::And`, `Fn::Or`, `Fn::Not` and references
 * are followed to their parts, and conditions on parameters that a stack passes to a nested one to those of its own.
 */
export function conditionKeys(templates: readonly TemplateDocument[], types: RegExp): string[] {
  const keys = new Set<string>();
  const areOutputsRead = readOutputs(templates);
  const context = ConditionContext.of(templates);
  templates.forEach(({ document }, index) => {
    for (const name of usedConditions(document, types, areOutputsRead)) {
      collectKeys({ index, condition: conditionOf(document, name) }, context, keys, 0);
    }
  });
  return [...keys];
}

/** Conditions that the templates declare and on which resources of some types, and outputs that other templates can read, depend. */
export function declaredConditions(templates: readonly TemplateDocument[], types: RegExp): DeclaredCondition[] {
  const areOutputsRead = readOutputs(templates);
  return templates.flatMap(({ document }, index) => {
    const used = usedConditions(document, types, areOutputsRead);
    return Object.keys(section(document, 'Conditions')).flatMap((name) => (used.has(name) ? [{ index, name }] : []));
  });
}

/** Truth values of the conditions that the defaults of parameters, mappings and the region decide. */
export function choiceByDefaults(keys: readonly string[], templates: readonly TemplateDocument[]): ConditionChoice {
  const passed = new PassedConditions(templates);
  const readers = new Map<number, TemplateReader>();
  const readerOf = (index: number): TemplateReader => {
    const known = readers.get(index);
    if (known !== undefined) return known;
    const outputs = new TemplateOutputs<TemplateReader>([]);
    const reader = new TemplateReader(templates[index]!, { index, outputs, areDefaultsOpen: false });
    readers.set(index, reader);
    return reader;
  };
  return new Map(
    keys.flatMap((key): [string, boolean][] => {
      const { index, condition } = conditionOfKey(key);
      const sides = isObject(condition) ? condition['Fn::Equals'] : undefined;
      if (!Array.isArray(sides) || sides.length !== 2) return [];
      const [one, other] = sides.map((side: unknown) => {
        // The stack around a nested one passes the value: the default does not count.
        const isPassed = isObject(side) && passed.passes(index, plainText(side['Ref']));
        return isPassed ? undefined : sideByDefault(readerOf(index), side);
      });
      return one === undefined || other === undefined ? [] : [[key, one === other]];
    }),
  );
}

/** Truth value of a condition under a choice; undefined where the choice does not decide it. */
export function holds(
  { index, name }: DeclaredCondition,
  templates: readonly TemplateDocument[],
  choice: ConditionChoice,
): boolean | undefined {
  const condition = conditionOf(templates[index]!.document, name);
  return isTrue({ index, condition }, ConditionContext.of(templates), choice);
}

/** Templates without what a choice leaves out, and with the branch of each `Fn::If` that it leads to. */
export function applyChoice(templates: readonly TemplateDocument[], choice: ConditionChoice): TemplateDocument[] {
  const context = ConditionContext.of(templates);
  return templates.map((template, index) => ({ ...template, document: chosen(index, context, choice) }));
}

/** Templates as the defaults of their parameters decide their conditions; undecided conditions stay in them. */
export function applyDefaults(templates: readonly TemplateDocument[]): TemplateDocument[] {
  const keys = conditionKeys(templates, /^/);
  return applyChoice(templates, keys.length === 0 ? new Map() : choiceByDefaults(keys, templates));
}

/** A resource that a condition leaves out. */
export interface AbsentResource {
  readonly logicalId: string;
  readonly condition: string;
}

/** Resources of a type that are in some templates and no longer in them after a choice. */
export function absentResources(
  before: readonly TemplateDocument[],
  after: readonly TemplateDocument[],
  type: string,
): AbsentResource[] {
  return before.flatMap(({ document }, index) => {
    const kept = section(after[index]?.document, 'Resources');
    return Object.entries(section(document, 'Resources')).flatMap(([logicalId, resource]): AbsentResource[] => {
      const isAbsent = isObject(resource) && resource['Type'] === type && !(logicalId in kept);
      return isAbsent ? [{ logicalId, condition: plainText(resource['Condition']) }] : [];
    });
  });
}

/** All choices of some conditions, without those in which one value equals two different texts. */
export function choicesOf(keys: readonly string[]): ConditionChoice[] {
  const choices: ConditionChoice[] = [];
  for (let bits = 0; bits < 2 ** keys.length; bits++) {
    const choice = new Map(keys.map((key, index) => [key, (bits & (1 << index)) !== 0]));
    if (isPossible(choice)) choices.push(choice);
  }
  return choices;
}

function isPossible(choice: ConditionChoice): boolean {
  const equals = new Map<string, string>();
  for (const [key, isChosen] of choice) {
    const { index, condition } = conditionOfKey(key);
    const sides = isChosen && isObject(condition) ? condition['Fn::Equals'] : undefined;
    if (!Array.isArray(sides) || sides.length !== 2) continue;
    const literal = sides.find((side) => typeof side === 'string') as string | undefined;
    const other = sides.find((side) => isObject(side)) as unknown;
    if (literal === undefined || other === undefined) continue;
    const subject = `${index}${JSON.stringify(other)}`;
    if ((equals.get(subject) ?? literal) !== literal) return false;
    equals.set(subject, literal);
  }
  return true;
}

/** Text of one side of `Fn::Equals`; undefined where only the deployment decides it. */
function sideByDefault(reader: TemplateReader, side: unknown): string | undefined {
  const parameter = isObject(side) ? reader.parameters[plainText(side['Ref'])] : undefined;
  // Empty defaults count here: comparing with '' asks whether a parameter is given.
  if (isObject(parameter)) {
    return isPlainParameter(parameter) && parameter['Default'] !== undefined
      ? plainText(parameter['Default'])
      : undefined;
  }
  const text = reader.text(side);
  return text === undefined || !isLiteral(text) ? undefined : text;
}

function section(document: unknown, name: string): Json {
  return isObject(document) && isObject(document[name]) ? document[name] : {};
}

function conditionOf(document: unknown, name: string): unknown {
  return section(document, 'Conditions')[name] ?? { Condition: name };
}

function usedConditions(document: unknown, types: RegExp, areOutputsRead: boolean): Set<string> {
  const names = new Set<string>();
  for (const resource of Object.values(section(document, 'Resources'))) {
    if (!isObject(resource) || !types.test(plainText(resource['Type']))) continue;
    if (typeof resource['Condition'] === 'string') names.add(resource['Condition']);
    collectNames(resource['Properties'], names);
  }
  for (const output of Object.values(section(document, 'Outputs'))) {
    if (!isObject(output) || (output['Export'] === undefined && !areOutputsRead)) continue;
    if (typeof output['Condition'] === 'string') names.add(output['Condition']);
    collectNames(output, names);
  }
  return names;
}

/** True if a template may read outputs of another that are not exported. */
function readOutputs(templates: readonly TemplateDocument[]): boolean {
  const hasConditions = templates.some(({ document }) => Object.keys(section(document, 'Conditions')).length > 0);
  return templates.length > 1 && hasConditions && templates.some(({ document }) => readsStackOutput(document));
}

function readsStackOutput(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return 'Fn::GetStackOutput' in value || Object.values(value).some(readsStackOutput);
}

function collectNames(value: unknown, names: Set<string>): void {
  if (typeof value !== 'object' || value === null) return;
  if (isObject(value) && Array.isArray(value['Fn::If']) && typeof value['Fn::If'][0] === 'string') {
    names.add(value['Fn::If'][0]);
  }
  for (const inner of Object.values(value)) collectNames(inner, names);
}

function collectKeys(placed: PlacedCondition, context: ConditionContext, keys: Set<string>, depth: number): void {
  const outermost = context.passed.outermost(placed);
  const parts = partsOf(outermost, context, depth);
  if (parts === undefined) keys.add(keyOf(outermost));
  else for (const inner of parts.inner) collectKeys({ ...outermost, condition: inner }, context, keys, depth + 1);
}

function keyOf({ index, condition }: PlacedCondition): string {
  return `${index} ${JSON.stringify(condition)}`;
}

function conditionOfKey(key: string): PlacedCondition {
  const space = key.indexOf(' ');
  return { index: Number(key.slice(0, space)), condition: JSON.parse(key.slice(space + 1)) };
}

interface Parts {
  readonly inner: readonly unknown[];
  /** Truth value from those of the parts, undefined where they do not decide it. */
  readonly value: (values: readonly (boolean | undefined)[]) => boolean | undefined;
}

/** Conditions of which a condition consists; undefined for an independent one. */
function partsOf({ index, condition }: PlacedCondition, context: ConditionContext, depth: number): Parts | undefined {
  if (!isObject(condition) || depth > MAX_DEPTH) return undefined;
  const list = (name: string): readonly unknown[] | undefined =>
    Array.isArray(condition[name]) ? (condition[name] as unknown[]) : undefined;
  const name = condition['Condition'];
  if (typeof name === 'string') {
    const named = section(context.document(index), 'Conditions')[name];
    return named === undefined ? undefined : { inner: [named], value: ([one]) => one };
  }
  const and = list('Fn::And');
  if (and !== undefined) return { inner: and, value: (values) => allOf(values, true) };
  const or = list('Fn::Or');
  if (or !== undefined) return { inner: or, value: (values) => allOf(values, false) };
  const not = list('Fn::Not');
  if (not?.length === 1) return { inner: not, value: ([one]) => (one === undefined ? undefined : !one) };
  const equals = list('Fn::Equals');
  if (equals?.length === 2 && equals.every((one) => typeof one !== 'object')) {
    return { inner: [], value: () => String(equals[0]) === String(equals[1]) };
  }
  // A value that depends on a condition equals another one under that condition or under its opposite.
  const branches = equals?.length === 2 ? equals.map((side) => (isObject(side) ? side['Fn::If'] : undefined)) : [];
  const at = branches.findIndex((branch) => Array.isArray(branch) && branch.length === 3);
  if (at >= 0) {
    const [tested, ...values] = branches[at] as unknown[];
    const equal = (value: unknown): Json => ({ 'Fn::Equals': at === 0 ? [value, equals![1]] : [equals![0], value] });
    return {
      inner: [{ Condition: tested }, ...values.map(equal)],
      value: ([isTested, yes, no]) =>
        yes === no || isTested === undefined ? (yes === no ? yes : undefined) : isTested ? yes : no,
    };
  }
  return undefined;
}

function isTrue(
  placed: PlacedCondition,
  context: ConditionContext,
  choice: ConditionChoice,
  depth = 0,
): boolean | undefined {
  const outermost = context.passed.outermost(placed);
  const parts = partsOf(outermost, context, depth);
  if (parts === undefined) return choice.get(keyOf(outermost));
  return parts.value(
    parts.inner.map((inner) => isTrue({ ...outermost, condition: inner }, context, choice, depth + 1)),
  );
}

/** Returns `value` if all values are that; the opposite if one is the opposite, whatever the undecided ones are. */
function allOf(values: readonly (boolean | undefined)[], value: boolean): boolean | undefined {
  if (values.includes(!value)) return !value;
  return values.includes(undefined) ? undefined : value;
}

/** Stands for `AWS::NoValue`: the property or element is removed. */
const NO_VALUE = Symbol('no value');

function chosen(index: number, context: ConditionContext, choice: ConditionChoice): unknown {
  const document = context.document(index);
  if (!isObject(document)) return document;
  const known = new Map<string, boolean | undefined>();
  const truth = (name: string): boolean | undefined => {
    if (!known.has(name)) known.set(name, isTrue({ index, condition: conditionOf(document, name) }, context, choice));
    return known.get(name);
  };
  const kept = (parts: Json): Json => {
    const under: [id: string, part: unknown][] = [];
    for (const [id, one] of Object.entries(parts)) {
      const variant = isObject(one) ? context.variant(one, truth) : resolved(one, truth);
      if (variant !== ABSENT) under.push([id, variant]);
    }
    return Object.fromEntries(under);
  };
  return {
    ...document,
    Resources: isObject(document['Resources']) ? kept(document['Resources']) : document['Resources'],
    ...(isObject(document['Outputs']) ? { Outputs: kept(document['Outputs']) } : {}),
  };
}

/** Stands for a resource or an output that a condition leaves out. */
const ABSENT = Symbol('absent');

function resolvedPart(part: Json, truth: Truth): unknown {
  if (typeof part['Condition'] !== 'string') return resolved(part, truth);
  const { Condition, ...rest } = part;
  const exists = truth(Condition as string);
  // An undecided condition stays in the template.
  return exists === false ? ABSENT : resolved(exists === true ? rest : part, truth);
}

/** Objects and lists in which nothing depends on a condition: they are the same under every choice. */
const unconditional = new WeakMap<object, boolean>();

function isUnconditional(value: object): boolean {
  const known = unconditional.get(value);
  if (known !== undefined) return known;
  const found =
    !('Fn::If' in value) &&
    (value as Json)['Ref'] !== 'AWS::NoValue' &&
    Object.values(value).every((one: unknown) => typeof one !== 'object' || one === null || isUnconditional(one));
  unconditional.set(value, found);
  return found;
}

function resolved(value: unknown, truth: Truth): unknown {
  if (typeof value === 'object' && value !== null && isUnconditional(value)) return value;
  if (Array.isArray(value)) return value.map((one) => resolved(one, truth)).filter((one) => one !== NO_VALUE);
  if (!isObject(value)) return value;
  if (value['Ref'] === 'AWS::NoValue') return NO_VALUE;
  const branch = value['Fn::If'];
  if (Array.isArray(branch) && branch.length === 3 && typeof branch[0] === 'string') {
    const isChosen = truth(branch[0]);
    if (isChosen !== undefined) return resolved(branch[isChosen ? 1 : 2], truth);
  }
  const found: [name: string, part: unknown][] = [];
  for (const [name, one] of Object.entries(value)) {
    const inner = resolved(one, truth);
    if (inner !== NO_VALUE) found.push([name, inner]);
  }
  return Object.fromEntries(found);
}
