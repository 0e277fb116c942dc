import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { EdgeFleet } from '../edge';
import type { AlarmSet } from './alarm-set';

/** Share of the store above which an alarm goes off, percent. */
const STORE_PERCENT = 80;

/** Share of the expected devices below which an alarm goes off. */
const REPORTING_SHARE = 0.9;

/** Share of requests that go to the cloud above which an alarm goes off, percent. */
const MIN_OFFLOAD_PERCENT = 50;

/** Returns the alarms on missing devices, failed deployments, full stores, dropped results, and devices that ask the cloud too often. */
export function edgeAlarms(fleet: EdgeFleet): AlarmSet {
  const { NOT_BREACHING, BREACHING } = cloudwatch.TreatMissingData;
  const { LESS_THAN_THRESHOLD } = cloudwatch.ComparisonOperator;
  return {
    ...(fleet.expectedDevices === undefined
      ? {}
      : {
          EdgeMissingDevices: {
            metric: fleet.metricReportingDevices(),
            threshold: Math.max(0.5, fleet.expectedDevices * REPORTING_SHARE),
            comparisonOperator: LESS_THAN_THRESHOLD,
            evaluationPeriods: 3,
            treatMissingData: BREACHING,
            runbook: {
              meaning: `Fewer than ${REPORTING_SHARE * 100} % of ${fleet.expectedDevices} devices report.`,
              lookAt: `The core devices of the thing group ${fleet.fleetName} in Greengrass, then the newest event of each device in the log group of the metrics.`,
              whatToDo:
                'Restore the network of devices that are offline: their results wait on the disk. Restart components that are BROKEN by a deployment.',
            },
          },
        }),
    EdgeFailedDeployments: {
      metric: fleet.metricFailedDeployments(),
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning: 'A deployment failed on a device, which went back to the version before.',
        lookAt: `The deployment ${fleet.fleetName} in Greengrass, its core devices and the reason of their status.`,
        whatToDo:
          'Correct the model or the device, and deploy again. From the threshold of aborts on, no other device gets the version.',
      },
    },
    EdgeStoreUsed: {
      metric: fleet.metricStoreUsed(),
      threshold: STORE_PERCENT,
      evaluationPeriods: 3,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning: `The store of a device is ${STORE_PERCENT} % full; when it is full, results are dropped.`,
        lookAt: 'The metrics EdgeWaiting and EdgeForwarded, the network of the device, throttled puts of the stream.',
        whatToDo: 'Restore the network or raise the throughput of the stream; raise storeSize for longer outages.',
      },
    },
    EdgeDropped: {
      metric: fleet.metricDropped(),
      threshold: 1,
      evaluationPeriods: 1,
      treatMissingData: NOT_BREACHING,
      runbook: {
        meaning: 'A device dropped results, because its store was full or its disk had no room.',
        lookAt: 'EdgeDropped by device in the log group of the metrics, and the free space of its disk.',
        whatToDo: 'Restore the network of the device; raise storeSize, or free its disk.',
      },
    },
    ...(fleet.asksEndpoint
      ? {
          EdgeOffload: {
            metric: fleet.metricOffload(),
            threshold: MIN_OFFLOAD_PERCENT,
            comparisonOperator: LESS_THAN_THRESHOLD,
            evaluationPeriods: 6,
            treatMissingData: NOT_BREACHING,
            runbook: {
              meaning: `Devices ask the cloud for more than ${100 - MIN_OFFLOAD_PERCENT} % of their requests.`,
              lookAt: 'The confidence in the forwarded results, by label and by device: the inputs may have changed.',
              whatToDo: 'Train the model on the forwarded results and deploy it; or lower confidenceThreshold.',
            },
          },
        }
      : {}),
  };
}
