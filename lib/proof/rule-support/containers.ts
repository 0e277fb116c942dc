import type { Json } from '../../core/parse';
import type { DeclaredVariant, Resource, TemplateModel } from '../../template';

/** Containers of a model. */
export function containersOf({ reader, properties }: Resource): Json[] {
  const primary = reader.object(properties['PrimaryContainer']);
  return [...(primary === undefined ? [] : [primary]), ...reader.objects(properties['Containers'])];
}

/** Models of a variant: its own, and those of the components that it hosts. */
export function modelsOf(model: TemplateModel, variant: DeclaredVariant): Resource[] {
  const own = model.modelNamed(variant.config, variant.properties['ModelName']);
  const hosted = model.components.flatMap(({ resource, variant: host }) => {
    const specification = host === variant ? resource.reader.object(resource.properties['Specification']) : undefined;
    return model.modelNamed(resource, specification?.['ModelName']) ?? [];
  });
  return [...(own === undefined ? [] : [own]), ...hosted];
}

/** Images of the models of a variant, those of its components included. */
export function imagesOf(model: TemplateModel, variant: DeclaredVariant): string[] {
  return modelsOf(model, variant).flatMap((one) =>
    containersOf(one).flatMap((container) => one.reader.text(container['Image']) ?? []),
  );
}
