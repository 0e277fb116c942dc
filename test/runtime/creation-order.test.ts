import { App, CfnResource, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { DependencyGroup } from 'constructs';
import { createAfter } from '../../lib/runtime/creation-order';

describe('createAfter', () => {
  /** The DependsOn of a resource that is created after an endpoint and names something. */
  function dependsOn(nameOf: (endpoint: CfnResource) => string, others: readonly string[] = []): unknown {
    const stack = new Stack(new App(), 'Test');
    const endpoint = new CfnResource(stack, 'Endpoint', { type: 'Test::Endpoint' });
    const target = new CfnResource(stack, 'Target', { type: 'Test::Target' });
    const group = new DependencyGroup(endpoint);
    for (const id of others) group.add(new CfnResource(stack, id, { type: 'Test::Other' }));
    createAfter(target, others.length > 0 ? group : endpoint, nameOf(endpoint));
    return Template.fromStack(stack).toJSON()['Resources']['Target']['DependsOn'];
  }

  test('waits for a resource that no property refers to', () => {
    expect(dependsOn(() => 'endpoint/chat/variant/main')).toEqual(['Endpoint']);
  });

  test('leaves the order to a property that refers to the resource, by an attribute or by Ref', () => {
    expect(
      dependsOn((endpoint) => `endpoint/${endpoint.getAtt('EndpointName').toString()}/variant/main`),
    ).toBeUndefined();
    expect(dependsOn(({ ref }) => ref)).toBeUndefined();
  });

  test('waits for all of a group of which a property refers to some', () => {
    expect(dependsOn(({ ref }) => ref, ['Policy'])).toEqual(['Endpoint', 'Policy']);
  });

  test('waits for nothing where there is nothing to wait for', () => {
    const stack = new Stack(new App(), 'Test');
    const target = new CfnResource(stack, 'Target', { type: 'Test::Target' });
    createAfter(target, new DependencyGroup(), 'endpoint/chat/variant/main');
    expect(Template.fromStack(stack).toJSON()['Resources']['Target']['DependsOn']).toBeUndefined();
  });
});
