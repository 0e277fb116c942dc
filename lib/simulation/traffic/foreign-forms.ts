/** A form of file that has requests, but is not a trace, with the way to make it one. */
interface ForeignForm {
  readonly pattern: RegExp;
  readonly name: string;
  readonly wayOut: string;
}

/** Forms that are recognized by the beginning of their first line. */
const FOREIGN_FORMS: readonly ForeignForm[] = [
  {
    pattern: /^(https?|h2|grpcs|wss?) \d{4}-\d\d-\d\dT[\d:.]+Z app\//,
    name: 'an access log of an Application Load Balancer',
    wayOut: "take its times: (echo timestamp; awk '{print $2}' LOG) > trace.csv",
  },
  {
    pattern: /^(tls|tcp) \d\.\d \d{4}-\d\d-\d\dT[\d:.]+ net\//,
    name: 'an access log of a Network Load Balancer',
    wayOut: "take its times: (echo timestamp; awk '{print $3}' LOG) > trace.csv",
  },
  {
    pattern: /^\d{4}-\d\d-\d\dT[\d:.]+Z \S+ [\d.]+:\d+ /,
    name: 'an access log of a Classic Load Balancer',
    wayOut: "take its times: (echo timestamp; awk '{print $1}' LOG) > trace.csv",
  },
  {
    pattern: /^\S+ \S+ \S+ \[\d{1,2}\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d/,
    name: 'an access log of a web server (common log format)',
    wayOut: "take its times: (echo timestamp; sed -E 's/^[^[]*\\[([^]]*)\\].*/\\1/' LOG) > trace.csv",
  },
  {
    pattern: /^\d{4}-\d\d-\d\d\t\d\d:\d\d:\d\d\t/,
    name: 'an access log of CloudFront',
    wayOut: "take its times: (echo timestamp; grep -v '^#' LOG | awk '{print $1 \" \" $2}' | sort) > trace.csv",
  },
  {
    pattern: /^\{\s*"status"\s*:\s*"success"\s*,\s*"data"\s*:/,
    name: 'an answer of Prometheus',
    wayOut: 'take one series: jq -r \'"timestamp,rps", (.data.result[0].values[] | @csv)\' FILE > trace.csv',
  },
  {
    pattern: /^\{\s*"log"\s*:\s*\{/,
    name: 'an HTTP archive (HAR)',
    wayOut: 'take its times: jq -r \'"timestamp", .log.entries[].startedDateTime\' FILE > trace.csv',
  },
  {
    pattern: /^\{\s*"Records"\s*:\s*\[/,
    name: 'a file of CloudTrail',
    wayOut: 'take its times: jq -r \'"timestamp", .Records[].eventTime\' FILE | sort > trace.csv',
  },
  {
    pattern: /^\{"(type|metric)"\s*:\s*"[\w]+"\s*,\s*"(metric|type|data)"\s*:/,
    name: 'the JSON of k6',
    wayOut:
      'take its requests: (echo timestamp; jq -r \'select(.type=="Point" and .metric=="http_reqs").data.time\' FILE) > trace.csv',
  },
  {
    pattern: /^\{\s*"resource(Spans|Logs|Metrics)"\s*:/,
    name: 'an export of OpenTelemetry',
    wayOut: 'write the start of each request into a CSV with the header "timestamp"',
  },
  {
    pattern: /^metric_name,timestamp,metric_value/,
    name: 'the CSV of k6',
    wayOut: 'take its requests: (echo timestamp; awk -F, \'$1=="http_reqs" {print $2}\' FILE) > trace.csv',
  },
];

/** Returns what a first line looks like and the way out; undefined for a line that may begin a trace. */
export function foreignForm(text: string): string | undefined {
  const form = FOREIGN_FORMS.find(({ pattern }) => pattern.test(text.slice(0, 400)));
  return form === undefined ? undefined : `this looks like ${form.name}, which is not a trace; ${form.wayOut}`;
}
