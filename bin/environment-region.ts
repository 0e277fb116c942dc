/** Region that the environment names, as the AWS CLI and the CDK take it; undefined where only the AWS profile may have one. */
export function environmentRegion(): string | undefined {
  return process.env['AWS_REGION'] || process.env['AWS_DEFAULT_REGION'] || undefined;
}
