// A container of a systemd that is not there: its state names a scope in a slice, and the folders of both
// show what the kernel would show on cgroup v2.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Container } from "./container.ts";
import type { Lab } from "./lab.ts";

export class FakeUnit {
  readonly #slice: string;
  readonly #scope: string;
  readonly #file: string;
  readonly #saved: string;

  constructor(lab: Lab, box: Container) {
    this.#slice = join(lab.folder, "a.slice");
    this.#scope = join(this.#slice, "a.scope");
    this.#file = join(lab.stateRoot, box.id, "state.json");
    this.#saved = readFileSync(this.#file, "utf8");
    const state = JSON.parse(this.#saved) as { readonly cgroup: object };
    const cgroup = { driver: "v2", paths: { "": this.#scope }, unit: { name: "a.scope", user: false } };
    writeFileSync(this.#file, JSON.stringify({ ...state, cgroup: { ...state.cgroup, ...cgroup } }));
  }

  /** The scope appears, with processes. */
  appear(): void {
    mkdirSync(this.#scope, { recursive: true });
    writeFileSync(join(this.#scope, "cgroup.events"), "populated 1\n");
  }

  /** systemd removes the scope. */
  disappear(): void {
    rmSync(this.#scope, { recursive: true });
  }

  /** How often memory has run out: in the scope, and in the whole slice. */
  count(kills: { readonly scope?: number; readonly slice: number }): void {
    mkdirSync(this.#slice, { recursive: true });
    tell(this.#slice, kills.slice);
    if (kills.scope !== undefined) tell(this.#scope, kills.scope);
  }

  /** The state names the container's own cgroup again. */
  restore(): void {
    writeFileSync(this.#file, this.#saved);
  }
}

function tell(folder: string, kills: number): void {
  writeFileSync(join(folder, "memory.events"), `oom ${kills}\noom_kill ${kills}\n`);
}
