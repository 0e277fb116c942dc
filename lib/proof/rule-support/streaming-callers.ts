import { lookup } from '../../core/lookup';
import type { Resource } from '../../template';

/** Resources in front of a function that send its reply in parts. Sources: Lambda API reference, CreateFunctionUrlConfig; API Gateway API reference, PutIntegration. */
const FRONTS: { readonly [type: string]: RegExp } = lookup({
  'AWS::Lambda::Url': /"InvokeMode":"RESPONSE_STREAM"/,
  'AWS::ApiGateway::Method': /"ResponseTransferMode":"STREAM"/,
});

/** Call of a stream in the code of a function, in the words of the SDKs. */
const CALLS = /invoke_?endpoint_?with_?response_?stream/i;

/** True if something in the templates shows that a function streams the replies of an endpoint: its URL, its API, or its code. */
export function streamsReplies(one: Resource): boolean {
  if (one.type !== 'AWS::Lambda::Function' && one.type !== 'AWS::Serverless::Function') return false;
  const written = JSON.stringify(one.properties);
  if (CALLS.test(JSON.stringify(one.properties['Code'] ?? one.properties['InlineCode'] ?? ''))) return true;
  if (one.type === 'AWS::Serverless::Function' && FRONTS['AWS::Lambda::Url']!.test(written)) return true;
  return one.reader
    .usersOf(one)
    .some(({ type, properties }) => FRONTS[type]?.test(JSON.stringify(properties)) === true);
}
