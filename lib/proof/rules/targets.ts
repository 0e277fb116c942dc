import { InputError } from '../../core/errors';
import { parseSchedule } from '../../scaling/decide/schedule-expression';
import type { Accusation } from '../finding';
import type { Policy, ProofModel } from '../model';
import { isLiteral, isObject } from '../template-reader';
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
      if (named !== undefined && named.type !== TARGET && isAboutHosting) {
        yield {
          at: resource,
          property: 'ScalingTargetId',
          message: `${named.logicalId} is a ${named.type}, not a scalable target`,
        };
      } else if (named === undefined && typeof ref === 'string' && !reader.isGiven(ref) && isHosting(policy)) {
        yield { at: resource, property: 'ScalingTargetId', message: `the template has no resource ${ref}` };
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
    if (resourceId === undefined || scalableDimension === undefined) continue;
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
