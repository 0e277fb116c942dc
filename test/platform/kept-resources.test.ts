import { App, CfnDeletionPolicy, CfnResource, Stack } from 'aws-cdk-lib';
import { CONSTRUCT_ENV, CONSTRUCTS } from '../nag/construct-cases';

test.each(CONSTRUCTS)('nothing of %s is kept by a first deployment that fails', (_, define) => {
  const stack = new Stack(new App(), 'Kept', { env: CONSTRUCT_ENV });
  define(stack);
  const resources = stack.node.findAll().filter((one): one is CfnResource => CfnResource.isCfnResource(one));
  // What a case creates for itself is directly below the stack. RETAIN_EXCEPT_ON_CREATE keeps what has data by then.
  const ours = resources.filter(({ node }) => node.path.split('/').length > 3);
  expect(ours.length).toBeGreaterThan(0);
  const kept = ours.filter(({ cfnOptions }) => cfnOptions.deletionPolicy === CfnDeletionPolicy.RETAIN);
  expect(kept.map(({ node }) => node.path)).toEqual([]);
});
