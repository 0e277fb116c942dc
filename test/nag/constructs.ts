import { type App, Stack, Validations } from 'aws-cdk-lib';
import { deploymentActions } from '../../lib/preflight/decide/check-account';
import { PolicyProof } from '../../lib/proof/policy-proof';
import { CONSTRUCT_ENV, CONSTRUCTS } from './construct-cases';
import { synthesise } from './synthesis';

test.each(CONSTRUCTS)(
  '%s passes every pack of cdk-nag, the proof finds nothing, and the preflight knows every type',
  (_, define) => {
    const { error, violations, resourceTypes } = synthesise((app: App) => {
      Validations.of(app).addPlugins(new PolicyProof({ strict: true }));
      const stack = new Stack(app, 'Test', { env: CONSTRUCT_ENV });
      define(stack);
      return stack;
    });
    expect(violations).toEqual([]);
    expect(error).toBeUndefined();
    expect(deploymentActions(resourceTypes).unlisted).toEqual([]);
  },
);
