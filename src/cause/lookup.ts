// Finds out why no program of a name was found; the words of Go's exec.LookPath only say that there is none.

import { S_IFREG } from "../linux/numbers/fcntl.ts";
import { nearestWord } from "../spec/nearest.ts";
import { type Cause, named } from "./cause.ts";
import { MOST_NAMES, namesIn, statusAt, whyNotRun } from "./files.ts";
import type { Scene } from "./scene.ts";
import type { Root } from "./walk.ts";

interface Search {
  readonly name: string;
  /** The files that it could have been. */
  readonly paths: readonly string[];
}

/** Directories where programs often are, whether or not PATH has them. */
const USUAL = "/usr/local/sbin /usr/local/bin /usr/sbin /usr/bin /sbin /bin /usr/games /opt/bin /app".split(
  " ",
);
const SHELLS = new Set(["sh", "ash", "bash", "dash", "zsh"]);

export function whyNotFound(scene: Scene, { name, paths }: Search): Cause | undefined {
  if (name === "") return { words: "process.args[0] is empty", next: "name a program there" };
  if (name.includes("/")) return severalWords(scene, name) ?? whyNotRun(scene, name);
  const words = severalWords(scene, name);
  if (words !== undefined) return words;
  if (paths.length === 0) {
    return {
      words: "process.env has no PATH to look in",
      next: "set PATH in process.env, or name the program by its whole path",
    };
  }
  for (const path of paths) {
    if (statusAt(scene.root, path)?.type === S_IFREG) return whyNotRun(scene, path);
  }
  return elsewhere(scene, name, paths) ?? like(scene, name, paths);
}

/** For a whole shell command that was given as one word. */
function severalWords({ root }: Scene, name: string): Cause | undefined {
  const [first = ""] = name.trim().split(/\s+/);
  if (!/\s/.test(name) || (name.includes("/") && statusAt(root, name) !== undefined)) return undefined;
  return {
    words: `${named(name)} counts as the name of one program, including the space`,
    next: `make each word a separate entry of process.args: ${named(first)}, …`,
  };
}

/** For a program that exists, but not in a directory of PATH. */
function elsewhere({ root, cwd }: Scene, name: string, paths: readonly string[]): Cause | undefined {
  for (const folder of [cwd, ...USUAL]) {
    const path = `${folder === "/" ? "" : folder}/${name}`;
    if (paths.includes(path) || statusAt(root, path)?.type !== S_IFREG) continue;
    return {
      words: `${named(path)} is there, but PATH does not have ${named(folder)}`,
      next: "name the program by its whole path, or add that folder to PATH in process.env",
    };
  }
  return undefined;
}

/** For a misspelt name, or a shell that this image does not have. */
function like({ root }: Scene, name: string, paths: readonly string[]): Cause {
  const folders = paths.map((path) => path.slice(0, path.lastIndexOf("/")) || "/");
  const next = "name the program by its whole path, or add it to the image";
  if (SHELLS.has(name)) {
    const other = [...SHELLS].find((shell) => folders.some((at) => statusAt(root, `${at}/${shell}`)));
    if (other === undefined) return { words: "the image has no shell", next: "name a program that it has" };
    return { words: `the image has no ${name}, but it has ${named(other)}`, next: `use ${named(other)}` };
  }
  const near = nearestWord(name, namesInAll(root, new Set(folders)));
  const question = near === undefined ? "" : `, did you mean ${named(near)}?`;
  return { words: `none of ${named(folders.join(":"))} has ${named(name)}${question}`, next };
}

function namesInAll(root: Root, folders: ReadonlySet<string>): string[] {
  const names = new Set<string>();
  for (const folder of folders) {
    for (const name of namesIn(root, folder)) names.add(name);
    // PATH may come from a hostile image.
    if (names.size >= MOST_NAMES) break;
  }
  return [...names];
}
