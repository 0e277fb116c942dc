import { isObject } from '../core/parse';
import {
  activitiesCall,
  alarmsCall,
  componentCall,
  componentsCall,
  componentTagsCall,
  configCall,
  configTagsCall,
  endpointCall,
  metricsCall,
  policiesCall,
  scheduledActionsCall,
  targetsCall,
  type CallSubject,
  type InspectionCall,
} from './calls';
import type { InspectionWindow } from './contract';

/** File among saved ones that says what was asked, so that a window without traffic at its ends is known. */
const REQUEST_FILE = 'request.json';

/** Content of the file `request.json`. */
export interface SavedRequest {
  readonly endpointName: string;
  readonly region: string;
  readonly start: string;
  readonly end: string;
  readonly periodSeconds: number;
}

/**
 * Returns the command of the AWS CLI that makes a call and saves its response. Its quotes are the same for POSIX shells, PowerShell and
 * cmd; the CLI follows all pages by itself.
 */
export function awsCommand(call: InspectionCall, region: string): string {
  const options = Object.entries(call.input).flatMap(([member, value]) => [
    `--${hyphenated(member)}`,
    ...(Array.isArray(value) ? value : [value]).map((one) => quoted(shorthand(one))),
  ]);
  const query = call.query === undefined ? [] : ['--query', quoted(call.query)];
  const command = ['aws', call.service, hyphenated(call.operation), ...options, '--region', region, ...query];
  return `${command.join(' ')} --output json > ${quoted(call.file)}`;
}

/** `DescribeEndpoint` as the CLI writes it: `describe-endpoint`. */
function hyphenated(name: string): string {
  return name.replace(/(?<=[a-z])(?=[A-Z])/g, '-').toLowerCase();
}

/** Value in the short form of the CLI, which has no quotes: `Name=chat,Period=60`. */
function shorthand(value: unknown): string {
  if (!isObject(value)) return String(value);
  const member = (one: unknown): string => {
    if (Array.isArray(one)) return `[${one.map(member).join(',')}]`;
    return isObject(one) ? `{${shorthand(one)}}` : String(one);
  };
  return Object.entries(value)
    .map(([name, one]) => `${name}=${member(one)}`)
    .join(',');
}

const quoted = (text: string): string => (/^[\w./:@=-]+$/.test(text) ? text : `"${text}"`);

/** Settings of {@link inspectionScript}. */
export interface ScriptSettings {
  readonly endpointName: string;
  readonly region: string;
  readonly window: InspectionWindow;
  readonly folder: string;
}

/**
 * Returns a script for POSIX shells that saves all responses which an inspection reads. It finds configuration, variants and components by
 * itself, changes nothing, and goes on after a denied call.
 */
export function inspectionScript({ endpointName, region, window, folder }: ScriptSettings): string {
  const at = (seconds: number): string => new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
  const request: SavedRequest = {
    endpointName,
    region,
    start: at(window.start),
    end: at(window.end),
    periodSeconds: window.periodSeconds,
  };
  const save = (call: InspectionCall): string => awsCommand(call, region);
  const ask = (call: InspectionCall, query: string): string =>
    `$(${awsCommand({ ...call, query }, region).replace(/ --output json > \S+$/, '')} --output text)`;
  const endpoint = endpointCall(endpointName);
  const variant: CallSubject = { kind: 'variant', name: '$name', endpointName };
  const component: CallSubject = { kind: 'component', name: '$name', endpointName };
  const config = configCall('$config');
  const components = componentsCall(endpointName);
  const ofSubject = (subject: CallSubject): InspectionCall[] => [
    targetsCall(subject),
    policiesCall(subject),
    scheduledActionsCall(subject),
    alarmsCall(subject),
    activitiesCall(subject),
  ];
  const variantMetrics = metricsCall(variant, 'real-time', window);
  const asyncMetrics = metricsCall(variant, 'async', window);
  return [
    '#!/bin/sh',
    `# Saves what AWS says about endpoint ${endpointName}, in the folder ${folder}. Every call only reads.`,
    '# On Windows run it in Git Bash, WSL or AWS CloudShell.',
    `mkdir -p "${folder}" && cd "${folder}" || exit 1`,
    `printf '%s\\n' '${JSON.stringify(request)}' > ${REQUEST_FILE}`,
    save(endpoint),
    `config=${ask(endpoint, 'EndpointConfigName')}`,
    save(config),
    save(configTagsCall('$arn')).replace(/^/, `arn=${ask(config, 'EndpointConfigArn')}\n`),
    `mode=${ask(config, 'AsyncInferenceConfig.OutputConfig.S3OutputPath')}`,
    `for name in ${ask(endpoint, 'ProductionVariants[].VariantName')}; do`,
    ...ofSubject(variant).map((call) => `  ${save(call)}`),
    '  if [ "$mode" = None ]; then',
    `    ${save(variantMetrics)}`,
    '  else',
    `    ${save(asyncMetrics)}`,
    '  fi',
    'done',
    save(components),
    `for name in ${ask(components, 'InferenceComponents[].InferenceComponentName')}; do`,
    `  ${save(componentCall('$name'))}`,
    `  arn=${ask(componentCall('$name'), 'InferenceComponentArn')}`,
    `  ${save(componentTagsCall('$name', '$arn'))}`,
    ...[...ofSubject(component), metricsCall(component, 'inference-component', window)].map(
      (call) => `  ${save(call)}`,
    ),
    'done',
    `cd - > /dev/null`,
    `echo "Now: npx tidegate inspect --from ${folder} --out ${endpointName}-now"`,
    '',
  ].join('\n');
}
