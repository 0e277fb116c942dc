/** `error`: the service refuses it, or it can never do what it is for. `warning`: it works, and it is likely to hurt. */
export type Severity = 'error' | 'warning';

/** One thing that is wrong with a template. */
export interface Finding {
  /** The rule's id. */
  readonly rule: string;
  readonly severity: Severity;
  /** The template's file name. */
  readonly template: string;
  readonly logicalId: string;
  /** The property below `Properties`, for example `MinCapacity`. */
  readonly property: string;
  readonly message: string;
  readonly remedy: string;
}

/** What a rule says of a place in a template. */
export interface Accusation {
  readonly at: { readonly template: string; readonly logicalId: string };
  readonly property: string;
  readonly message: string;
  /** Where the rule's own remedy says too little. */
  readonly remedy?: string;
  /** Where this case is less or more certain than the rule in general. */
  readonly severity?: Severity;
}

/** A rule of the catalogue. */
export interface Rule<Model> {
  /** Stable; messages, acknowledgements and the catalogue name it. */
  readonly id: string;
  readonly severity: Severity;
  /** Why it matters, in one line. */
  readonly reason: string;
  /** The way out, in one line. */
  readonly remedy: string;
  /** Where AWS says so. */
  readonly source: string;
  readonly check: (model: Model) => Iterable<Accusation>;
}
