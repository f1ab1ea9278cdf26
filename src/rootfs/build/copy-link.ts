// `copy-symlink`: a source that is a symbolic link is made anew in the container instead of being mounted. An
// option of crun that Podman uses. Called by mount-steps.ts.

import { text } from "../../linux/call/words.ts";
import { EEXIST, EINVAL } from "../../linux/numbers/errno.ts";
import { AT_FDCWD, O_DIRECTORY, O_PATH } from "../../linux/numbers/fcntl.ts";
import { close, type Reading, readlinkat, symlinkat } from "../../proxy/calls/calls.ts";
import { type Operation, operationError } from "../../proxy/calls/operation.ts";
import type { Step } from "../../proxy/step.ts";
import { adapt } from "../place/adapt.ts";
import { Target, type TargetStep } from "../place/target.ts";
import { describeMount, nameMount } from "../plan/mounts.ts";
import { nameOf, parentOf } from "../plan/paths.ts";
import { type BindOptions, bindStep } from "./mount-bind.ts";

export function copyLinkStep(options: BindOptions): TargetStep {
  return new CopyLinkStep(options);
}

class CopyLinkStep implements TargetStep {
  readonly target: Target;
  readonly #options: BindOptions;
  readonly #attempt: string;
  /** The step that binds the source, if that turns out to be no link. */
  #instead: Step | undefined;
  #destination = "";
  #isRead = false;
  #exists = false;

  constructor(options: BindOptions) {
    const { context, mount } = options;
    this.#options = options;
    this.#attempt = `copy the link ${nameMount(mount)}`;
    this.target = new Target(context, {
      path: parentOf(mount.destination),
      kind: "directory",
      attempt: this.#attempt,
      mountKind: "nothing",
      parentTmpfs: undefined,
      hint: () => describeMount({ ...mount, type: "bind" }),
    });
  }

  /** The link is read first, and again after a repair. */
  get first(): (() => void) | undefined {
    return this.#isRead || this.#exists || this.#instead !== undefined ? undefined : () => this.#read();
  }

  #read(): void {
    const { context, mount } = this.#options;
    const link: Reading = readlinkat(AT_FDCWD, mount.source, this.#attempt);
    const failed = context.proxy.attempt([link]);
    this.#isRead = true;
    if (failed?.result === -EINVAL) {
      const parsed = { ...mount.parsed, sourceLink: "followed" as const };
      this.#instead = bindStep({ ...this.#options, mount: { ...mount, parsed } });
      return;
    }
    if (failed !== undefined) throw this.#failure(failed);
    this.#destination = text(link.out.bytes.subarray(0, link.result));
  }

  operations(): readonly Operation[] {
    if (this.#exists) return [];
    if (this.#instead !== undefined) return this.#instead.operations();
    const directory = this.target.open(O_PATH | O_DIRECTORY);
    const name = nameOf(this.#options.mount.destination);
    return [
      ...directory.operations,
      symlinkat(this.#destination, directory.descriptor, name, this.#attempt),
      close(directory.descriptor),
    ];
  }

  get next(): (() => void) | undefined {
    return this.#instead?.next;
  }

  finish(): void {
    this.#instead?.finish?.();
  }

  recover(failed: Operation, pending: readonly Step[]): void {
    if (this.#instead !== undefined) {
      this.#instead.recover?.(failed, pending);
      return;
    }
    this.#isRead = false;
    if (this.target.recover(failed, pending) || adapt(this.#options.context, failed)) return;
    if (failed.call !== "symlinkat" || failed.result !== -EEXIST) throw this.#failure(failed);
    // Podman asks for it again at every start of a container.
    if (this.#found() !== this.#destination) throw this.#failure(failed);
    this.#exists = true;
  }

  /** The destination of a link that is there already. */
  #found(): string | undefined {
    const directory = this.target.reopen(O_PATH | O_DIRECTORY);
    const { descriptor } = directory;
    const link = readlinkat(descriptor, nameOf(this.#options.mount.destination), this.#attempt);
    const failed = this.#options.context.proxy.attempt([...directory.operations, link, close(descriptor)]);
    return failed === undefined ? text(link.out.bytes.subarray(0, link.result)) : undefined;
  }

  #failure(failed: Operation): Error {
    return operationError(failed, { hint: describeMount({ ...this.#options.mount, type: "bind" }) });
  }
}
