import { isObject, type Json } from '../core/parse';
import { plainText } from './plain-text';
import type { TemplateDocument } from './template-document';
import { fileOf } from './template-outputs';
import { nestedStack } from './template-reader';

/** A condition in the terms of one of the templates. */
export interface PlacedCondition {
  /** Index of the template whose parameters and conditions it names. */
  readonly index: number;
  readonly condition: unknown;
}

/** A stack that deploys a template, with the values that it passes. */
interface Place {
  /** Index of the template that declares the stack. */
  readonly index: number;
  readonly parameters: Json;
}

/** Maximum nesting of stacks. */
const MAX_DEPTH = 20;

/** Conditions of nested stacks, in the terms of the templates that pass their parameters. */
export class PassedConditions {
  private readonly places: readonly (readonly Place[])[];

  public constructor(templates: readonly TemplateDocument[]) {
    const files = templates.map(({ name }) => fileOf(name));
    const stacks = templates.flatMap(({ document }, index) =>
      Object.entries(isObject(document) && isObject(document['Resources']) ? document['Resources'] : {}).flatMap(
        ([logicalId, resource]) => nestedStack(logicalId, resource).map((stack) => ({ index, ...stack })),
      ),
    );
    this.places = files.map((file, child) =>
      stacks.filter(
        (stack) => stack.file === file && stack.index !== child && files.indexOf(file) === files.lastIndexOf(file),
      ),
    );
  }

  /** True if a stack passes a parameter of a template, whatever its value. */
  public passes(index: number, parameter: string): boolean {
    return this.places[index]!.some(({ parameters }) => parameter in parameters);
  }

  /**
   * Condition in the terms of the outermost template that passes the parameters it compares: `Fn::Equals` of literals and passed parameters.
   * Others, and those of templates that several stacks deploy with different values, stay as they are.
   */
  public outermost(placed: PlacedCondition): PlacedCondition {
    let { index, condition } = placed;
    for (let depth = 0; depth < MAX_DEPTH; depth++) {
      const sides = isObject(condition) ? condition['Fn::Equals'] : undefined;
      if (!Array.isArray(sides) || sides.length !== 2) break;
      const refs = sides.filter((side) => isObject(side)) as Json[];
      const place = this.onlyPlace(index);
      if (refs.length === 0 || place === undefined) break;
      const isPassed = refs.every((ref) => typeof ref['Ref'] === 'string' && ref['Ref'] in place.parameters);
      if (!isPassed) break;
      const passed = sides.map((side: unknown) => (isObject(side) ? place.parameters[plainText(side['Ref'])] : side));
      index = place.index;
      condition = { 'Fn::Equals': passed };
    }
    return { index, condition };
  }

  /** The only stack that deploys a template, or any of several that pass the same. */
  private onlyPlace(index: number): Place | undefined {
    const [first, ...others] = this.places[index]!;
    const text = ({ index: parent, parameters }: Place): string => JSON.stringify([parent, parameters]);
    return first !== undefined && others.every((other) => text(other) === text(first)) ? first : undefined;
  }
}
