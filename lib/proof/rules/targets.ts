import { InputError } from '../../core/errors';
import { parseSchedule } from '../../scaling/decide/schedule-expression';
import type { Accusation } from '../finding';
import type { ProofModel } from '../model';
import type { Component, Policy } from '../subjects';
import { isLiteral, isObject, WRITTEN_BY_MACRO, type Json, type Resource } from '../template-reader';
import type { ProofRule } from './rule';

const TARGET = 'AWS::ApplicationAutoScaling::ScalableTarget';

function isHosting({ resource, tracking }: Policy): boolean {
  const { reader, properties } = resource;
  const predefined = reader.object(tracking?.['PredefinedMetricSpecification']);
  return (
    reader.text(properties['ServiceNamespace']) === 'sagemaker' ||
    reader.text(properties['ScalableDimension'])?.startsWith('sagemaker:') === true ||
    reader.text(predefined?.['PredefinedMetricType'])?.startsWith('SageMaker') === true
  );
}

function* withoutTarget(model: ProofModel): Iterable<Accusation> {
  for (const policy of model.orphanPolicies) {
    const { resource } = policy;
    const { reader, properties } = resource;
    const reference = properties['ScalingTargetId'];
    const id = reader.text(properties['ResourceId']);
    if (!reader.isAbsent(reference)) {
      const named = reader.referenced(reference);
      const ref: unknown = isObject(reference) ? reference['Ref'] : undefined;
      const isAboutHosting = isHosting(policy) || named?.type.startsWith('AWS::SageMaker::') === true;
      if (named?.type === WRITTEN_BY_MACRO) continue;
      if (named !== undefined && named.type !== TARGET && isAboutHosting) {
        yield {
          at: resource,
          property: 'ScalingTargetId',
          message: `${named.logicalId} is a ${named.type}, not a scalable target`,
        };
      } else if (named === undefined && typeof ref === 'string' && !reader.isGiven(ref) && isHosting(policy)) {
        yield { at: resource, property: 'ScalingTargetId', message: `the template has no resource ${ref}` };
      } else if (named === undefined && typeof reference === 'string' && isLiteral(reference) && isHosting(policy)) {
        // The Ref of a target comes to id, dimension and service between bars.
        if (reference.split('|').length === 3) continue;
        yield {
          at: resource,
          property: 'ScalingTargetId',
          message: `'${reference}' is no scalable target: what its Ref comes to is written RESOURCE_ID|DIMENSION|sagemaker`,
        };
      }
      continue;
    }
    if (!isHosting(policy)) continue;
    if (reader.isAbsent(properties['ResourceId'])) {
      yield {
        at: resource,
        property: 'ScalingTargetId',
        message: 'the policy names neither a scalable target nor a resource id, so the service refuses it',
        remedy: 'set ScalingTargetId to the Ref of the scalable target',
      };
      continue;
    }
    if (id === undefined) continue;
    const same = model.targets.filter(({ resourceId }) => resourceId === id);
    const dimension = reader.text(properties['ScalableDimension']);
    if (same.length > 0 && dimension !== undefined && isLiteral(dimension)) {
      const dimensions = same.map(({ scalableDimension }) => scalableDimension);
      if (dimensions.some((one) => one === undefined || one === dimension)) continue;
      yield {
        at: resource,
        property: 'ScalableDimension',
        message: `${id} is registered for ${dimensions.join(' and ')}, not for ${dimension}`,
        remedy: 'write the dimension of the scalable target',
      };
    } else if (same.length === 0 && isDeclared(model, id)) {
      yield {
        at: resource,
        property: 'ResourceId',
        message: `no scalable target of these templates registers ${id}, and without one the service refuses the policy`,
        severity: 'warning',
      };
    }
  }
}

/** Whether a resource id is one of a declared endpoint or component: then its target should be declared as well. */
function isDeclared(model: ProofModel, id: string): boolean {
  const [, endpoint] = /^endpoint\/(.+)\/variant\//.exec(id) ?? [];
  const [, component] = /^inference-component\/(.+)$/.exec(id) ?? [];
  return model.endpointNamed(endpoint) !== undefined || model.componentNamed(component) !== undefined;
}

function* registeredTwice(model: ProofModel): Iterable<Accusation> {
  const first = new Map<string, string>();
  for (const { resource, resourceId, scalableDimension } of model.targets) {
    // Of two that conditions may leave out there is perhaps one.
    if (resourceId === undefined || scalableDimension === undefined || resource.isOptional) continue;
    // Two files with the same resource may be two versions of one template.
    const key = `${resource.template} ${resourceId} ${scalableDimension}`;
    const before = first.get(key);
    if (before !== undefined) {
      yield {
        at: resource,
        property: 'ResourceId',
        message: `${before} registers ${resourceId} already: the later registration overwrites the limits of the earlier, and deleting one removes both`,
      };
    } else first.set(key, resource.logicalId);
  }
}

function* ofNothing(model: ProofModel): Iterable<Accusation> {
  for (const { resource, resourceId, endpoint, component } of model.targets) {
    if (resourceId === undefined || !isLiteral(resourceId) || endpoint !== undefined || component !== undefined)
      continue;
    const [, endpointName] = /^endpoint\/([^/]+)\/variant\/[^/]+$/.exec(resourceId) ?? [];
    const [, componentName] = /^inference-component\/([^/]+)$/.exec(resourceId) ?? [];
    const [wanted, declared] =
      endpointName !== undefined ? [endpointName, model.endpoints] : [componentName, model.components];
    const near = declared.filter((one) => one.resource.reader === resource.reader);
    // What is scaled may lie elsewhere: it is told where nothing else scales what the template declares.
    const isLeft = near.length > 0 && near.every((one) => isCertainlyNamed(one) && !isScaled(model, one));
    if (wanted === undefined || /^(undefined|null|None)$/.test(wanted) || !isLeft) continue;
    yield {
      at: resource,
      property: 'ResourceId',
      message: `'${wanted}' is not declared here, and nothing scales ${near.map(nameToShow).join(' and ')}, which is`,
      remedy: `name what the template declares, with Fn::GetAtt`,
    };
  }
}

type Declared = Pick<Component, 'resource' | 'name'>;

/** Whether the name is written out, or made up by CloudFormation, so that no parameter can make it another. */
function isCertainlyNamed({ resource: { type, reader, properties }, name }: Declared): boolean {
  const isMadeUp = reader.isAbsent(properties[type.endsWith('::Endpoint') ? 'EndpointName' : 'InferenceComponentName']);
  return name !== undefined && (isLiteral(name) || isMadeUp);
}

function nameToShow({ resource: { logicalId }, name }: Declared): string {
  return name === undefined || !isLiteral(name) ? logicalId : `'${name}'`;
}

function isScaled(model: ProofModel, declared: Declared): boolean {
  return model.targets.some(({ endpoint, component }) => endpoint === declared || component === declared);
}

function* policiesCollide(model: ProofModel): Iterable<Accusation> {
  for (const { policies } of model.targets) {
    const byName = new Map<string, Policy>();
    const byMetric = new Map<string, Policy>();
    for (const policy of policies) {
      const { resource, tracking } = policy;
      const { reader, properties, logicalId } = resource;
      if (resource.isOptional) continue;
      const name = reader.text(properties['PolicyName']);
      // Two files with the same policy may be two versions of one template.
      const key = `${resource.template} ${name ?? ''}`;
      const namesake = name === undefined ? undefined : byName.get(key);
      if (name !== undefined && namesake === undefined) byName.set(key, policy);
      if (namesake !== undefined) {
        yield {
          at: resource,
          property: 'PolicyName',
          message: `${namesake.resource.logicalId} and ${logicalId} are both called '${name}': a target has one policy of a name, and the later overwrites the earlier`,
          remedy: 'give each policy a name of its own',
        };
      }
      const followed = tracking === undefined ? undefined : metricOf(resource, tracking);
      const metric = followed === undefined ? undefined : `${resource.template} ${followed}`;
      const rival = metric === undefined ? undefined : byMetric.get(metric);
      if (metric !== undefined && rival === undefined) byMetric.set(metric, policy);
      if (rival === undefined || namesake !== undefined) continue;
      yield {
        at: resource,
        property: TRACKING,
        message: `${rival.resource.logicalId} and ${logicalId} follow the same metric; the policies of a target need metrics that differ`,
        remedy: 'keep one of them',
      };
    }
  }
}

const TRACKING = 'TargetTrackingScalingPolicyConfiguration';

/** What a policy follows, the same for the same metric. */
function metricOf({ reader }: Resource, tracking: Json): string | undefined {
  const predefined = reader.object(tracking['PredefinedMetricSpecification']);
  if (predefined !== undefined) return reader.text(predefined['PredefinedMetricType']);
  const custom = reader.object(tracking['CustomizedMetricSpecification']);
  return custom === undefined ? undefined : JSON.stringify(custom);
}

function* madeTooEarly(model: ProofModel): Iterable<Accusation> {
  for (const { resource, endpoint, component, dimension } of model.targets) {
    const scaled = dimension === 'component' ? component?.resource : endpoint?.resource;
    if (scaled === undefined || scaled.reader !== resource.reader || resource.reader.isMadeAfter(resource, scaled))
      continue;
    yield {
      at: resource,
      property: 'ResourceId',
      message: `nothing makes CloudFormation wait for ${scaled.logicalId}: it registers the target while what it scales is still being made`,
      remedy: `add DependsOn ${scaled.logicalId}, or take the name with Fn::GetAtt`,
    };
  }
  for (const { resource: target, policies } of model.targets) {
    for (const { resource } of policies) {
      if (target.reader !== resource.reader || resource.reader.isMadeAfter(resource, target)) continue;
      yield {
        at: resource,
        property: 'ResourceId',
        message: `nothing makes CloudFormation wait for ${target.logicalId}, and a policy of a resource that is not registered is refused`,
        remedy: `set ScalingTargetId to the Ref of ${target.logicalId}`,
      };
    }
  }
  for (const { resource, endpoint } of model.components) {
    const host = endpoint?.resource;
    if (host === undefined || host.reader !== resource.reader || resource.reader.isMadeAfter(resource, host)) continue;
    yield {
      at: resource,
      property: 'EndpointName',
      message: `nothing makes CloudFormation wait for ${host.logicalId}: the component is made while its endpoint does not exist yet`,
      remedy: `add DependsOn ${host.logicalId}, or take the name with Fn::GetAtt`,
    };
  }
}

function* scheduleInvalid(model: ProofModel): Iterable<Accusation> {
  for (const { resource } of model.targets) {
    const { reader, properties } = resource;
    const names = new Set<string>();
    for (const [index, action] of reader.objects(properties['ScheduledActions']).entries()) {
      const property = `ScheduledActions.${index}`;
      const limits = reader.object(action['ScalableTargetAction']);
      if (limits !== undefined && reader.isAbsent(limits['MinCapacity']) && reader.isAbsent(limits['MaxCapacity'])) {
        yield {
          at: resource,
          property: `${property}.ScalableTargetAction`,
          message: 'the action sets neither MinCapacity nor MaxCapacity',
        };
      }
      const name = reader.text(action['ScheduledActionName']);
      if (name !== undefined && names.has(name)) {
        yield {
          at: resource,
          property: `${property}.ScheduledActionName`,
          message: `two actions are called '${name}': the later replaces the earlier`,
          severity: 'warning',
        };
      }
      if (name !== undefined) names.add(name);
      const absent = ['ScheduledActionName', 'Schedule'].filter((one) => reader.isAbsent(action[one]));
      if (absent.length > 0) {
        yield {
          at: resource,
          property: `${property}.${absent[0]!}`,
          message: `the action has no ${absent.join(' and no ')}`,
          remedy: `set ${absent.join(' and ')}`,
        };
      }
      const timezone = reader.text(action['Timezone']);
      if (timezone !== undefined && isLiteral(timezone) && !isTimezone(timezone)) {
        yield {
          at: resource,
          property: `${property}.Timezone`,
          message: `'${timezone}' is no time zone`,
          remedy: 'write a name of the IANA time zone database, for example Europe/Zurich',
        };
      }
      const schedule = reader.text(action['Schedule']);
      if (schedule === undefined || !isLiteral(schedule)) continue;
      const problem = problemOf(schedule);
      if (problem === undefined) continue;
      const isForm = !/^(at|rate|cron)\(.*\)$/.test(schedule.trim()) || /fields found/.test(problem);
      yield {
        at: resource,
        property: `${property}.Schedule`,
        message: problem,
        // The finer points of cron are told differently by different pages.
        severity: isForm ? 'error' : 'warning',
      };
    }
  }
}

function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

function problemOf(schedule: string): string | undefined {
  try {
    parseSchedule(schedule);
    return undefined;
  } catch (error) {
    if (error instanceof InputError) return error.message;
    throw error;
  }
}

/** What is registered, and when. */
export const TARGET_RULES: readonly ProofRule[] = [
  {
    id: 'policy-without-target',
    severity: 'error',
    reason: 'a policy belongs to a scalable target, and is refused without one',
    remedy: 'set ScalingTargetId to the Ref of a scalable target',
    source: 'Application Auto Scaling API reference: PutScalingPolicy (ObjectNotFoundException)',
    check: withoutTarget,
  },
  {
    id: 'target-registered-twice',
    severity: 'warning',
    reason: 'a resource has one pair of limits for each dimension: the last registration counts',
    remedy: 'keep one scalable target, with all policies and schedules',
    source: 'Application Auto Scaling API reference: RegisterScalableTarget',
    check: registeredTwice,
  },
  {
    id: 'target-of-nothing',
    severity: 'warning',
    reason:
      'a target under another name leaves the endpoint beside it without scaling, and is refused where the name does not exist',
    remedy: 'name what the template declares',
    source: 'Application Auto Scaling API reference: RegisterScalableTarget',
    check: ofNothing,
  },
  {
    id: 'policies-collide',
    severity: 'error',
    reason: 'policies of one target need names and metrics that differ',
    remedy: 'keep one of them',
    source:
      'Application Auto Scaling API reference: PutScalingPolicy (PolicyName; several target tracking policies of one target)',
    check: policiesCollide,
  },
  {
    id: 'made-too-early',
    severity: 'warning',
    reason: 'a literal name makes no dependency, and what does not exist yet cannot be registered',
    remedy: 'add DependsOn',
    source:
      'CloudFormation user guide: DependsOn attribute; Application Auto Scaling API reference: RegisterScalableTarget',
    check: madeTooEarly,
  },
  {
    id: 'schedule-invalid',
    severity: 'error',
    reason: 'the service refuses a schedule it cannot read, and an action that sets nothing',
    remedy: 'write at(2026-12-24T08:00:00), rate(5 minutes) or cron(0 8 * * ? *)',
    source: 'Application Auto Scaling user guide: scheduled scaling (cron expressions)',
    check: scheduleInvalid,
  },
];
