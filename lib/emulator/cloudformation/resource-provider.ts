import { z } from 'zod';

/** Request of the engine for one resource of a stack. */
export const resourceRequestSchema = z.object({
  action: z.enum(['create', 'update', 'delete']),
  type: z.string(),
  logicalId: z.string().default(''),
  stackName: z.string().default(''),
  properties: z
    .record(z.string(), z.unknown())
    .nullish()
    .transform((value) => value ?? {}),
  previousProperties: z
    .record(z.string(), z.unknown())
    .nullish()
    .transform((value) => value ?? {}),
  physicalId: z
    .string()
    .nullish()
    .transform((value) => value ?? ''),
});

export type ResourceRequest = z.output<typeof resourceRequestSchema>;

/** A resource as the engine records it. */
export interface ProvisionedResource {
  /** Value of `Ref`. */
  readonly physicalId: string;
  /** Values of `Fn::GetAtt`. */
  readonly attributes: { readonly [name: string]: string };
}

/** Creates, updates and deletes resources of one type; each call resolves once the resource is ready. */
export interface ResourceProvider {
  create(request: ResourceRequest): Promise<ProvisionedResource>;
  /** Returns another physical id when the resource was replaced; the engine then deletes the old one. */
  update(request: ResourceRequest): Promise<ProvisionedResource>;
  /** Succeeds when the resource is already gone. */
  delete(request: ResourceRequest): Promise<void>;
}
