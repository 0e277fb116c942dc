import type { Finding } from './finding';
import type { ProofTemplate } from './subjects';
import { isObject, writtenText, type Json } from './template-reader';

/** Beyond so many independent conditions their choices are too many to look at one by one. */
const MOST_CONDITIONS = 8;

/** The most characters of templates that all choices together may come to. */
const MOST_CHARACTERS = 12_000_000;

/** What the rules read; conditions of anything else make no difference. Where these are too many, those of scaling alone. */
const JUDGED = [
  /^AWS::(SageMaker|ApplicationAutoScaling|CloudWatch|IAM|Lambda|Serverless|Kinesis)::/,
  /^AWS::(SageMaker|ApplicationAutoScaling|CloudWatch)::/,
];

/** One choice for every condition, by its key. */
type Choice = ReadonlyMap<string, boolean>;

/** The templates as one choice of their conditions makes them. */
export interface Branch {
  readonly templates: readonly ProofTemplate[];
  /** Whether the defaults of the parameters lead here, as far as they decide. */
  readonly isDefault: boolean;
  /** Whether a condition that a template declares holds; undefined where the branch does not tell. */
  readonly holds: (declared: DeclaredCondition) => boolean | undefined;
}

/** A condition by its name. */
export interface DeclaredCondition {
  readonly index: number;
  readonly name: string;
}

/**
 * The templates as each choice of their conditions makes them. Where the choices are too many, those to which the defaults of parameters
 * lead; where even these are too many, the templates with the rest of their conditions unresolved.
 */
export function branchesOf(templates: readonly ProofTemplate[]): Branch[] {
  const size = templates.reduce((sum, { document }) => sum + JSON.stringify(document ?? null).length, 0);
  const isFew = (keys: readonly string[]): boolean =>
    keys.length <= MOST_CONDITIONS && size * 2 ** keys.length <= MOST_CHARACTERS;
  const sets = JUDGED.map((judged) => keysOf(templates, judged));
  const keys = sets.find(isFew);
  const byDefault = new Map(
    [...new Set(sets.flat())].flatMap((key): [string, boolean][] => {
      const value = defaultOf(key, templates);
      return value === undefined ? [] : [[key, value]];
    }),
  );
  const branch = (choice: Choice): Branch => ({
    templates: templates.map((template, index) => ({
      ...template,
      document: chosen(template.document, index, choice),
    })),
    isDefault: [...choice].every(([key, value]) => (byDefault.get(key) ?? value) === value),
    holds: ({ index, name }) => {
      const { document } = templates[index]!;
      return isTrue(conditionOf(document, name), document, index, choice);
    },
  });
  if (keys !== undefined) return choicesOf(keys).map(branch);
  const open = sets.map((set) => set.filter((key) => !byDefault.has(key))).find(isFew) ?? [];
  return choicesOf(open).map((choice) => branch(new Map([...byDefault, ...choice])));
}

/** The conditions that the templates declare and that judged resources depend on. */
export function declaredConditions(templates: readonly ProofTemplate[]): DeclaredCondition[] {
  return templates.flatMap(({ document }, index) => {
    const used = usedConditions(document, JUDGED[0]!);
    return Object.keys(part(document, 'Conditions')).flatMap((name) => (used.has(name) ? [{ index, name }] : []));
  });
}

/** What the defaults of parameters make of a condition; undefined where they do not decide it. */
function defaultOf(key: string, templates: readonly ProofTemplate[]): boolean | undefined {
  const space = key.indexOf(' ');
  const { document, region } = templates[Number(key.slice(0, space))]!;
  const condition: unknown = JSON.parse(key.slice(space + 1));
  const sides = isObject(condition) ? condition['Fn::Equals'] : undefined;
  if (!Array.isArray(sides) || sides.length !== 2) return undefined;
  const [one, other] = sides.map((side): string | undefined => {
    if (typeof side !== 'object') return writtenText(side);
    const name = isObject(side) ? side['Ref'] : undefined;
    if (name === 'AWS::Region') return region;
    const parameter = part(document, 'Parameters')[writtenText(name)];
    const isPlain = isObject(parameter) && /^(String|Number)$/.test(writtenText(parameter['Type']));
    return isPlain && parameter['Default'] !== undefined ? writtenText(parameter['Default']) : undefined;
  });
  return one === undefined || other === undefined ? undefined : one === other;
}

/** The independent conditions of resources of some types. */
function keysOf(templates: readonly ProofTemplate[], judged: RegExp): string[] {
  const keys = new Set<string>();
  templates.forEach(({ document }, index) => {
    for (const name of usedConditions(document, judged)) {
      collectKeys(conditionOf(document, name), document, index, keys, 0);
    }
  });
  return [...keys];
}

/** What is wrong in one branch. */
export interface Judgement {
  readonly findings: readonly Finding[];
  /** Whether the accused resource exists in the branch. */
  readonly has: (finding: Finding) => boolean;
}

function keyOfFinding({ rule, template, logicalId, property }: Finding): string {
  return JSON.stringify([rule, template, logicalId, property]);
}

/** The findings that stand in every branch in which the accused resource exists, each as mild as its mildest branch. */
export function certainFindings(branches: readonly Judgement[]): Finding[] {
  const all = branches.map(({ findings, has }) => ({ findings, has, mildest: mildestBy(findings, keyOfFinding) }));
  if (all.length === 1) return [...all[0]!.findings];
  // The wording of the first branch that has it.
  const distinct = new Map<string, Finding>();
  for (const finding of all.flatMap(({ findings }) => findings)) {
    if (!distinct.has(keyOfFinding(finding))) distinct.set(keyOfFinding(finding), finding);
  }
  return [...distinct.values()]
    .filter((finding) => all.every(({ mildest, has }) => mildest.has(keyOfFinding(finding)) || !has(finding)))
    .map((finding) => {
      const isMild = all.some(({ mildest }) => mildest.get(keyOfFinding(finding)) === 'warning');
      return isMild ? { ...finding, severity: 'warning' as const } : finding;
    });
}

/** The findings of some lists, without those of whose place an earlier list speaks. */
export function firstOfEach(lists: readonly (readonly Finding[])[]): Finding[] {
  const told = new Set<string>();
  return lists.flatMap((findings) => {
    const fresh = findings.filter((finding) => !told.has(keyOfFinding(finding)));
    for (const finding of fresh) told.add(keyOfFinding(finding));
    return fresh;
  });
}

function mildestBy(findings: readonly Finding[], key: (finding: Finding) => string): Map<string, Finding['severity']> {
  const mildest = new Map<string, Finding['severity']>();
  for (const finding of findings) {
    if (mildest.get(key(finding)) !== 'warning') mildest.set(key(finding), finding.severity);
  }
  return mildest;
}

function part(document: unknown, name: string): Json {
  return isObject(document) && isObject(document[name]) ? document[name] : {};
}

function conditionOf(document: unknown, name: string): unknown {
  return part(document, 'Conditions')[name] ?? { Condition: name };
}

/** The names of the conditions that judged resources and exports depend on. */
function usedConditions(document: unknown, judged: RegExp): Set<string> {
  const names = new Set<string>();
  for (const resource of Object.values(part(document, 'Resources'))) {
    if (!isObject(resource) || !judged.test(writtenText(resource['Type']))) continue;
    if (typeof resource['Condition'] === 'string') names.add(resource['Condition']);
    collectNames(resource['Properties'], names);
  }
  for (const output of Object.values(part(document, 'Outputs'))) {
    if (!isObject(output) || output['Export'] === undefined) continue;
    if (typeof output['Condition'] === 'string') names.add(output['Condition']);
    collectNames(output, names);
  }
  return names;
}

function collectNames(value: unknown, names: Set<string>): void {
  if (typeof value !== 'object' || value === null) return;
  if (isObject(value) && Array.isArray(value['Fn::If']) && typeof value['Fn::If'][0] === 'string') {
    names.add(value['Fn::If'][0]);
  }
  for (const inner of Object.values(value)) collectNames(inner, names);
}

/** Conditions that contain themselves end here. */
const DEEPEST = 20;

/** The independent parts of a condition. */
function collectKeys(condition: unknown, document: unknown, index: number, keys: Set<string>, depth: number): void {
  const parts = partsOf(condition, document, depth);
  if (parts === undefined) keys.add(keyOf(condition, index));
  else for (const inner of parts.inner) collectKeys(inner, document, index, keys, depth + 1);
}

function keyOf(condition: unknown, index: number): string {
  return `${index} ${JSON.stringify(condition)}`;
}

interface Parts {
  readonly inner: readonly unknown[];
  readonly value: (values: readonly boolean[]) => boolean;
}

/** How a condition is put together from others; undefined where it stands for itself. */
function partsOf(condition: unknown, document: unknown, depth: number): Parts | undefined {
  if (!isObject(condition) || depth > DEEPEST) return undefined;
  const list = (name: string): readonly unknown[] | undefined =>
    Array.isArray(condition[name]) ? (condition[name] as unknown[]) : undefined;
  const name = condition['Condition'];
  if (typeof name === 'string') {
    const named = part(document, 'Conditions')[name];
    return named === undefined ? undefined : { inner: [named], value: ([one]) => one === true };
  }
  const and = list('Fn::And');
  if (and !== undefined) return { inner: and, value: (values) => values.every(Boolean) };
  const or = list('Fn::Or');
  if (or !== undefined) return { inner: or, value: (values) => values.some(Boolean) };
  const not = list('Fn::Not');
  if (not?.length === 1) return { inner: not, value: ([one]) => one !== true };
  const equals = list('Fn::Equals');
  if (equals?.length === 2 && equals.every((one) => typeof one !== 'object')) {
    return { inner: [], value: () => String(equals[0]) === String(equals[1]) };
  }
  return undefined;
}

function isTrue(condition: unknown, document: unknown, index: number, choice: Choice, depth = 0): boolean | undefined {
  const parts = partsOf(condition, document, depth);
  if (parts === undefined) return choice.get(keyOf(condition, index));
  const values = parts.inner.map((inner) => isTrue(inner, document, index, choice, depth + 1));
  return values.includes(undefined) ? undefined : parts.value(values.map((value) => value === true));
}

function choicesOf(keys: readonly string[]): Choice[] {
  const choices: Choice[] = [];
  for (let bits = 0; bits < 2 ** keys.length; bits++) {
    const choice = new Map(keys.map((key, index) => [key, (bits & (1 << index)) !== 0]));
    if (isPossible(choice)) choices.push(choice);
  }
  return choices;
}

/** One thing cannot equal two different texts. */
function isPossible(choice: Choice): boolean {
  const equals = new Map<string, string>();
  for (const [key, isChosen] of choice) {
    const space = key.indexOf(' ');
    const condition: unknown = JSON.parse(key.slice(space + 1));
    const sides = isChosen && isObject(condition) ? condition['Fn::Equals'] : undefined;
    if (!Array.isArray(sides) || sides.length !== 2) continue;
    const literal = sides.find((side) => typeof side === 'string') as string | undefined;
    const other = sides.find((side) => isObject(side)) as unknown;
    if (literal === undefined || other === undefined) continue;
    const subject = key.slice(0, space) + JSON.stringify(other);
    if ((equals.get(subject) ?? literal) !== literal) return false;
    equals.set(subject, literal);
  }
  return true;
}

const NOTHING = Symbol('nothing');

/** A template with its conditions resolved. */
function chosen(document: unknown, index: number, choice: Choice): unknown {
  if (!isObject(document)) return document;
  const stands = (name: string): boolean | undefined => isTrue(conditionOf(document, name), document, index, choice);
  const kept = (parts: Json): Json =>
    Object.fromEntries(
      Object.entries(parts).flatMap(([id, one]) => {
        if (!isObject(one) || typeof one['Condition'] !== 'string') return [[id, resolved(one, stands)]];
        const { Condition, ...rest } = one;
        const isThere = stands(Condition as string);
        // A condition that is still there is one that nobody decided.
        return isThere === false ? [] : [[id, resolved(isThere === true ? rest : one, stands)]];
      }),
    );
  return {
    ...document,
    Resources: isObject(document['Resources']) ? kept(document['Resources']) : document['Resources'],
    ...(isObject(document['Outputs']) ? { Outputs: kept(document['Outputs']) } : {}),
  };
}

function resolved(value: unknown, stands: (name: string) => boolean | undefined): unknown {
  if (Array.isArray(value)) return value.map((one) => resolved(one, stands)).filter((one) => one !== NOTHING);
  if (!isObject(value)) return value;
  if (value['Ref'] === 'AWS::NoValue') return NOTHING;
  const branch = value['Fn::If'];
  if (Array.isArray(branch) && branch.length === 3 && typeof branch[0] === 'string') {
    const isChosen = stands(branch[0]);
    if (isChosen !== undefined) return resolved(branch[isChosen ? 1 : 2], stands);
  }
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, one]) => {
      const inner = resolved(one, stands);
      return inner === NOTHING ? [] : [[name, inner]];
    }),
  );
}
