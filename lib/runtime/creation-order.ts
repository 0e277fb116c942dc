import { type CfnResource, Reference, Tokenization } from 'aws-cdk-lib';
import { Dependable, type IDependable } from 'constructs';

/**
 * Creates a resource after others. Those that its properties refer to come first anyway, and stay out of its `DependsOn`.
 *
 * @param properties texts of the resource's properties
 */
export function createAfter(resource: CfnResource, dependency: IDependable, ...properties: readonly string[]): void {
  const referred = new Set(
    properties
      .flatMap((text) => Tokenization.reverseString(text).tokens.filter(Reference.isReference))
      .map(({ target }) => target),
  );
  const roots = Dependable.of(dependency).dependencyRoots;
  if (!roots.every((root) => referred.has(root))) resource.node.addDependency(dependency);
}
