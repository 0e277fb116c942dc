import { App, Stack, Validations } from 'aws-cdk-lib';
import { PredefinedMetric, ScalableTarget, ServiceNamespace } from 'aws-cdk-lib/aws-applicationautoscaling';
import { CfnEndpoint, CfnEndpointConfig } from 'aws-cdk-lib/aws-sagemaker';
import { proof } from 'tidegate';

const app = new App();
const stack = new Stack(app, 'OwnEndpoint', { env: { account: '123456789012', region: 'us-east-1' } });

// What `aws sagemaker describe-endpoint-config` says of the endpoint that runs.
const config = new CfnEndpointConfig(stack, 'Config', {
  productionVariants: [
    {
      variantName: 'AllTraffic',
      modelName: 'chat-2026-11',
      instanceType: 'ml.g5.xlarge',
      initialInstanceCount: 2,
      initialVariantWeight: 1,
    },
  ],
});
const endpoint = new CfnEndpoint(stack, 'Endpoint', {
  endpointName: 'chat',
  endpointConfigName: config.attrEndpointConfigName,
  retainAllVariantProperties: true,
});

// What `aws application-autoscaling describe-scalable-targets` and `describe-scaling-policies` say.
const target = new ScalableTarget(stack, 'Target', {
  serviceNamespace: ServiceNamespace.SAGEMAKER,
  resourceId: 'endpoint/chat/variant/AllTraffic',
  scalableDimension: 'sagemaker:variant:DesiredInstanceCount',
  minCapacity: 2,
  maxCapacity: 8,
});
target.node.addDependency(endpoint);
target.scaleToTrackMetric('Invocations', {
  predefinedMetric: PredefinedMetric.SAGEMAKER_VARIANT_INVOCATIONS_PER_INSTANCE,
  targetValue: 120,
});

// The synthesis fails where the policies cannot work.
Validations.of(app).addPlugins(new proof.PolicyProof());
app.synth();
