// Reads sources for the rules of style: lines, imports and function lengths. It uses text, not a parser: the
// formatter guarantees that a function's last line has the same indentation as its first.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

export interface SourceFile {
  readonly path: string;
  readonly lines: readonly string[];
  readonly imports: readonly Import[];
}

export interface Import {
  /** A file of the repository, or the name of a module. */
  readonly target: string;
  /** Gone after compilation. */
  readonly typeOnly: boolean;
}

export interface FunctionSpan {
  readonly name: string;
  readonly line: number;
  readonly length: number;
}

const STATEMENT = /^(import|export)\s(type\s)?(?:[^;"']*?\sfrom\s*)?["']([^"']+)["']/gms;

export function readSources(...folders: string[]): SourceFile[] {
  return pathsIn(folders, /\.ts$/).map((path) => parseSource(path, readFileSync(path, "utf8")));
}

/** C and assembly. */
export function readNativeSources(...folders: string[]): SourceFile[] {
  return pathsIn(folders, /\.[chs]$/).map((path) => ({
    path,
    lines: linesOf(readFileSync(path, "utf8")),
    imports: [],
  }));
}

/** The files of folders with this ending. */
function pathsIn(folders: readonly string[], ending: RegExp): string[] {
  return folders.flatMap((folder) => {
    if (!existsSync(folder)) return [];
    const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
    const paths = names.filter((name) => ending.test(name) && !name.includes("generated/")).sort();
    return paths.map((name) => join(folder, name));
  });
}

function linesOf(text: string): string[] {
  return text.replace(/\n$/, "").split("\n");
}

export function parseSource(path: string, text: string): SourceFile {
  const imports = [...text.matchAll(STATEMENT)].map(([statement, , type, target = ""]) => ({
    target: resolveTarget(path, target),
    typeOnly: type !== undefined || importsOnlyTypes(statement),
  }));
  return { path, lines: linesOf(text), imports };
}

/**
 * `import { type A, type B } from`: verbatimModuleSyntax keeps the import, but nothing in the file is used.
 */
function importsOnlyTypes(statement: string): boolean {
  const names = /\{([^}]*)\}/.exec(statement)?.[1]?.split(",") ?? [];
  const used = names.map((name) => name.trim()).filter((name) => name !== "");
  return used.length > 0 && used.every((name) => name.startsWith("type "));
}

function resolveTarget(from: string, target: string): string {
  return target.startsWith(".") ? normalize(join(dirname(from), target)) : target;
}

/** A line that begins so is not the header of a function. */
const STATEMENT_WORD = /^\s*(if|for|while|switch|catch|return|\/\/|\*|\/\*)(?!\w)/;

/**
 * The first line of a declaration, an arrow with a block, a method, or a method whose parameters take lines.
 */
const HEADERS = [
  /\bfunction\b.*[({,]$/,
  /=> \{$/,
  /^\s*(?:[\w#]+ )*[\w#[\].]+\(.*\).*\{$/,
  /^\s*(?:[\w#]+ )*[\w#]+\($/,
];

const NAME = /(?:function\s*\*?\s*|const\s+|#?)([\w$]+)\s*(?:=|\(|<)/;

/** The functions and methods of a file with their lengths, headers and closing lines included. */
export function functionSpans({ lines }: SourceFile): FunctionSpan[] {
  const spans: FunctionSpan[] = [];
  lines.forEach((line, index) => {
    if (STATEMENT_WORD.test(line) || !HEADERS.some((header) => header.test(line))) return;
    const indent = /^\s*/.exec(line)?.[0] ?? "";
    const closing = lines.findIndex((other, at) => at > index && closes(other, indent));
    if (closing < 0 || !opensBlock(lines, index, closing, indent)) return;
    spans.push({ name: NAME.exec(line)?.[1] ?? line.trim(), line: index + 1, length: closing - index + 1 });
  });
  return spans;
}

function closes(line: string, indent: string): boolean {
  return line.startsWith(`${indent}}`) && !line.endsWith("{");
}

/**
 * A call spread over lines also starts with `name(`; only a function has a line that opens a block at this
 * depth.
 */
function opensBlock(lines: readonly string[], first: number, last: number, indent: string): boolean {
  if (lines[first]?.endsWith("{") === true) return true;
  const end = lines.slice(first + 1, last).find((line) => line.startsWith(`${indent})`));
  return end?.endsWith("{") === true;
}

/** Every file that is loaded together with `path`. */
export function loadedWith(path: string, files: ReadonlyMap<string, SourceFile>): Set<string> {
  const loaded = new Set<string>();
  const waiting = [path];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (loaded.has(next)) continue;
    loaded.add(next);
    const imports = files.get(next)?.imports ?? [];
    waiting.push(...imports.filter(({ typeOnly }) => !typeOnly).map(({ target }) => target));
  }
  return loaded;
}

/** Names, each with the names it leads to. */
export type Graph = ReadonlyMap<string, ReadonlySet<string>>;

/** The circles of a graph: those of its names that lead to each other, each list sorted. */
export function circlesOf(graph: Graph): string[][] {
  const reach = new Map([...graph.keys()].map((name) => [name, reachedFrom(name, graph)]));
  const circles = [...graph.keys()].map((name) =>
    [...(reach.get(name) ?? [])].filter((other) => reach.get(other)?.has(name) === true).sort(),
  );
  return [
    ...new Map(circles.filter(({ length }) => length > 0).map((circle) => [circle.join(), circle])).values(),
  ];
}

/** All names that a name leads to; the name itself only if there is a circle. */
function reachedFrom(name: string, graph: Graph): ReadonlySet<string> {
  const reached = new Set<string>();
  const waiting = [...(graph.get(name) ?? [])];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (reached.has(next)) continue;
    reached.add(next);
    waiting.push(...(graph.get(next) ?? []));
  }
  return reached;
}

/**
 * For each folder, how the files and folders directly in it import one another. A folder imports everything
 * that the files below it import.
 */
export function roomsOf(files: readonly SourceFile[]): ReadonlyMap<string, Graph> {
  const rooms = new Map<string, Map<string, Set<string>>>();
  for (const { path, imports } of files) {
    for (const { target } of imports) {
      for (let folder = dirname(path); folder !== "."; folder = dirname(folder)) {
        const from = childOf(folder, path);
        const to = childOf(folder, target);
        if (to === undefined || from === undefined || from === to) continue;
        const room = rooms.get(folder) ?? new Map<string, Set<string>>();
        rooms.set(folder, room.set(from, (room.get(from) ?? new Set()).add(to)));
      }
    }
  }
  return rooms;
}

/** The file or folder directly in `folder` that is, or contains, a path. */
function childOf(folder: string, path: string): string | undefined {
  return path.startsWith(`${folder}/`) ? path.slice(folder.length + 1).split("/")[0] : undefined;
}
