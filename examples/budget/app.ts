import { App, Stack } from 'aws-cdk-lib';
import { cost, inference, monitoring, scaling } from 'tidegate';

const app = new App();
const stack = new Stack(app, 'Budget', { env: { account: '123456789012', region: 'us-east-1' } });

// What runs already: made in the console or by the SageMaker SDK, whose variants are called AllTraffic.
const endpoint = inference.GpuEndpoint.fromGpuEndpointAttributes(stack, 'Endpoint', {
  endpointName: 'chat',
  variantName: 'AllTraffic',
  instanceTypes: ['ml.g5.xlarge'],
});
const fleet = new scaling.FleetScaling(stack, 'Scaling', { fleet: endpoint, minCapacity: 1, maxCapacity: 6 });
fleet.scaleOnConcurrency('concurrency');

// The fleet is held at its floor before what is spent and reserved reaches the budget.
const guard = new cost.CostGuard(stack, 'Guard', {
  budgetUsd: 2500,
  fleets: [{ scaling: fleet, protectedFloor: 1 }],
});
new monitoring.Notifications(stack, 'Notifications', { topic: guard.topic, emailAddresses: ['oncall@example.com'] });

app.synth();
