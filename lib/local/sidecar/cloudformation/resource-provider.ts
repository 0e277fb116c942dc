import { z } from 'zod';

/** What the engine asks of the sidecar for a resource of a stack. */
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
  /** What `Ref` gives. */
  readonly physicalId: string;
  /** What `Fn::GetAtt` gives. */
  readonly attributes: { readonly [name: string]: string };
}

/** Creates, changes and deletes resources of one type; each call answers when the resource is ready. */
export interface ResourceProvider {
  create(request: ResourceRequest): Promise<ProvisionedResource>;
  /** A changed physical id means that the resource was replaced; the engine then deletes the predecessor. */
  update(request: ResourceRequest): Promise<ProvisionedResource>;
  /** Deleting what is gone already succeeds. */
  delete(request: ResourceRequest): Promise<void>;
}
