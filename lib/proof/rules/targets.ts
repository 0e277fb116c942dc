import { isSageMakerTarget, parseResourceId } from '../../catalog/scalable-resource';
import { isObject, type Json } from '../../core/parse';
import type { RuleViolation } from '../finding';
import {
  type DeclaredComponent,
  isLiteral,
  MACRO_RESOURCE,
  type DeclaredPolicy,
  type Resource,
  type TemplateModel,
} from '../../template';
import type { ProofRule } from '../rule-support/rule';
import { isScaledAtRunTime } from '../rule-support/run-time-scaling';

const TARGET = 'AWS::ApplicationAutoScaling::ScalableTarget';

function isHosting({ resource, tracking }: DeclaredPolicy): boolean {
  const { reader, properties } = resource;
  const predefined = reader.object(tracking?.['PredefinedMetricSpecification']);
  return (
    isSageMakerTarget(reader.text(properties['ServiceNamespace']), reader.text(properties['ScalableDimension'])) ||
    reader.text(predefined?.['PredefinedMetricType'])?.startsWith('SageMaker') === true
  );
}

function* withoutTarget(model: TemplateModel): Iterable<RuleViolation> {
  for (const policy of model.orphanPolicies) {
    const { resource } = policy;
    const { reader, properties } = resource;
    const reference = properties['ScalingTargetId'];
    const id = reader.text(properties['ResourceId']);
    if (!reader.isAbsent(reference)) {
      const named = reader.referenced(reference);
      const ref: unknown = isObject(reference) ? reference['Ref'] : undefined;
      const isAboutHosting = isHosting(policy) || named?.type.startsWith('AWS::SageMaker::') === true;
      if (named?.type === MACRO_RESOURCE) continue;
      if (named !== undefined && named.type !== TARGET && isAboutHosting) {
        yield {
          at: resource,
          property: 'ScalingTargetId',
          message: `${named.logicalId} is a ${named.type}, not a scalable target`,
        };
      } else if (named === undefined && typeof ref === 'string' && !reader.isParameter(ref) && isHosting(policy)) {
        yield { at: resource, property: 'ScalingTargetId', message: `the template has no resource ${ref}` };
      } else if (named === undefined && typeof reference === 'string' && isLiteral(reference) && isHosting(policy)) {
        // Form of the Ref of a target.
        if (reference.split('|').length === 3) continue;
        yield {
          at: resource,
          property: 'ScalingTargetId',
          message: `'${reference}' is not a scalable target; the Ref of one has the form RESOURCE_ID|DIMENSION|sagemaker`,
        };
      }
      continue;
    }
    if (!isHosting(policy)) continue;
    if (reader.isAbsent(properties['ResourceId'])) {
      yield {
        at: resource,
        property: 'ScalingTargetId',
        message: 'the policy names neither a scalable target nor a resource id, so the service rejects it',
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
        message: `no scalable target of these templates registers ${id}, and without one the service rejects the policy`,
        severity: 'warning',
      };
    }
  }
}

/** True for the resource id of a declared endpoint or component: its target should be declared as well. */
function isDeclared(model: TemplateModel, id: string): boolean {
  const named = parseResourceId(id);
  if (named?.kind === 'variant') return model.endpointNamed(named.endpointName) !== undefined;
  return model.componentNamed(named?.componentName) !== undefined;
}

function* registeredTwice(model: TemplateModel): Iterable<RuleViolation> {
  const first = new Map<string, string>();
  for (const { resource, resourceId, scalableDimension } of model.targets) {
    // Undecided conditions may leave one of two.
    if (resourceId === undefined || scalableDimension === undefined || resource.condition !== undefined) continue;
    // Two files with the same resource may be one template for two stages.
    const key = `${resource.template} ${resourceId} ${scalableDimension}`;
    const before = first.get(key);
    if (before !== undefined) {
      yield {
        at: resource,
        property: 'ResourceId',
        message: `${before} registers ${resourceId} already: the later registration overwrites the limits of the earlier, and deleting one deletes both`,
      };
    } else first.set(key, resource.logicalId);
  }
}

function* ofNothing(model: TemplateModel): Iterable<RuleViolation> {
  for (const { resource, resourceId, endpoint, component } of model.targets) {
    if (resourceId === undefined || !isLiteral(resourceId) || endpoint !== undefined || component !== undefined)
      continue;
    const named = parseResourceId(resourceId);
    if (named === undefined) continue;
    const [wanted, declared] =
      named.kind === 'variant' ? [named.endpointName, model.endpoints] : [named.componentName, model.components];
    const near = declared.filter((one) => one.resource.reader === resource.reader);
    // The scaled resource may be elsewhere: a finding only where nothing else scales the declared one.
    const isLeft = near.length > 0 && near.every((one) => isCertainlyNamed(one) && !isScaled(model, one));
    if (/\/|^(undefined|null|None)$/.test(wanted) || !isLeft) continue;
    yield {
      at: resource,
      property: 'ResourceId',
      message: `'${wanted}' is not declared here, but ${near.map(nameToShow).join(' and ')} is, and nothing scales it`,
      remedy: `name the declared resource, with Fn::GetAtt`,
    };
  }
}

type Declared = Pick<DeclaredComponent, 'resource' | 'name'>;

/** True if the name is literal or generated by CloudFormation, so that no parameter can change it. */
function isCertainlyNamed({ resource: { type, reader, properties }, name }: Declared): boolean {
  const isGenerated = reader.isAbsent(
    properties[type.endsWith('::Endpoint') ? 'EndpointName' : 'InferenceComponentName'],
  );
  return name !== undefined && (isLiteral(name) || isGenerated);
}

function nameToShow({ resource: { logicalId }, name }: Declared): string {
  return name === undefined || !isLiteral(name) ? logicalId : `'${name}'`;
}

function isScaled(model: TemplateModel, declared: Declared): boolean {
  return model.targets.some(({ endpoint, component }) => endpoint === declared || component === declared);
}

function* policiesCollide(model: TemplateModel): Iterable<RuleViolation> {
  for (const { policies } of model.targets) {
    const byName = new Map<string, DeclaredPolicy>();
    const byMetric = new Map<string, DeclaredPolicy>();
    for (const policy of policies) {
      const { resource, tracking } = policy;
      const { reader, properties, logicalId } = resource;
      if (resource.condition !== undefined) continue;
      const name = reader.text(properties['PolicyName']);
      // Two files with the same policy may be one template for two stages.
      const key = `${resource.template} ${name ?? ''}`;
      const namesake = name === undefined ? undefined : byName.get(key);
      if (name !== undefined && namesake === undefined) byName.set(key, policy);
      if (namesake !== undefined) {
        yield {
          at: resource,
          property: 'PolicyName',
          message: `${namesake.resource.logicalId} and ${logicalId} both have the name '${name}': policies of a target have different names, and the later overwrites the earlier`,
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
        message: `${rival.resource.logicalId} and ${logicalId} follow the same metric; the policies of a target need different metrics`,
        remedy: 'keep one of them',
      };
    }
  }
}

const TRACKING = 'TargetTrackingScalingPolicyConfiguration';

/** Key of the metric of a policy, equal for equal metrics. */
function metricOf({ reader }: Resource, tracking: Json): string | undefined {
  const predefined = reader.object(tracking['PredefinedMetricSpecification']);
  if (predefined !== undefined) return reader.text(predefined['PredefinedMetricType']);
  const custom = reader.object(tracking['CustomizedMetricSpecification']);
  return custom === undefined ? undefined : JSON.stringify(custom);
}

function* createdTooEarly(model: TemplateModel): Iterable<RuleViolation> {
  for (const { resource, endpoint, component, dimension } of model.targets) {
    const scaled = dimension === 'component' ? component?.resource : endpoint?.resource;
    if (scaled === undefined || scaled.reader !== resource.reader || resource.reader.isCreatedAfter(resource, scaled))
      continue;
    yield {
      at: resource,
      property: 'ResourceId',
      message: `nothing makes CloudFormation wait for ${scaled.logicalId}: it may register the target before its resource exists`,
      remedy: `add DependsOn ${scaled.logicalId}, or take the name with Fn::GetAtt`,
    };
  }
  for (const { resource: target, policies } of model.targets) {
    for (const { resource } of policies) {
      if (target.reader !== resource.reader || resource.reader.isCreatedAfter(resource, target)) continue;
      yield {
        at: resource,
        property: 'ResourceId',
        message: `nothing makes CloudFormation wait for ${target.logicalId}, and the service rejects a policy of an unregistered resource`,
        remedy: `set ScalingTargetId to the Ref of ${target.logicalId}`,
      };
    }
  }
  for (const { resource, endpoint } of model.components) {
    const host = endpoint?.resource;
    if (host === undefined || host.reader !== resource.reader || resource.reader.isCreatedAfter(resource, host))
      continue;
    yield {
      at: resource,
      property: 'EndpointName',
      message: `nothing makes CloudFormation wait for ${host.logicalId}: it may create the component before its endpoint exists`,
      remedy: `add DependsOn ${host.logicalId}, or take the name with Fn::GetAtt`,
    };
  }
}

/** True if a target is given to a stack, a custom resource or an output: its policies may be there. */
function isHandedOn(target: Resource, hosts: readonly (Resource | undefined)[]): boolean {
  const { reader, logicalId } = target;
  const stack = /^(AWS::CloudFormation::Stack|AWS::Serverless::Application)$/;
  const custom = /^(Custom::.*|AWS::CloudFormation::CustomResource)$/;
  const ofHosts = hosts.flatMap((host) => (host === undefined ? [] : host.reader.usersOf(host)));
  return (
    reader.namedIn(reader.outputs).includes(logicalId) ||
    reader.usersOf(target).some(({ type }) => stack.test(type) || custom.test(type)) ||
    ofHosts.some(({ type }) => stack.test(type))
  );
}

function* targetWithoutPolicy(model: TemplateModel): Iterable<RuleViolation> {
  // Policies that a function puts, a macro adds, or that name a resource known only at the deployment may belong to any target.
  const isScaledElsewhere =
    model.orphanPolicies.length > 0 ||
    model.macroResources('AWS::ApplicationAutoScaling::ScalingPolicy').length > 0 ||
    isScaledAtRunTime(model);
  if (isScaledElsewhere) return;
  for (const { resource, policies, dimension, endpoint, component, min, max } of model.targets) {
    const isKnown = dimension !== undefined && (endpoint !== undefined || component !== undefined);
    if (!isKnown || policies.length > 0 || !resource.reader.isAbsent(resource.properties['ScheduledActions'])) continue;
    if (min === undefined || max === undefined || min >= max) continue;
    if (isHandedOn(resource, [endpoint?.resource, component?.resource])) continue;
    yield {
      at: resource,
      property: 'MaxCapacity',
      message: `no policy and no schedule of these templates moves the fleet between ${min} and ${max}: it stays at its first count`,
    };
  }
}

/** Rules about registrations. */
export const TARGET_RULES: readonly ProofRule[] = [
  {
    id: 'policy-without-target',
    severity: 'error',
    reason: 'a policy belongs to a scalable target; the service rejects it without one',
    remedy: 'set ScalingTargetId to the Ref of a scalable target',
    source: 'Application Auto Scaling API reference: PutScalingPolicy (ObjectNotFoundException)',
    check: withoutTarget,
  },
  {
    id: 'target-registered-twice',
    severity: 'warning',
    reason: 'a resource has one pair of limits for each dimension: the last registration wins',
    remedy: 'keep one scalable target, with all policies and schedules',
    source: 'Application Auto Scaling API reference: RegisterScalableTarget',
    check: registeredTwice,
  },
  {
    id: 'target-without-policy',
    severity: 'warning',
    reason: 'a scalable target alone gives limits to a fleet, and nothing that scales it',
    remedy: 'add a scaling policy or scheduled actions, or remove the target',
    source: 'Application Auto Scaling user guide: register a scalable target, then define a policy',
    check: targetWithoutPolicy,
  },
  {
    id: 'target-of-nothing',
    severity: 'warning',
    reason:
      'a target with another name leaves the declared endpoint without scaling, and is rejected where the name does not exist',
    remedy: 'name the declared resource',
    source: 'Application Auto Scaling API reference: RegisterScalableTarget',
    check: ofNothing,
  },
  {
    id: 'policies-collide',
    severity: 'error',
    reason: 'policies of one target need different names and metrics',
    remedy: 'keep one of them',
    source:
      'Application Auto Scaling API reference: PutScalingPolicy (PolicyName; several target tracking policies of one target)',
    check: policiesCollide,
  },
  {
    id: 'made-too-early',
    severity: 'warning',
    reason: 'a literal name creates no dependency, and a resource that does not exist yet cannot be registered',
    remedy: 'add DependsOn',
    source:
      'CloudFormation user guide: DependsOn attribute; Application Auto Scaling API reference: RegisterScalableTarget',
    check: createdTooEarly,
  },
];
