export * from './drift-monitor';
export * from './drift-monitor-props';
