import type { Finding } from './finding';

/** Findings in one branch. */
export interface Judgement {
  readonly findings: readonly Finding[];
  /** True if the resource of a finding exists in the branch. */
  readonly has: (finding: Finding) => boolean;
  /** True if the findings may depend on defaults of parameters. */
  readonly readsDefaults: boolean;
}

const keys = new WeakMap<Finding, string>();

function keyOfFinding(finding: Finding): string {
  const known = keys.get(finding);
  if (known !== undefined) return known;
  const { rule, template, logicalId, property } = finding;
  const key = JSON.stringify([rule, template, logicalId, property]);
  keys.set(finding, key);
  return key;
}

/** Findings of every branch in which their resource exists, each with its mildest severity. */
export function certainFindings(branches: readonly Judgement[]): Finding[] {
  const all = branches.map(({ findings, has }) => ({ findings, has, mildest: mildestOf(findings) }));
  if (all.length === 1) return [...all[0]!.findings];
  // The wording is that of the first branch with the finding.
  const distinct = new Map<string, Finding>();
  for (const finding of all.flatMap(({ findings }) => findings)) {
    if (!distinct.has(keyOfFinding(finding))) distinct.set(keyOfFinding(finding), finding);
  }
  return [...distinct.values()]
    .filter((finding) => all.every(({ mildest, has }) => mildest.has(keyOfFinding(finding)) || !has(finding)))
    .map((finding) => {
      const isMild = all.some(({ mildest }) => mildest.get(keyOfFinding(finding)) === 'warning');
      return isMild ? { ...finding, severity: 'warning' as const } : finding;
    });
}

/** Findings of all lists, without those at a place of which an earlier list has one. */
export function firstOfEach(lists: readonly (readonly Finding[])[]): Finding[] {
  const seen = new Set<string>();
  return lists.flatMap((findings) => {
    const fresh = findings.filter((finding) => !seen.has(keyOfFinding(finding)));
    for (const finding of fresh) seen.add(keyOfFinding(finding));
    return fresh;
  });
}

/** Mildest severities by key, of the lists of findings that many conclusions are drawn from. */
const severities = new WeakMap<readonly Finding[], ReadonlyMap<string, Finding['severity']>>();

function mildestOf(findings: readonly Finding[]): ReadonlyMap<string, Finding['severity']> {
  const known = severities.get(findings);
  if (known !== undefined) return known;
  const mildest = new Map<string, Finding['severity']>();
  for (const finding of findings) {
    if (mildest.get(keyOfFinding(finding)) !== 'warning') mildest.set(keyOfFinding(finding), finding.severity);
  }
  severities.set(findings, mildest);
  return mildest;
}
