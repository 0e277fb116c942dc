import * as fs from 'node:fs';
import type { IPolicyValidationContext, IPolicyValidationPlugin, PolicyValidationPluginReport } from 'aws-cdk-lib';
import { InputError } from '../core/errors';
import { isObject } from './template-reader';
import { prove, RULES } from './prove';
import type { ProofTemplate } from './subjects';

/** Properties of PolicyProof. */
export interface PolicyProofProps {
  /**
   * Instances of each type that the account may have, for example `{ 'ml.g5.xlarge': 8 }`: the maxima of all fleets together are held
   * against them.
   *
   * @default - quotas are not checked
   */
  readonly quotas?: { [instanceType: string]: number };

  /**
   * Rules that are left out, by id, each for a reason that you know.
   *
   * @default - none
   */
  readonly exceptRules?: string[];

  /**
   * Fail the synthesis for warnings too.
   *
   * @default false
   */
  readonly strict?: boolean;
}

/**
 * Proves at synth that the scaling of every stack of an app can work: the metric is published by this kind of endpoint under these
 * dimensions, zero is possible where it is asked for, the deployment keeps what scaling has reached, and so on.
 *
 * A validation plugin, which judges stacks of others as well as those made with this library. Creates no resource.
 *
 * @example
 * Validations.of(app).addPlugins(new PolicyProof({ quotas: { 'ml.g5.xlarge': 8 } }));
 */
export class PolicyProof implements IPolicyValidationPlugin {
  /** The name of the plugin in the validation report. */
  public readonly name = 'PolicyProof';

  /** The rules it checks. */
  public readonly ruleIds?: string[];

  private readonly props: PolicyProofProps;

  public constructor(props: PolicyProofProps = {}) {
    const known = RULES.map(({ id }) => id);
    const unknown = (props.exceptRules ?? []).filter((id) => !known.includes(id));
    if (unknown.length > 0) {
      throw new InputError(`exceptRules names unknown rules (${unknown.join(', ')}); known: ${known.join(', ')}`);
    }
    this.props = props;
    this.ruleIds = known.filter((id) => props.exceptRules?.includes(id) !== true);
  }

  /** Judges the synthesized templates; called by the CDK. */
  public validate(context: IPolicyValidationContext): PolicyValidationPluginReport {
    const templates = context.stackTemplates.flatMap(({ templatePath, region }): ProofTemplate[] => {
      const document: unknown = JSON.parse(fs.readFileSync(templatePath, 'utf8'));
      return isObject(document) && isObject(document['Resources'])
        ? [{ name: templatePath, document, ...(region !== undefined && { region }) }]
        : [];
    });
    const findings = prove(templates, this.props.quotas === undefined ? {} : { quotas: this.props.quotas }).filter(
      ({ rule, severity }) =>
        this.props.exceptRules?.includes(rule) !== true && (severity === 'error' || this.props.strict === true),
    );
    return {
      success: findings.length === 0,
      violations: findings.map(({ rule, severity, template, logicalId, property, message, remedy }) => ({
        ruleName: rule,
        description: message,
        fix: remedy,
        severity,
        violatingResources: [
          { resourceLogicalId: logicalId, templatePath: template, locations: [`Properties.${property}`] },
        ],
      })),
    };
  }
}
