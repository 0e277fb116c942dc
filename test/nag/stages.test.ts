import { Validations } from 'aws-cdk-lib';
import { PlatformStack } from '../../lib/platform';
import { STAGE_NAMES, stageConfiguration } from '../../lib/platform/stage-configuration';
import { type Synthesis, synthesise } from './synthesis';

const synthesiseStage = (name: string): Synthesis =>
  synthesise((app) => new PlatformStack(app, `Tidegate-${name}`, { stage: stageConfiguration(name) }));

/** Asset hashes change with every line of a handler; what is deployed around them should not. */
const withoutHashes = (template: string): unknown => JSON.parse(template.replace(/\b[0-9a-f]{64}\b/g, '<hash>'));

describe.each(STAGE_NAMES)('the stage %s', (name) => {
  let synthesis: Synthesis;
  beforeAll(() => {
    synthesis = synthesiseStage(name);
  });

  test('passes strict template validation and the AwsSolutions pack without an open finding or warning', () => {
    expect(synthesis.violations).toEqual([]);
    expect(synthesis.annotations).toEqual([]);
    expect(synthesis.error).toBeUndefined();
  });

  test('acknowledges findings by their full id and with a reason', () => {
    expect(synthesis.acknowledged.length).toBeGreaterThan(10);
    for (const { acknowledgedId, reason } of synthesis.acknowledged) {
      expect(acknowledgedId).toMatch(/^AwsSolutions::AwsSolutions-/);
      expect(reason.length).toBeGreaterThan(30);
    }
  });

  test('acknowledges four kinds of findings and no more', () => {
    const rules = synthesis.acknowledged.map(({ acknowledgedId }) => acknowledgedId.replace(/\[.*/, ''));
    const kinds = [...new Set(rules)].map((rule) => rule.replace('AwsSolutions::AwsSolutions-', ''));
    // Wildcards in policies, a dead-letter queue without one of its own, buckets without access logs (not in prod).
    expect(kinds.sort()).toEqual(name === 'prod' ? ['IAM5', 'SQS3'] : ['IAM5', 'S1', 'SQS3']);
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

  test('is the same, byte for byte, when it is synthesised again', () => {
    expect(synthesiseStage(name).files).toEqual(synthesis.files);
  });

  test('deploys what it deployed before', () => {
    expect(withoutHashes(synthesis.files[`Tidegate-${name}.template.json`]!)).toMatchSnapshot();
  });
});
