export * from './rehearsal-check';
export * from './rehearsal-scenario';
