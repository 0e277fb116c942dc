import { InputError } from '../core/errors';
import type { Json } from '../core/parse';
import { displayText, isLiteral } from './deploy-time-names';
import type { Resource } from './template-reader';
import { reasonUndecided, reasonUnknown, type ParameterRemedy } from './unknown-values';

/**
 * Properties of a resource that a caller must know before the deployment. A value that only the deployment decides is an
 * {@link InputError} that names template, resource, property, reason and the way out.
 */
export class KnownProperties {
  private constructor(
    private readonly resource: Resource,
    private readonly properties: Json,
    private readonly path: string,
    private readonly remedy: ParameterRemedy,
  ) {}

  /** @throws InputError when an undecided condition may leave the resource out */
  public static of(resource: Resource, remedy: ParameterRemedy): KnownProperties {
    const { template, logicalId, properties, condition, reader } = resource;
    if (condition !== undefined) {
      throw new InputError(`${template}: ${logicalId} may not exist: ${reasonUndecided(reader, condition, remedy)}`);
    }
    return new KnownProperties(resource, properties, logicalId, remedy);
  }

  /** True if the property is present. */
  public has(name: string): boolean {
    return !this.resource.reader.isAbsent(this.properties[name]);
  }

  /** Text, with deploy-time names for generated names; undefined where it is absent. */
  public text(name: string): string | undefined {
    if (!this.has(name)) return undefined;
    const text = this.resource.reader.text(this.properties[name]);
    return text ?? this.refuse(name);
  }

  /** Number; undefined where it is absent. */
  public number(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const number = text.trim() === '' ? NaN : Number(text);
    return Number.isFinite(number) ? number : this.refuse(name, text);
  }

  /** @throws InputError also when the property is absent */
  public requiredNumber(name: string): number {
    const number = this.number(name);
    if (number !== undefined) return number;
    throw new InputError(`${this.resource.template}: ${this.path}.${name} is missing; give it a number`);
  }

  /** Boolean; false where it is absent. */
  public flag(name: string): boolean {
    return this.resource.reader.flag(this.properties[name]) ?? this.refuse(name);
  }

  /** Object; undefined where it is absent. */
  public object(name: string): KnownProperties | undefined {
    if (!this.has(name)) return undefined;
    const object = this.resource.reader.object(this.properties[name]);
    return object === undefined ? this.refuse(name) : this.within(name, object);
  }

  /** Objects of a list; none where it is absent. */
  public objects(name: string): KnownProperties[] {
    const { reader } = this.resource;
    const value = this.properties[name];
    if (!reader.isCertainList(value)) this.refuse(name);
    return reader.objects(value).map((object, index) => this.within(`${name}.${index}`, object));
  }

  private within(name: string, properties: Json): KnownProperties {
    return new KnownProperties(this.resource, properties, `${this.path}.${name}`, this.remedy);
  }

  private refuse(name: string, text?: string): never {
    const { template, reader } = this.resource;
    const place = `${template}: ${this.path}.${name}`;
    if (text !== undefined && isLiteral(text)) throw new InputError(`${place} is '${text}', not a number; correct it`);
    const shown = text === undefined ? '' : ` '${displayText(text)}', which is`;
    const reason =
      reasonUnknown(reader, this.properties[name], this.remedy) ?? 'its form is not one that a template has';
    throw new InputError(`${place} is${shown} known only at the deployment: ${reason}`);
  }
}
