export * from './fleet-alarms-props';
export * from './notification-recipients';
export * from './notifications';
export * from './platform-alarms';
export * from './platform-dashboard';
export * from './runbook-alarm';
