// A folder of the host to which a container must have no access. Anything that appears, disappears or changes
// there is an escape.

import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The text in the host's files; it must never be visible inside. */
export const SECRET = "of the host, and of nobody else";

export class Outside {
  readonly folder: string;
  readonly file: string;
  #before = "";

  constructor(folder: string) {
    this.folder = folder;
    this.file = join(folder, "file");
    this.#furnish();
  }

  /** The changes; it also restores the folder, so that each change is reported once. */
  changes(): string[] {
    const after = snapshot(this.folder);
    if (after === this.#before) return [];
    const changes = difference(this.#before, after);
    this.#furnish();
    return [`the host's folder changed: ${changes}`];
  }

  #furnish(): void {
    rmSync(this.folder, { recursive: true, force: true });
    mkdirSync(join(this.folder, "folder"), { recursive: true });
    writeFileSync(this.file, SECRET);
    writeFileSync(join(this.folder, "folder/file"), SECRET);
    this.#before = snapshot(this.folder);
  }
}

/** Every file below: its kind, owner, mode, numbers and text. */
function snapshot(path: string, name = "."): string {
  const status = lstatSync(path);
  const line = [name, status.mode.toString(8), status.uid, status.gid, status.rdev].join(" ");
  if (status.isDirectory()) {
    const below = readdirSync(path).sort();
    return [line, ...below.map((one) => snapshot(join(path, one), `${name}/${one}`))].join("\n");
  }
  return status.isFile() ? `${line} ${JSON.stringify(readFileSync(path, "utf8"))}` : line;
}

function difference(before: string, after: string): string {
  const known = new Set(before.split("\n"));
  const changed = after.split("\n").filter((line) => !known.has(line));
  return changed.length > 0 ? changed.join(", ") : "something is missing";
}
