export * from './policy-proof';
