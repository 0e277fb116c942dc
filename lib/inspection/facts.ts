import type { EndpointKind } from '../catalog/hosting-metrics';
import { SCALABLE_DIMENSIONS } from '../catalog/scalable-resource';
import { InputError } from '../core/errors';
import { finite, isObject, type Json } from '../core/parse';
import {
  activitiesCall,
  alarmsCall,
  componentCall,
  componentsCall,
  componentTagsCall,
  configCall,
  configTagsCall,
  endpointCall,
  metricsCall,
  policiesCall,
  scheduledActionsCall,
  subjectResourceId,
  targetsCall,
  type CallSubject,
  type InspectionCall,
} from './calls';
import type { InspectionWindow, MissingPart, ReadSource } from './contract';
import { objectOf, objectsOf, textOf } from './reading';

/** A response as read, or the reason why it was not. */
export type ReadPart =
  | { readonly kind: 'read'; readonly document: Json; readonly from: string }
  | { readonly kind: 'missing'; readonly reason: string };

/** Parts of an inspection by the names of their files. */
export type ReadParts = ReadonlyMap<string, ReadPart>;

/** Scaling of a fleet; undefined where it was not read. */
export interface FleetFacts {
  readonly subject: CallSubject;
  readonly resourceId: string;
  readonly scalableDimension: string;
  readonly kind: EndpointKind;
  readonly presentCapacity: number | null;
  readonly targets: readonly Json[] | undefined;
  readonly policies: readonly Json[] | undefined;
  readonly scheduledActions: readonly Json[] | undefined;
  readonly alarms: readonly Json[] | undefined;
  readonly activities: readonly Json[] | undefined;
  readonly metrics: { readonly document: Json; readonly from: string } | undefined;
}

/** Inference component with its tags. */
export interface ComponentFacts {
  readonly description: Json;
  readonly tags: readonly Json[];
}

/** Everything known about an endpoint. */
export interface EndpointFacts {
  readonly endpointName: string;
  readonly accountId: string | null;
  /** Region in the ARNs; null where no ARN was read. */
  readonly region: string | null;
  /** Response of DescribeEndpoint; empty where it was not read. */
  readonly endpoint: Json;
  readonly config: Json;
  readonly configTags: readonly Json[];
  readonly variants: readonly Json[];
  readonly components: readonly ComponentFacts[];
  readonly fleets: readonly FleetFacts[];
  readonly read: readonly ReadSource[];
  readonly missing: readonly (MissingPart & { readonly call: InspectionCall })[];
}

/** Names of SageMaker's resources (API reference, CreateEndpoint). */
const RESOURCE_NAME = /^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$/;

/**
 * Returns a name of SageMaker.
 *
 * @throws InputError for anything else, which must not get into a command
 */
export function checkedName(name: unknown, place: string): string {
  if (typeof name === 'string' && RESOURCE_NAME.test(name)) return name;
  throw new InputError(
    `${place} is ${JSON.stringify(name) ?? 'missing'}; a name of SageMaker has letters, digits and hyphens, at most 63`,
  );
}

/** Facts that narrow an inspection. */
export interface FactsWanted {
  /** @default - that of the parts */
  readonly endpointName?: string;
  /** Only this variant. @default - all */
  readonly variantName?: string;
  /** Window of the metrics that a missing call would ask for. */
  readonly window: InspectionWindow;
}

/**
 * Calls that have to be made next, given the parts so far; none when everything was asked. Every call appears until its part is present.
 */
export function nextCalls(parts: ReadParts, endpointName: string, wanted: FactsWanted): InspectionCall[] {
  return plannedCalls(parts, endpointName, wanted).filter(({ file }) => !parts.has(file));
}

/**
 * Parts in which lists that name no variant or component have their place: they count for the only fleet, and otherwise for those that
 * they mention.
 */
export function withNamedParts(parts: ReadParts, endpointName: string, wanted: FactsWanted): ReadParts {
  const named = new Map(parts);
  // The alarms are known once the policies are.
  for (let round = 0; round < 2; round++) {
    const calls = plannedCalls(named, endpointName, wanted);
    const isOnly = calls.filter(({ operation }) => operation === 'GetMetricData').length === 1;
    for (const { file, input } of calls) {
      const part = /^([a-z-]+)\.(?:variant|component)\./.exec(file)?.[1];
      const unnamed = parts.get(`${part}.json`);
      if (part === undefined || named.has(file) || unnamed?.kind !== 'read') continue;
      const [id] = Array.isArray(input['ResourceIds']) ? (input['ResourceIds'] as unknown[]) : [input['ResourceId']];
      const isMentioned = Object.values(unnamed.document).some((list) =>
        objectsOf(list).some(({ ResourceId }) => ResourceId === id),
      );
      if (isOnly || part === 'alarms' || (id !== undefined && isMentioned)) named.set(file, unnamed);
    }
  }
  return named;
}

/** Calls that the present parts give rise to. */
function plannedCalls(parts: ReadParts, endpointName: string, wanted: FactsWanted): InspectionCall[] {
  const endpoint = documentOf(parts, endpointCall(endpointName).file);
  const calls: InspectionCall[] = [endpointCall(endpointName)];
  const configName = endpoint?.['EndpointConfigName'];
  const configFile = configCall('').file;
  if (configName === undefined && !parts.has(configFile)) return calls;
  const config = documentOf(parts, configFile);
  const name = config?.['EndpointConfigName'] ?? configName;
  if (name !== undefined) calls.push(configCall(checkedName(name, 'EndpointConfigName')));
  if (config === undefined) return calls;
  const arn = textOf(config['EndpointConfigArn']);
  if (arn !== undefined) calls.push(configTagsCall(checkedArn(arn)));
  const kind = variantKind(config);
  const isShared = variantsOf(config).some((variant) => variant['ModelName'] === undefined);
  if (isShared) calls.push(componentsCall(endpointName));
  for (const variant of selectedVariants(config, wanted.variantName)) {
    // Components serve the requests of a variant without a model of its own.
    if (variant['ModelName'] === undefined && !isServerless(variant)) continue;
    const subject = variantSubject(variant, endpointName);
    calls.push(...fleetCalls(parts, subject, isServerless(variant) ? 'serverless' : kind, wanted.window));
  }
  for (const component of listedComponents(parts, endpointName, wanted.variantName)) {
    const componentName = checkedName(component['InferenceComponentName'], 'InferenceComponentName');
    calls.push(componentCall(componentName));
    const description = documentOf(parts, componentCall(componentName).file);
    if (description === undefined) continue;
    const componentArn = textOf(description['InferenceComponentArn']) ?? textOf(component['InferenceComponentArn']);
    if (componentArn !== undefined) calls.push(componentTagsCall(componentName, checkedArn(componentArn)));
    if (isAdapter(description)) continue;
    const subject: CallSubject = { kind: 'component', name: componentName, endpointName };
    calls.push(...fleetCalls(parts, subject, 'inference-component', wanted.window));
  }
  return calls;
}

function fleetCalls(
  parts: ReadParts,
  subject: CallSubject,
  kind: EndpointKind,
  window: InspectionWindow,
): InspectionCall[] {
  const policies = policiesCall(subject);
  const known = objectsOf(documentOf(parts, policies.file)?.['ScalingPolicies']);
  const names = known.flatMap(({ Alarms }) => objectsOf(Alarms)).flatMap(({ AlarmName }) => textOf(AlarmName) ?? []);
  return [
    targetsCall(subject),
    policies,
    scheduledActionsCall(subject),
    activitiesCall(subject),
    ...(names.length === 0 ? [] : [alarmsCall(subject, names)]),
    metricsCall(subject, kind, window),
  ];
}

function checkedArn(arn: string): string {
  if (/^arn:[\w:/.-]+$/.test(arn)) return arn;
  throw new InputError(`${JSON.stringify(arn)} is not an ARN; save the response again`);
}

function documentOf(parts: ReadParts, file: string): Json | undefined {
  const part = parts.get(file);
  return part?.kind === 'read' ? part.document : undefined;
}

const variantsOf = (config: Json): Json[] => objectsOf(config['ProductionVariants']);

const isServerless = (variant: Json): boolean => isObject(variant['ServerlessConfig']);

const isAdapter = (description: Json): boolean =>
  textOf(objectOf(description['Specification'])['BaseInferenceComponentName']) !== undefined;

const variantKind = (config: Json): EndpointKind => (isObject(config['AsyncInferenceConfig']) ? 'async' : 'real-time');

function variantSubject(variant: Json, endpointName: string): CallSubject {
  return { kind: 'variant', name: checkedName(variant['VariantName'], 'VariantName'), endpointName };
}

function selectedVariants(config: Json, variantName: string | undefined): Json[] {
  const variants = variantsOf(config);
  if (variants.length === 0) {
    throw new InputError(
      'the endpoint configuration has no ProductionVariants; save the output of aws sagemaker describe-endpoint-config',
    );
  }
  if (variantName === undefined) return variants;
  const chosen = variants.filter(({ VariantName }) => VariantName === variantName);
  if (chosen.length > 0) return chosen;
  const names = variants.map(({ VariantName }) => textOf(VariantName) ?? 'one without a name').join(', ');
  throw new InputError(`--variant is '${variantName}', and the endpoint has no such variant; it has ${names}`);
}

function listedComponents(parts: ReadParts, endpointName: string, variantName: string | undefined): Json[] {
  const listed = documentOf(parts, componentsCall(endpointName).file);
  return objectsOf(listed?.['InferenceComponents']).filter(
    (component) =>
      (component['EndpointName'] === undefined || component['EndpointName'] === endpointName) &&
      (variantName === undefined || component['VariantName'] === variantName),
  );
}

/**
 * Puts the parts together.
 *
 * @throws InputError when there is no endpoint configuration, or a part contradicts itself
 */
export function endpointFacts(parts: ReadParts, endpointName: string, wanted: FactsWanted): EndpointFacts {
  const calls = plannedCalls(parts, endpointName, wanted);
  const configFile = configCall('').file;
  const config = documentOf(parts, configFile);
  const missing = calls.flatMap((call) => {
    const part = parts.get(call.file);
    if (part?.kind === 'read') return [];
    const reason = part === undefined ? `there is no file ${call.file}` : part.reason;
    return [{ what: call.what, action: call.action, reason, call }];
  });
  if (config === undefined) {
    const reasons = missing.map(({ action, reason }) => `${action}: ${reason}`).join('; ');
    throw new InputError(`the configuration of endpoint ${endpointName} could not be read (${reasons})`);
  }
  const endpoint = documentOf(parts, endpointCall(endpointName).file) ?? {};
  const arn = textOf(endpoint['EndpointArn']) ?? textOf(config['EndpointConfigArn']);
  const [, , , region, accountId] = arn?.split(':') ?? [];
  const variants = selectedVariants(config, wanted.variantName);
  const described = listedComponents(parts, endpointName, wanted.variantName).flatMap((listed): ComponentFacts[] => {
    const name = checkedName(listed['InferenceComponentName'], 'InferenceComponentName');
    const description = documentOf(parts, componentCall(name).file);
    if (description === undefined) return [];
    const tags = documentOf(parts, componentTagsCall(name, '').file);
    return [{ description: { ...listed, ...description }, tags: objectsOf(tags?.['Tags']) }];
  });
  const kind = variantKind(config);
  const fleets = [
    ...variants
      .filter((variant) => variant['ModelName'] !== undefined || isServerless(variant))
      .map((variant) => {
        const subject = variantSubject(variant, endpointName);
        const present = objectsOf(endpoint['ProductionVariants']).find(
          ({ VariantName }) => VariantName === subject.name,
        );
        const capacity = finite(present?.['CurrentInstanceCount']) ?? null;
        return fleetFacts(parts, subject, isServerless(variant) ? 'serverless' : kind, capacity, wanted.window);
      }),
    ...described
      .filter(({ description }) => !isAdapter(description))
      .map(({ description }) => {
        const name = checkedName(description['InferenceComponentName'], 'InferenceComponentName');
        const copies = finite(objectOf(description['RuntimeConfig'])['CurrentCopyCount']) ?? null;
        const subject: CallSubject = { kind: 'component', name, endpointName };
        return fleetFacts(parts, subject, 'inference-component', copies, wanted.window);
      }),
  ];
  return {
    endpointName,
    accountId: accountId === undefined || accountId === '' ? null : accountId,
    region: region === undefined || region === '' ? null : region,
    endpoint,
    config,
    configTags: objectsOf(documentOf(parts, configTagsCall('').file)?.['Tags']),
    variants,
    components: described,
    fleets,
    read: calls.flatMap(({ file, what }): ReadSource[] => {
      const part = parts.get(file);
      return part?.kind === 'read' ? [{ what, from: part.from }] : [];
    }),
    missing,
  };
}

function fleetFacts(
  parts: ReadParts,
  subject: CallSubject,
  kind: EndpointKind,
  presentCapacity: number | null,
  window: InspectionWindow,
): FleetFacts {
  const resourceId = subjectResourceId(subject);
  const list = (call: InspectionCall, member: string): readonly Json[] | undefined => {
    const document = documentOf(parts, call.file);
    if (document === undefined) return undefined;
    // Saved responses may have other resources too.
    return objectsOf(document[member]).filter(
      ({ ResourceId }) => ResourceId === undefined || ResourceId === resourceId,
    );
  };
  const metrics = parts.get(metricsCall(subject, kind, window).file);
  return {
    subject,
    resourceId,
    scalableDimension:
      kind === 'inference-component'
        ? SCALABLE_DIMENSIONS.copyCount
        : kind === 'serverless'
          ? SCALABLE_DIMENSIONS.provisionedConcurrency
          : SCALABLE_DIMENSIONS.instanceCount,
    kind,
    presentCapacity,
    targets: list(targetsCall(subject), 'ScalableTargets'),
    policies: list(policiesCall(subject), 'ScalingPolicies'),
    scheduledActions: list(scheduledActionsCall(subject), 'ScheduledActions'),
    alarms: list(alarmsCall(subject), 'MetricAlarms'),
    activities: list(activitiesCall(subject), 'ScalingActivities'),
    metrics: metrics?.kind === 'read' ? metrics : undefined,
  };
}
