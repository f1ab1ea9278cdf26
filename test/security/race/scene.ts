// Where a race takes place: a container, a folder that its image or volume owns, and a folder of the host
// that is none of its business. Whatever appears, goes or changes there is an escape.

import {
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Container } from "../../support/container.ts";
import { hostMounts, parseMountinfo } from "../../support/host.ts";
import type { Lab } from "../../support/lab.ts";

/** Stands in the files of the host; nothing inside may ever show it. */
export const SECRET = "of the host, and of nobody else";

export class Scene {
  readonly lab: Lab;
  readonly box: Container;
  /** A folder of the host that the container must not reach. */
  readonly outside: string;
  /** A volume, which the attacker can write to while the container is made. */
  readonly volume: string;
  readonly #mountTable: string;
  readonly #hostMounts: ReadonlySet<string>;
  #before = "";
  #held: number | undefined;

  constructor(lab: Lab) {
    this.lab = lab;
    this.outside = join(lab.folder, "outside");
    this.volume = join(lab.folder, "volume");
    this.#mountTable = join(lab.folder, "mountinfo");
    this.#hostMounts = new Set(hostMounts().map(({ target }) => target));
    this.box = lab.container(Container.script("exec sleep 1000"));
    mkdirSync(this.volume);
    this.#furnish();
  }

  volumeAt(destination: string): void {
    const source = this.volume;
    this.box.config.mounts.push({ destination, type: "bind", source, options: ["rbind", "rw"] });
  }

  /** With a hook that writes down the container's mounts while the host's are still there. */
  writeConfig(): void {
    const args = ["busybox", "cp", "/proc/self/mountinfo", this.#mountTable];
    const hooks = { createContainer: [{ path: join(this.box.rootfs, "bin/busybox"), args }] };
    this.box.writeConfig(JSON.stringify({ ...this.box.config, hooks }));
  }

  /** Keeps hold of the directory that is exchanged, under whatever name it goes. */
  hold(directory: string): void {
    const held = openSync(directory, "r");
    this.lab.atClose(() => closeSync(held));
    this.#held = held;
  }

  /** Removes what a create has made there, so that the next one makes it anew. */
  tidy(): void {
    if (this.#held === undefined) return;
    for (const made of ["made", "folder/made"]) {
      rmSync(`/proc/self/fd/${this.#held}/${made}`, { recursive: true, force: true });
    }
  }

  /** What shows that a create has touched the host; the folder is mended, so that each is seen once. */
  escapes(): string[] {
    const after = snapshot(this.outside);
    const found =
      after === this.#before ? [] : [`the host's folder changed: ${difference(this.#before, after)}`];
    if (found.length > 0) this.#furnish();
    return [...found, ...this.#mountsOutside()];
  }

  #mountsOutside(): string[] {
    let table: string;
    try {
      table = readFileSync(this.#mountTable, "utf8");
      rmSync(this.#mountTable);
    } catch {
      // It was refused before its hooks ran.
      return [];
    }
    return parseMountinfo(table)
      .map(({ target }) => target)
      .filter((target) => target !== this.box.rootfs && !target.startsWith(`${this.box.rootfs}/`))
      .filter((target) => !this.#hostMounts.has(target))
      .map((target) => `a mount outside the root: ${target}`);
  }

  #furnish(): void {
    rmSync(this.outside, { recursive: true, force: true });
    mkdirSync(join(this.outside, "folder"), { recursive: true });
    writeFileSync(join(this.outside, "file"), SECRET);
    writeFileSync(join(this.outside, "folder/file"), SECRET);
    this.#before = snapshot(this.outside);
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
