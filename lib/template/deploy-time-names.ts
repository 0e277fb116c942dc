/** Name in angle brackets of a value that only the deployment decides. A slash in it would read as part of a resource id. */
export function deployTimeName(label: string): string {
  return `<${label.replaceAll('/', ':').replace(/[<>]/g, '')}>`;
}

/** Text with its dynamic references (`{{resolve:ssm:name}}`) replaced by deploy-time names: CloudFormation resolves them at the deployment. */
export function withoutDynamicReferences(text: string): string {
  return text.replace(/\{\{(resolve:[^{}]*)\}\}/g, (_whole, reference: string) => deployTimeName(reference));
}

/** True if a text has no deploy-time name. */
export function isLiteral(text: string): boolean {
  return !/<[^<>]+>/.test(text);
}

/** Text for people and reports: deploy-time names without the number of their template. */
export function displayText(text: string): string {
  return text.replace(/<\d+ ([^<>]+)>/g, '<$1>');
}
