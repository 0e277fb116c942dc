import * as fs from 'node:fs';
import type { IPolicyValidationContext, IPolicyValidationPlugin, PolicyValidationPluginReport } from 'aws-cdk-lib';
import { InputError } from '../core/errors';
import { packageVersion } from '../files/package-version';
import { synthesizedTemplates } from '../template';
import { prove, RULES } from './prove';

/** Properties of PolicyProof. */
export interface PolicyProofProps {
  /**
   * Maximum number of instances of each type in the account, for example `{ 'ml.g5.xlarge': 8 }`; the sum of the maxima of all fleets is
   * checked against it.
   *
   * @default - quotas are not checked
   */
  readonly quotas?: { [instanceType: string]: number };

  /**
   * Ids of rules to skip.
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
 * Proves at synth that the scaling of every stack of an app can work: this kind of endpoint publishes the metric under these dimensions,
 * a minimum of zero is possible, a deployment retains the scaled capacity, and so on.
 *
 * A validation plugin for any stack, with or without constructs of this library. Creates no resource.
 *
 * @example
 * Validations.of(app).addPlugins(new proof.PolicyProof({ quotas: { 'ml.g5.xlarge': 8 } }));
 */
export class PolicyProof implements IPolicyValidationPlugin {
  /** Name of the plugin in the validation report. */
  public readonly name = 'PolicyProof';

  /** Version of this package. */
  public readonly version?: string = packageVersion();

  /** Ids of the rules that it checks. */
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

  /** Checks the synthesized templates; called by the CDK. */
  public validate(context: IPolicyValidationContext): PolicyValidationPluginReport {
    const templates = synthesizedTemplates(context.stackTemplates, (file) =>
      fs.existsSync(file) ? (JSON.parse(fs.readFileSync(file, 'utf8')) as unknown) : undefined,
    );
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
