export * from './cost-guard';
export * from './cost-guard-props';
export * from './notification-topic';
