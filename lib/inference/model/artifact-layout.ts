import { lookup } from '../../core/lookup';
import { listArchive } from './archive-listing';
import type { ModelServerConfig } from './model-server';

/** Layout of files that a model server reads. */
interface Layout {
  /** Required files, for the message. */
  readonly required: string;
  fits(files: readonly string[], server: ArtifactReader): boolean;
}

/** Server that reads the archive. */
export type ArtifactReader = Pick<ModelServerConfig, 'artifactLayout' | 'artifactEntry'>;

/** True if the archive contains a file whose path matches. */
const some = (files: readonly string[], pattern: RegExp): boolean => files.some((file) => pattern.test(file));

/** Sources: SageMaker developer guide, pages on the model artifacts of each framework; documentation of the servers. */
const LAYOUTS: { readonly [layout: string]: Layout } = lookup({
  triton: {
    required: '<model>/config.pbtxt or <model>/<version>/model.…, with no folder around them',
    fits: (files, { artifactEntry }) => {
      const model = artifactEntry === undefined ? '[^/]+' : escaped(artifactEntry);
      return some(files, new RegExp(`^${model}/(config\\.pbtxt$|\\d+/model\\.)`));
    },
  },
  torchserve: {
    required: 'model.pth (or another .pt or .pth file) at the top, and the script in code/',
    fits: (files, { artifactEntry }) =>
      some(files, /^[^/]+\.(pth|pt|mar)$/) &&
      (artifactEntry === undefined || some(files, new RegExp(`^code/${escaped(artifactEntry)}$`))),
  },
  'tensorflow-serving': {
    required: '<version>/saved_model.pb, the version a number',
    fits: (files) => some(files, /(^|\/)\d+\/saved_model\.pb$/),
  },
  'hugging-face': {
    required: 'config.json and the weights (.safetensors or .bin) at the top, or serving.properties',
    fits: (files) =>
      (some(files, /^config\.json$/) && some(files, /^[^/]+\.(safetensors|bin|gguf)$/)) ||
      some(files, /^serving\.properties$/),
  },
});

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/**
 * Problems of a local archive: unreadable, links (SageMaker refuses them), or a layout that the server does not read. Objects in S3 are
 * not checked.
 */
export function checkArtifact(archive: string | undefined, server: ArtifactReader): string[] {
  const listing = archive === undefined ? undefined : listArchive(archive);
  if (archive === undefined || listing === undefined) return [];
  if ('unreadable' in listing) {
    return [`model artifact '${archive}' cannot be read (${listing.unreadable}); pack it again with tar -czf`];
  }
  const problems: string[] = [];
  const [link] = listing.links;
  if (link !== undefined) {
    problems.push(
      `model artifact '${archive}' has links (${link}), which SageMaker refuses; pack the files themselves`,
    );
  }
  const layout = LAYOUTS[server.artifactLayout ?? ''];
  if (layout !== undefined && !layout.fits(listing.files, server)) {
    const entry = server.artifactEntry === undefined ? '' : ` for '${server.artifactEntry}'`;
    problems.push(
      `model artifact '${archive}' does not have the layout that the model server reads${entry}: expected ${layout.required}; ` +
        `found ${found(listing.files)}`,
    );
  }
  return problems;
}

function found(files: readonly string[]): string {
  if (files.length === 0) return 'no file';
  return files.slice(0, 5).join(', ') + (files.length > 5 ? ` and ${files.length - 5} more` : '');
}
