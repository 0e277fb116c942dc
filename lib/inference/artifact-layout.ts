import { listArchive } from './archive-listing';
import type { ModelServerConfig } from './model-server';

/** How a model server wants its files. */
interface Layout {
  /** What the archive has to hold, for the message. */
  readonly wanted: string;
  fits(files: readonly string[], server: ArtifactReader): boolean;
}

/** What is known of the server that will read the archive. */
export type ArtifactReader = Pick<ModelServerConfig, 'artifactLayout' | 'artifactEntry'>;

/** Whether a file of the archive has such a path. */
const some = (files: readonly string[], pattern: RegExp): boolean => files.some((file) => pattern.test(file));

/** Sources: the pages on each framework's model artifacts, SageMaker developer guide; the servers' own documentation. */
const LAYOUTS: { readonly [layout: string]: Layout } = {
  triton: {
    wanted: '<model>/config.pbtxt or <model>/<version>/model.…, with no folder around them',
    fits: (files, { artifactEntry }) => {
      const model = artifactEntry === undefined ? '[^/]+' : escaped(artifactEntry);
      return some(files, new RegExp(`^${model}/(config\\.pbtxt$|\\d+/model\\.)`));
    },
  },
  torchserve: {
    wanted: 'model.pth (or another .pt or .pth file) at the top, and the script in code/',
    fits: (files, { artifactEntry }) =>
      some(files, /^[^/]+\.(pth|pt|mar)$/) &&
      (artifactEntry === undefined || some(files, new RegExp(`^code/${escaped(artifactEntry)}$`))),
  },
  'tensorflow-serving': {
    wanted: '<version>/saved_model.pb, the version a number',
    fits: (files) => some(files, /(^|\/)\d+\/saved_model\.pb$/),
  },
  'hugging-face': {
    wanted: 'config.json and the weights (.safetensors or .bin) at the top, or serving.properties',
    fits: (files) =>
      (some(files, /^config\.json$/) && some(files, /^[^/]+\.(safetensors|bin|gguf)$/)) ||
      some(files, /^serving\.properties$/),
  },
};

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/**
 * Problems of a local archive: unreadable, links (SageMaker refuses them), or not laid out as the server reads it. Objects in S3 are not
 * looked into.
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
      `model artifact '${archive}' has not the layout that the model server reads${entry}: it wants ${layout.wanted}; ` +
        `found ${found(listing.files)}`,
    );
  }
  return problems;
}

function found(files: readonly string[]): string {
  if (files.length === 0) return 'no file';
  return files.slice(0, 5).join(', ') + (files.length > 5 ? ` and ${files.length - 5} more` : '');
}
