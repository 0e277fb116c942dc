export * from './fleet-blueprint';
export { fleetsOfTemplates, type TemplateFleetsOptions } from './fleets';
