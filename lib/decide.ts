/**
 * Decisions as plain functions: the same code that constructs check plans with, handlers call with what they observed, and simulations call
 * with what they generated. For TypeScript and JavaScript only: `import { scaling, cost } from 'tidegate/decide'`.
 */
export * as cost from './cost/decide';
export * as scaling from './scaling/decide';
