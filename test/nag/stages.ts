import { Validations } from 'aws-cdk-lib';
import { deploymentActions } from '../../lib/preflight/decide/check-account';
import { STACKS } from './stack-cases';
import { type Synthesis, synthesise } from './synthesis';

describe.each(STACKS)('the $name', ({ define, accepts }) => {
  let synthesis: Synthesis;
  beforeAll(() => {
    synthesis = synthesise(define);
  });

  test('passes strict template validation and every pack of cdk-nag without an open finding or a warning', () => {
    expect(synthesis.violations).toEqual([]);
    expect(synthesis.annotations).toEqual([]);
    expect(synthesis.error).toBeUndefined();
  });

  test('has no type of a resource whose actions the preflight does not know', () => {
    expect(deploymentActions(synthesis.resourceTypes).unlisted).toEqual([]);
  });

  test('acknowledges findings by their full id and with a reason', () => {
    expect(synthesis.acknowledged.length).toBeGreaterThan(10);
    for (const { acknowledgedId, reason } of synthesis.acknowledged) {
      expect(acknowledgedId).toMatch(/^([\w.]+)::\1-\w/);
      expect(reason.length).toBeGreaterThan(30);
    }
  });

  test('acknowledges findings of the known rules only', () => {
    const rules = synthesis.acknowledged.map(({ acknowledgedId }) =>
      acknowledgedId.replace(/\[.*/, '').replace(/^.*-/, ''),
    );
    expect([...new Set(rules)].filter((rule) => !accepts.includes(rule))).toEqual([]);
  });

  test('has no acknowledgement that acknowledges nothing', () => {
    const given = synthesis.app.node.findAll().flatMap(({ node }) =>
      node.metadata
        .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
        .flatMap(({ data }) => Object.keys(data as object))
        .map((id) => `${node.path} ${id}`),
    );
    const used = synthesis.acknowledged.map(
      ({ acknowledgedAt, acknowledgedId }) => `${acknowledgedAt} ${acknowledgedId}`,
    );
    expect(given.length).toBeGreaterThan(10);
    expect(given.filter((one) => !used.includes(one))).toEqual([]);
  });
});
