export * from './fleet-alarms-props';
export * from './platform-alarms';
export * from './platform-dashboard';
export * from './runbook-alarm';
