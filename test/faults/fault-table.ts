/** Text of a source, and what stands there without the protection. */
export interface Removal {
  /** From the root of the project. */
  readonly file: string;
  /** Occurs once in the file. */
  readonly find: string;
  readonly replace: string;
}

/** A test that fails without the protection. */
export interface NamedTest {
  /** From the root of the project. */
  readonly file: string;
  /** Titles of its groups and its own, as in the source: a table's title keeps its `%s`. */
  readonly name: string;
}

/** One protection against a fault. */
export interface Protection {
  /** What protects, in a few words. */
  readonly protection: string;
  /** The protection taken out. */
  readonly removals: readonly Removal[];
  readonly test: NamedTest;
}

/** A fault that the platform has to survive. */
export interface Fault {
  readonly id: string;
  readonly fault: string;
  /** Public reports of the fault, or the documentation that describes it. */
  readonly sources: readonly string[];
  readonly protections: readonly Protection[];
  /** What is not protected or not tested yet, and why. */
  readonly open?: string;
}

/** Returns a pattern of the names that a title stands for: the parts that a table fills in match anything. */
export function namePattern(name: string): string {
  return name
    .split(/%[psdifjoc#$]|\$\w+/)
    .map((part) => part.replaceAll('%%', '%').replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('[^]*');
}
