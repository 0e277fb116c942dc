export * from './fleet-blueprint';
export { fleetsOfTemplate } from './fleets';
export type { TemplateOptions } from './template';
