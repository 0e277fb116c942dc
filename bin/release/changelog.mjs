/**
 * Changes of a version in a changelog in the format of keepachangelog.com: those of its own section, or those still under "Unreleased".
 * The title is the date of the section, or `Unreleased`.
 */
export function changesOf(changelog, version) {
  const sections = changelog.split(/^## /m).slice(1);
  const find = (name) => sections.find((section) => section.startsWith(`[${name}]`));
  const section = find(version) ?? find('Unreleased') ?? '';
  const [head, ...lines] = section.split('\n');
  const text = lines.join('\n').trim();
  const title = find(version) ? head.replace(/^.*?\]\s*-?\s*/, '') : 'Unreleased';
  return { title, text: /^- /m.test(text) ? text : '' };
}
