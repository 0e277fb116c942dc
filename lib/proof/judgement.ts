import type { Finding } from './finding';

/** Findings in one branch. */
export interface Judgement {
  readonly findings: readonly Finding[];
  /** True if the resource of a finding exists in the branch. */
  readonly has: (finding: Finding) => boolean;
}

function keyOfFinding({ rule, template, logicalId, property }: Finding): string {
  return JSON.stringify([rule, template, logicalId, property]);
}

/** Findings of every branch in which their resource exists, each with its mildest severity. */
export function certainFindings(branches: readonly Judgement[]): Finding[] {
  const all = branches.map(({ findings, has }) => ({ findings, has, mildest: mildestBy(findings, keyOfFinding) }));
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

function mildestBy(findings: readonly Finding[], key: (finding: Finding) => string): Map<string, Finding['severity']> {
  const mildest = new Map<string, Finding['severity']>();
  for (const finding of findings) {
    if (mildest.get(key(finding)) !== 'warning') mildest.set(key(finding), finding.severity);
  }
  return mildest;
}
