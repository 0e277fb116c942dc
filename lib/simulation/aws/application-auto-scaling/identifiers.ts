import type { TargetKey } from './types';

/** Generates ARNs and identifiers in the service's form; every run generates the same. */
export class Identifiers {
  private count = 0;

  public constructor(
    private readonly region: string,
    private readonly accountId: string,
  ) {}

  /** Returns an identifier in the form of a UUID, a new one at each call. */
  public next(text: string): string {
    return uuidOf(`${++this.count}:${text}`);
  }

  /** Leaves an identifier out. */
  public skip(): void {
    this.count++;
  }

  public targetArn(key: TargetKey): string {
    const id = uuidOf(`target:${keyText(key)}`)
      .replaceAll('-', '')
      .slice(0, 22);
    return `arn:aws:application-autoscaling:${this.region}:${this.accountId}:scalable-target/${id}`;
  }

  public policyArn(key: TargetKey, policyName: string): string {
    return this.resourceArn('scalingPolicy', key, `policyName/${policyName}`);
  }

  public scheduledActionArn(key: TargetKey, name: string): string {
    return this.resourceArn('scheduledAction', key, `scheduledActionName/${name}`);
  }

  public alarmArn(alarmName: string): string {
    return `arn:aws:cloudwatch:${this.region}:${this.accountId}:alarm:${alarmName}`;
  }

  private resourceArn(kind: string, key: TargetKey, name: string): string {
    const id = uuidOf(`${kind}:${keyText(key)}:${name}`);
    const resource = `resource/${key.serviceNamespace}/${key.resourceId}`;
    return `arn:aws:autoscaling:${this.region}:${this.accountId}:${kind}:${id}:${resource}:${name}`;
  }
}

/** Key of a scalable target. */
export function keyText({ serviceNamespace, resourceId, scalableDimension }: TargetKey): string {
  return `${serviceNamespace}|${resourceId}|${scalableDimension}`;
}

/** Returns an identifier in the form of a UUID that depends on the text alone. */
function uuidOf(text: string): string {
  const hex = [0, 1, 2, 3].map((salt) => fnv1a(`${salt}:${text}`).toString(16).padStart(8, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20)].join('-');
}

function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193) >>> 0;
  }
  return hash;
}
