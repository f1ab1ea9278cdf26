// The notes of a release: its section of CHANGELOG.md. Pure.

/** Throws where the changelog has no section of that version. */
export function notesOf(changelog: string, version: string): string {
  const [, ...sections] = changelog.split(/^## /m);
  const section = sections.find((section) => section.startsWith(`[${version}] - `));
  if (section === undefined) throw new Error(`CHANGELOG.md has no section "## [${version}] - DATE"`);
  const [heading = "", ...lines] = section.split("\n");
  const date = heading.slice(`[${version}] - `.length);
  if (!/^\d{4}-\d\d-\d\d$/.test(date))
    throw new Error(`"${date}" of CHANGELOG.md is no date like 2026-11-28`);
  return `# tsrun ${version}\n\n${date}\n\n${lines.join("\n").trim()}\n`;
}
