import { z } from 'zod';
import { InputError } from '../../core/errors';

/** Operating system and processor of a core device, as Greengrass names them. */
export interface DevicePlatform {
  readonly os: string;
  readonly architecture: string;
}

const seconds = z.number().positive();
const environment = z.record(z.string(), z.string());

/** A step is a script, or an object with one. */
const step = z
  .union([
    z.string(),
    z.strictObject({
      Script: z.string(),
      RequiresPrivilege: z.boolean().optional(),
      Skipif: z.string().optional(),
      Timeout: seconds.optional(),
      Setenv: environment.optional(),
    }),
  ])
  .transform((value) => (typeof value === 'string' ? { Script: value } : value));

const lifecycleSchema = z
  .strictObject({
    Setenv: environment.optional(),
    Bootstrap: step.optional(),
    Install: step.optional(),
    Run: step.optional(),
    Startup: step.optional(),
    Shutdown: step.optional(),
    Recover: step.optional(),
  })
  .refine((lifecycle) => lifecycle.Run === undefined || lifecycle.Startup === undefined, {
    message: 'has Run and Startup; only one of both is allowed',
  });

const artifactSchema = z.strictObject({
  URI: z.string().regex(/^s3:\/\/[^/]+\/.+/, 'must be s3://BUCKET/KEY'),
  Unarchive: z.enum(['NONE', 'ZIP']).default('NONE'),
  Permission: z
    .strictObject({
      Read: z.enum(['NONE', 'OWNER', 'ALL']).optional(),
      Execute: z.enum(['NONE', 'OWNER', 'ALL']).optional(),
    })
    .optional(),
  /** Set by Greengrass when the version is created. */
  Digest: z.string().optional(),
  Algorithm: z.literal('SHA-256').optional(),
});

const manifestSchema = z.strictObject({
  Name: z.string().optional(),
  Platform: z.record(z.string(), z.string()).optional(),
  Lifecycle: lifecycleSchema,
  Artifacts: z
    .array(artifactSchema)
    .default([])
    .refine((artifacts) => new Set(artifacts.map(fileName)).size === artifacts.length, {
      message: 'has two artifacts with the same file name',
    }),
});

/**
 * A component's recipe. Member names are compared by case, and unknown ones are refused, also where Greengrass overlooks them.
 *
 * https://docs.aws.amazon.com/greengrass/v2/developerguide/component-recipe-reference.html
 */
const recipeSchema = z.strictObject({
  RecipeFormatVersion: z.literal('2020-01-25'),
  ComponentName: z
    .string()
    .regex(/^[a-zA-Z0-9-_.]{1,128}$/, 'must be 1 to 128 letters, digits, dots, hyphens and underscores'),
  ComponentVersion: z
    .string()
    .max(64)
    .regex(/^\d{1,6}\.\d{1,6}\.\d{1,6}$/, 'must be MAJOR.MINOR.PATCH, each from 0 to 999999'),
  ComponentDescription: z.string().optional(),
  ComponentPublisher: z.string().optional(),
  ComponentType: z.literal('aws.greengrass.generic').optional(),
  ComponentConfiguration: z
    .strictObject({ DefaultConfiguration: z.record(z.string(), z.unknown()) })
    .default({ DefaultConfiguration: {} }),
  ComponentDependencies: z
    .record(
      z.string(),
      z.strictObject({
        VersionRequirement: z.string().optional(),
        DependencyType: z.enum(['SOFT', 'HARD']).optional(),
      }),
    )
    .default({}),
  Manifests: z.array(manifestSchema).min(1),
});

export type Recipe = z.output<typeof recipeSchema>;
export type Manifest = Recipe['Manifests'][number];
export type Artifact = Manifest['Artifacts'][number];
export type LifecycleStep = NonNullable<Manifest['Lifecycle']['Install']>;

/**
 * Parses a recipe in JSON.
 *
 * @throws InputError that names the member and what is allowed
 */
export function parseRecipe(text: string): Recipe {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InputError(`the recipe is not JSON: ${(error as Error).message}`);
  }
  const parsed = recipeSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'the recipe'}: ${message}`);
  throw new InputError(`the recipe is not one of format 2020-01-25: ${problems.join('; ')}`);
}

/** Name of an artifact's file, which is also the name of its folder once it is unpacked. */
export function fileName({ URI }: { readonly URI: string }): string {
  return URI.slice(URI.lastIndexOf('/') + 1);
}

/** First manifest whose platform is that of the device. */
export function manifestFor({ ComponentName, Manifests }: Recipe, platform: DevicePlatform): Manifest {
  const own: { readonly [key: string]: string } = { ...platform };
  const found = Manifests.find(({ Platform: wanted = {} }) =>
    Object.entries(wanted).every(([key, pattern]) => matches(pattern, own[key])),
  );
  if (found !== undefined) return found;
  throw new InputError(`${ComponentName} has no manifest for ${platform.os} on ${platform.architecture}`);
}

function matches(pattern: string, value: string | undefined): boolean {
  if (pattern === '*') return true;
  if (value === undefined) return false;
  if (pattern.length > 1 && pattern.startsWith('/') && pattern.endsWith('/')) {
    return new RegExp(`^(?:${pattern.slice(1, -1)})$`).test(value);
  }
  return pattern === value;
}

/** Values of recipe variables, such as `work:path`, and the component's configuration. */
export interface RecipeVariables {
  readonly values: { readonly [name: string]: string };
  readonly configuration: unknown;
}

/**
 * Replaces the recipe variables of a script; other braces stay.
 *
 * @throws InputError for a variable that has no value
 */
export function interpolate(script: string, { values, configuration }: RecipeVariables): string {
  return script.replace(
    /\{(artifacts|configuration|iot|kernel|work):([^{}]*)\}/g,
    (whole, namespace: string, key: string) => {
      if (namespace === 'configuration') {
        const value = at(configuration, key);
        if (value === undefined)
          throw new InputError(`the recipe names ${whole}, which the configuration does not have`);
        return typeof value === 'string' ? value : JSON.stringify(value);
      }
      const value = values[`${namespace}:${key}`];
      if (value === undefined) {
        throw new InputError(
          `the recipe names ${whole}; known here: ${Object.keys(values).join(', ')}, configuration:/…`,
        );
      }
      return value;
    },
  );
}

/** Value at a JSON pointer (RFC 6901); undefined where there is none. */
export function at(value: unknown, pointer: string): unknown {
  let found = value;
  for (const part of partsOf(pointer)) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, part)) return undefined;
    found = (found as { readonly [name: string]: unknown })[part];
  }
  return found;
}

export function partsOf(pointer: string): string[] {
  if (pointer === '') return [];
  return pointer
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}
