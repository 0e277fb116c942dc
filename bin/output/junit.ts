/** Test suites of a JUnit report, as Jenkins, GitLab and others read it. Source: https://github.com/testmoapp/junitxml */
export interface JunitSuite {
  readonly name: string;
  readonly cases: readonly JunitCase[];
}

export interface JunitCase {
  readonly name: string;
  /** Absent if the case passes. */
  readonly failure?: { readonly message: string; readonly text: string };
  /** Text beside a case that passes. */
  readonly output?: string;
}

/** A report of suites as XML. */
export function junitXml(name: string, suites: readonly JunitSuite[]): string {
  const cases = suites.flatMap((suite) => suite.cases);
  const lines = suites.flatMap((suite) => [
    `  <testsuite name="${escaped(suite.name)}" ${countsOf(suite.cases)} errors="0" skipped="0" time="0">`,
    ...suite.cases.flatMap((one) => caseLines(suite, one)),
    '  </testsuite>',
  ]);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="${escaped(name)}" ${countsOf(cases)} errors="0" time="0">`,
    ...lines,
    '</testsuites>\n',
  ].join('\n');
}

function countsOf(cases: readonly JunitCase[]): string {
  return `tests="${cases.length}" failures="${cases.filter(({ failure }) => failure !== undefined).length}"`;
}

function caseLines(suite: JunitSuite, { name, failure, output }: JunitCase): string[] {
  const start = `    <testcase name="${escaped(name)}" classname="${escaped(suite.name)}" time="0"`;
  if (failure === undefined && output === undefined) return [`${start}/>`];
  return [
    `${start}>`,
    ...(failure === undefined
      ? []
      : [`      <failure message="${escaped(failure.message)}">${escaped(failure.text)}</failure>`]),
    ...(output === undefined ? [] : [`      <system-out>${escaped(output)}</system-out>`]),
    '    </testcase>',
  ];
}

/** Characters that XML 1.0 does not allow, not even escaped. Source: https://www.w3.org/TR/xml/#charsets */
const FORBIDDEN =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** Text as the content of an element or a quoted attribute; white space stays as it is. */
function escaped(text: string): string {
  return text
    .replace(FORBIDDEN, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replace(/[\t\n\r]/g, (character) => `&#${character.charCodeAt(0)};`);
}
