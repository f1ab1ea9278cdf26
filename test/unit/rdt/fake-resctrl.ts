// A tree of files that behaves like resctrl as far as groups go: a new directory has its files at once,
// refused lines are explained in `info/last_cmd_status`, and a directory goes with its files.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import type { ResctrlTree } from "../../../src/rdt/group.ts";

const EINVAL = 22;
const ENOENT = 2;
const EEXIST = 17;
const ENOSPC = 28;

const DEFAULT_SCHEMATA = "    MB:0=100;1=100\n    L3:0=fff;1=fff\n";

export class FakeResctrl implements ResctrlTree {
  readonly root = mkdtempSync(join(tmpdir(), "resctrl-"));
  /** How many groups there may be, as the processor has so many classes. */
  classes = 4;
  readonly calls: string[] = [];

  constructor(info: readonly string[] = ["L3", "MB", "L3_MON"]) {
    for (const name of info) mkdirSync(join(this.root, "info", name), { recursive: true });
    mkdirSync(join(this.root, "info"), { recursive: true });
    this.#say("ok");
    this.#fill(this.root);
  }

  remove(): void {
    rmSync(this.root, { recursive: true });
  }

  /** The tasks of a group; the root's when there is no name. */
  tasks(group = ""): string[] {
    return readFileSync(join(this.root, group, "tasks"), "utf8")
      .split("\n")
      .filter(Boolean);
  }

  schemata(group: string): string {
    return readFileSync(join(this.root, group, "schemata"), "utf8");
  }

  exists(path: string): boolean {
    return existsSync(path);
  }

  makeDirectory(path: string): number {
    this.calls.push(`mkdir ${path.slice(this.root.length)}`);
    if (existsSync(path)) return -EEXIST;
    if (this.classes === 0) {
      this.#say("Out of CLOSIDs");
      return -ENOSPC;
    }
    mkdirSync(path);
    if (basename(dirname(path)) !== "mon_groups") this.classes -= 1;
    this.#fill(path);
    return 0;
  }

  removeDirectory(path: string): number {
    this.calls.push(`rmdir ${path.slice(this.root.length)}`);
    if (!existsSync(path)) return -ENOENT;
    rmSync(path, { recursive: true });
    return 0;
  }

  read(path: string): string | undefined {
    return existsSync(path) ? readFileSync(path, "utf8") : undefined;
  }

  write(path: string, text: string): number {
    this.calls.push(`write ${path.slice(this.root.length)} ${JSON.stringify(text)}`);
    if (!existsSync(path)) return -ENOENT;
    return basename(path) === "schemata" ? this.#change(path, text) : this.#enter(path, text);
  }

  #change(path: string, text: string): number {
    const lines = text.split("\n").filter((line) => line !== "");
    if (!text.endsWith("\n") || lines.some((line) => !/^(L3|MB):\d=[0-9a-f]+(;\d=[0-9a-f]+)*$/.test(line))) {
      this.#say("Unknown or unsupported resource name");
      return -EINVAL;
    }
    const changed = lines.map((line) => line.slice(0, 3));
    const kept = this.schemata(path.slice(this.root.length, -"/schemata".length))
      .split("\n")
      .filter((line) => line !== "" && !changed.includes(line.trim().slice(0, 3)));
    writeFileSync(path, [...kept, ...lines.map((line) => `    ${line}`)].map((line) => `${line}\n`).join(""));
    return 0;
  }

  #enter(path: string, pid: string): number {
    writeFileSync(path, `${readFileSync(path, "utf8")}${pid}\n`);
    return 0;
  }

  #fill(directory: string): void {
    writeFileSync(join(directory, "tasks"), "");
    if (basename(dirname(directory)) === "mon_groups") return;
    writeFileSync(join(directory, "schemata"), DEFAULT_SCHEMATA);
    mkdirSync(join(directory, "mon_groups"));
  }

  #say(status: string): void {
    writeFileSync(join(this.root, "info/last_cmd_status"), `${status}\n`);
  }
}
