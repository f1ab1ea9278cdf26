// The page: head, facts, what differs, the picture, the words, and the time line of a trace. It needs no
// other file and runs no script. Pure; called by the command `explain`.

import { type Explanation, shellWords } from "../model.ts";
import { DIFFERENCES, MEANINGS, SIGNS } from "./marks.ts";
import { escaped } from "./markup.ts";
import { picture } from "./picture.ts";
import { Numbers } from "./row.ts";
import { STYLE, STYLE_HASH } from "./style.ts";
import { timelineMarkup } from "./timeline.ts";
import type { Trace } from "./trace-events.ts";
import { contents, sectionMarkup } from "./words.ts";

export interface PageRequest {
  readonly explanation: Explanation;
  /** What `--timeline` names. */
  readonly trace: Trace | undefined;
  /** `tsrun 1.2.3` */
  readonly program: string;
}

/** Whatever gets into the page, browsers load and run nothing; they only use the page's own style sheet. */
const POLICY = `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action 'none'`;

export function page({ explanation, trace, program }: PageRequest): string {
  const { sections, sources, warnings } = explanation;
  const numbers = new Numbers();
  const request = { places: sources?.places ?? {}, numbers };
  // Draw the picture first, so that its links have the lowest numbers (see MOST_LINKS).
  const drawing = picture(explanation, numbers);
  const words = sections.map((section, index) => sectionMarkup(section, index + 1, request));
  const times = trace === undefined ? [] : [timelineMarkup(trace)];
  return [
    "<!DOCTYPE html>",
    '<html lang="en" xmlns="http://www.w3.org/1999/xhtml">',
    head(titleOf(explanation)),
    "<body>",
    '<a class="skip" href="#words">Skip to the steps</a>',
    header(explanation, trace !== undefined),
    "<main>",
    `<section class="drawing" aria-labelledby="picture-title"><h2 id="picture-title">The container</h2>`,
    `${drawing}</section>`,
    `<div class="words"><h2 id="words" tabindex="-1">The steps that make it</h2>`,
    ...words,
    ...warningsMarkup(warnings),
    ...times,
    "</div>",
    "</main>",
    `<footer class="end"><p>Made by ${escaped(program)}.</p></footer>`,
    '<div class="bar" aria-hidden="true"><p>Point at something, or go to it with the Tab key: here you see ' +
      "the lines of config.json that ask for it.</p></div>",
    "</body>",
    "</html>\n",
  ].join("\n");
}

function titleOf({ subject, id, bundle }: Explanation): string {
  return subject === "bundle" ? `A container from ${bundle}` : `The container ${id}`;
}

function head(title: string): string {
  return [
    "<head>",
    '<meta charset="utf-8"/>',
    `<meta http-equiv="Content-Security-Policy" content="${POLICY}"/>`,
    '<meta name="viewport" content="width=device-width, initial-scale=1"/>',
    '<meta name="referrer" content="no-referrer"/>',
    '<meta name="color-scheme" content="light dark"/>',
    `<title>${escaped(title)}</title>`,
    `<style>${STYLE}</style>`,
    "</head>",
  ].join("\n");
}

function header(explanation: Explanation, hasTimes: boolean): string {
  const { subject, bundle, rootfs, command, status, pid, sources, sections } = explanation;
  const facts: (readonly [name: string, value: string])[] = [
    ["Bundle", bundle],
    ["Root file system", rootfs],
    ["Command", shellWords(command)],
    ...(status === undefined ? [] : [["Status", pid === 0 ? status : `${status}, pid ${pid}`] as const]),
    ...(sources === undefined ? [] : [["Configuration", sources.file] as const]),
  ];
  const list = facts
    .map(([name, value]) => `<dt>${name}</dt><dd class="code">${escaped(value)}</dd>`)
    .join("\n");
  const intro =
    "A container is a process of this machine. The kernel shows it less than there is, and lets it do " +
    `less. This is what tsrun ${subject === "bundle" ? "does" : "did"} to make this one, in order.`;
  const times = hasTimes ? '<p><a href="#times">Where the time went</a></p>\n' : "";
  return [
    `<header><h1>${escaped(titleOf(explanation))}</h1>`,
    `<div class="top"><div><dl class="facts">\n${list}\n</dl>`,
    `<p>${intro}</p></div>`,
    "<div><h2>What differs from the default</h2>",
    DEFAULT,
    `<ul class="legend">${DIFFERENCES.map(legendItem).join("")}</ul>`,
    `${contents(sections)}\n${times}</div></div></header>`,
  ].join("\n");
}

const DEFAULT =
  "<p>The default is the configuration that <code>tsrun spec</code> writes: a shell in a read-only root, " +
  "with three capabilities, five namespaces of its own (six with cgroup v2), and no network but loopback. " +
  "Not compared is what differs in every container: names, program, variables, directories.</p>";

function legendItem(kind: (typeof DIFFERENCES)[number]): string {
  return `<li><span class="${kind}">${SIGNS[kind]} ${kind}</span>: ${MEANINGS[kind]}</li>`;
}

function warningsMarkup(warnings: readonly string[]): string[] {
  if (warnings.length === 0) return [];
  const items = warnings.map((warning) => `<li>${escaped(warning)}</li>`);
  return [
    '<section aria-labelledby="warnings"><h3 id="warnings">Warnings</h3>',
    `<ul>\n${items.join("\n")}\n</ul></section>`,
  ];
}
