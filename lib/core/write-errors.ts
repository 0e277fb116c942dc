/** Reasons of errors of writing, by the code of Node.js, each with the way out. */
export const WRITE_ERRORS: { readonly [code: string]: string | undefined } = {
  ENOSPC: 'its disk is full; free some space, or name a file on another disk',
  EDQUOT: 'the quota of its disk is used up; free some space, or name a file on another disk',
  EFBIG: 'it exceeds the maximum size of a file here; raise the limit (ulimit -f), or name a file on another disk',
  EROFS: 'its disk is read-only; name a file on another disk',
  EACCES: 'permission is denied; check the permissions of its folder, or name another file',
  EPERM: 'permission is denied; check the permissions of its folder, or name another file',
  ENOTDIR: 'a part of its path is a file; name another path',
  EIO: 'its disk has an error; name a file on another disk',
};

/** Problem of a result that standard output does not take, such as a file on a full disk; undefined where the reader has ended, as `head` does. */
export function outputProblem({ code = '' }: { readonly code?: string }): string | undefined {
  if (code === 'EPIPE' || code === 'EOF' || code === 'ECONNRESET') return undefined;
  const reason = WRITE_ERRORS[code] ?? 'it takes no more';
  return `standard output cannot be written: ${reason} (${code}); what was written is not the whole result`;
}
