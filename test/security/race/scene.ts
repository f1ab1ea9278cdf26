// The scene of a race: a container, a folder that its image or volume owns, and a folder of the host to which
// it must have no access.

import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Container } from "../../support/container.ts";
import { parseMountinfo } from "../../support/host.ts";
import type { Lab } from "../../support/lab.ts";
import { Outside } from "../../support/outside.ts";

export class Scene {
  readonly lab: Lab;
  readonly box: Container;
  readonly outside: Outside;
  /** A volume, which the attacker can write to while the container is made. */
  readonly volume: string;
  readonly #mountTable: string;
  #held: number | undefined;

  constructor(lab: Lab) {
    this.lab = lab;
    this.outside = new Outside(join(lab.folder, "outside"));
    this.volume = join(lab.folder, "volume");
    this.#mountTable = join(lab.folder, "mountinfo");
    this.box = lab.container(Container.script("exec sleep 1000"));
    mkdirSync(this.volume);
  }

  volumeAt(destination: string): void {
    const source = this.volume;
    this.box.config.mounts.push({ destination, type: "bind", source, options: ["rbind", "rw"] });
  }

  /** Adds a hook that writes down the container's mounts while the host's are still visible. */
  writeConfig(): void {
    const args = ["busybox", "cp", "/proc/self/mountinfo", this.#mountTable];
    const hooks = { createContainer: [{ path: join(this.box.rootfs, "bin/busybox"), args }] };
    this.box.writeConfig(JSON.stringify({ ...this.box.config, hooks }));
  }

  /** Keeps the exchanged directory open, whatever its name is at the moment. */
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

  /** Signs that a create has changed the host. */
  escapes(): string[] {
    return [...this.outside.changes(), ...this.#mountsOutside()];
  }

  /**
   * Mounts outside the root. Every way out leads to the lab's folder; elsewhere on the host others may mount.
   */
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
      .filter((target) => target.startsWith(`${this.lab.folder}/`))
      .filter((target) => target !== this.box.rootfs && !target.startsWith(`${this.box.rootfs}/`))
      .map((target) => `a mount outside the root: ${target}`);
  }
}
