// The helper of src/rootfs/host/helper.ts, for a rehearsal: a second process that makes no system calls
// either.

import type { Operation } from "../../proxy/calls/operation.ts";
import type { Helper } from "../../rootfs/place/context.ts";
import { RehearsedProcess } from "./proxy.ts";
import type { Rehearsal } from "./rehearsal.ts";

const CONTROL = 3;

export class RehearsedHelper implements Helper {
  readonly canHelp = true;
  readonly #rehearsal: Rehearsal;
  #proxy: RehearsedProcess | undefined;
  #root: number | undefined;

  constructor(rehearsal: Rehearsal) {
    this.#rehearsal = rehearsal;
  }

  get root(): number {
    this.#root ??= this.#started().give({ in: "container", path: "/" });
    return this.#root;
  }

  attempt(operations: readonly Operation[]): Operation | undefined {
    return this.#started().attempt(operations);
  }

  /** A namespace is a file of another process, which leads to no file of the tree. */
  userNamespace(): number {
    return this.#started().give({ in: "host", path: "/proc/self/ns/user" });
  }

  #started(): RehearsedProcess {
    this.#proxy ??= new RehearsedProcess(this.#rehearsal, "helper", { control: CONTROL, opened: [] });
    return this.#proxy;
  }
}
