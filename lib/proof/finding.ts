/** `error`: the service rejects it, or it can never work. `warning`: it works, and it is likely to do harm. */
export type Severity = 'error' | 'warning';

/** One fault of a template. */
export interface Finding {
  /** Id of the rule. */
  readonly rule: string;
  readonly severity: Severity;
  /** File name of the template. */
  readonly template: string;
  readonly logicalId: string;
  /** Path below `Properties`, for example `MinCapacity`. */
  readonly property: string;
  readonly message: string;
  readonly remedy: string;
}

/** Warnings that hold under one truth value of a condition, and that the defaults of the parameters do not lead to. */
export interface ConditionalWarnings {
  /** Name of the condition. */
  readonly condition: string;
  readonly value: boolean;
  readonly findings: readonly Finding[];
}

/** Judgement of some templates. */
export interface Proof {
  readonly findings: readonly Finding[];
  /** Warnings behind conditions; each is in one of the lists. */
  readonly conditionalWarnings: readonly ConditionalWarnings[];
}

/** Violation of a rule at a place in a template. */
export interface RuleViolation {
  readonly at: { readonly template: string; readonly logicalId: string };
  readonly property: string;
  readonly message: string;
  /** @default - the remedy of the rule */
  readonly remedy?: string;
  /** @default - the severity of the rule */
  readonly severity?: Severity;
}

/** Facts that no template states. */
export interface ProofOptions {
  /** Maximum number of instances of each type in the account. */
  readonly quotas?: { readonly [instanceType: string]: number };
}

/** A rule of the catalogue. */
export interface Rule<Model> {
  /** Stable id in messages, acknowledgements and the catalogue. */
  readonly id: string;
  readonly severity: Severity;
  /** Reason in one line. */
  readonly reason: string;
  /** Remedy in one line. */
  readonly remedy: string;
  /** Documentation of AWS. */
  readonly source: string;
  readonly check: (model: Model, options: ProofOptions) => Iterable<RuleViolation>;
}
