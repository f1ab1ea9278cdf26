// A mount point in the container's root. If it exists and has no symbolic link on the way, it is opened at
// once; otherwise it is resolved and made, once, and then opened. Used by the steps of mounts and devices.

import { TsrunError } from "../../errors.ts";
import { ELOOP, ENOENT, ENOSYS } from "../../linux/numbers/errno.ts";
import { O_NOFOLLOW, O_PATH, S_IFREG } from "../../linux/numbers/fcntl.ts";
import type { Fd } from "../../proxy/calls/arguments.ts";
import { mkdirat, mknodat } from "../../proxy/calls/calls.ts";
import { type Operation, operationError, orGoOn } from "../../proxy/calls/operation.ts";
import type { Step } from "../../proxy/step.ts";
import { adviceForTarget } from "../plan/advice.ts";
import { nameOf, parentOf, refusedTarget } from "../plan/paths.ts";
import type { FileKind, FreshTmpfs, RootContext } from "./context.ts";
import { type Opening, openPlain } from "./open.ts";
import {
  type Creation,
  createMissing,
  MADE_MODE,
  type Missing,
  type Resolved,
  resolveInRoot,
} from "./resolve.ts";

export interface TargetOptions {
  /** Clean path inside the root. */
  readonly path: string;
  /** What to make if it is missing; `undefined` means the kind of `source`. */
  readonly kind: FileKind | undefined;
  /** A path of the host that says what kind of file is needed. */
  readonly source?: string;
  /** What a failure prevents: `mount "proc" on "/proc"`. */
  readonly attempt: string;
  /** What is mounted there, for the rules about /proc. */
  readonly mountKind: "proc" | "bind" | "other" | "nothing";
  /** No symbolic link may stand there. */
  readonly plain?: { readonly because: string };
  /** A symbolic link that stands there is itself the mount point. */
  readonly onLink?: boolean;
  readonly parentTmpfs: FreshTmpfs | undefined;
  /** Where it stands in the configuration. */
  readonly hint: () => string;
}

/** A step that has a mount point, so that those of several steps can be made together. */
export interface TargetStep extends Step {
  readonly target: Target;
}

export class Target {
  readonly options: TargetOptions;
  readonly #context: RootContext;
  #path: string;
  #opening: readonly Operation[] = [];
  /**
   * How many links had been followed when it was made. After another link, a mount may cover what was made.
   */
  #madeAt: number | undefined;
  #isNew = false;
  readonly #allMade: string[] = [];
  #failure: Operation | undefined;

  constructor(context: RootContext, options: TargetOptions) {
    this.#context = context;
    this.options = options;
    this.#path = options.path;
  }

  get #isMade(): boolean {
    return this.#madeAt !== undefined && this.#madeAt === this.#context.linksFollowed;
  }

  /** Whether nothing was there before it was made for this mount. */
  get isNew(): boolean {
    return this.#isNew;
  }

  /** The paths that were made for it, those above first. */
  get allMade(): readonly string[] {
    return this.#allMade;
  }

  /** Its path, now that links have been followed. */
  get path(): string {
    return this.#path;
  }

  /** The operations that open it, or make it and open it. */
  open(how = O_PATH): Opening {
    const context = this.#context;
    // Without openat2(2) a link on the way would not be noticed.
    if (!context.features.openat2 && !this.#isMade) this.resolve(undefined);
    const opening = this.reopen(how);
    // A copy: the caller adds to the list.
    this.#opening = [...opening.operations];
    const ahead = this.#makeAhead();
    return ahead === undefined ? opening : { ...opening, operations: [ahead, ...opening.operations] };
  }

  /** Opens it again, to reach what is mounted there by now. */
  reopen(how = O_PATH): Opening {
    const { attempt } = this.options;
    const flags = this.options.onLink === true ? how | O_NOFOLLOW : how;
    const place = { directory: this.#context.root, path: this.#path, how: flags };
    return openPlain(this.#context, place, attempt);
  }

  /** Makes the mount point in a tmpfs that was mounted just before, and so is empty. */
  #makeAhead(): Operation | undefined {
    const { parentTmpfs, path, kind, source, attempt } = this.options;
    if (parentTmpfs === undefined || this.#isMade || this.#path !== path) return undefined;
    const wanted = kind ?? (source === undefined ? undefined : this.#context.kindOf(source));
    if (wanted === undefined) return undefined;
    return orGoOn(makeIn(parentTmpfs.directory, { name: nameOf(path), kind: wanted, attempt }));
  }

  /**
   * Whether `failed` was about opening this target; if so, it has been repaired. Throws when it cannot be.
   */
  recover(failed: Operation, pending: readonly Step[]): boolean {
    if (!this.#opening.includes(failed) || failed.result === -ENOSYS) return false;
    if (failed.result === -ELOOP) this.resolve(failed);
    else if (failed.result === -ENOENT && !this.#isMade) createTargets(this.#context, this, pending);
    else throw this.#failed(this.#failure ?? failed);
    return true;
  }

  /** Follows the symbolic links on the way, after ELOOP or before anything is tried. */
  resolve(failed: Operation | undefined): void {
    const { attempt, mountKind, plain } = this.options;
    const { path, onLink } = this.options;
    const resolved =
      onLink === true ? resolveParent(this.#context, path) : resolveInRoot(this.#context, path);
    if ("call" in resolved) throw this.#failed({ ...resolved, attempt });
    if (plain !== undefined && resolved.endedInLink) throw this.refusal(plain.because);
    // Somebody replaces files with links at the same time.
    if (failed !== undefined && resolved.path === this.#path) throw this.#failed(failed);
    const refused = mountKind === "nothing" ? undefined : refusedTarget(resolved.path, mountKind);
    if (refused !== undefined) throw this.refusal(refused);
    if (resolved.path !== this.#path) this.#context.linksFollowed += 1;
    this.#path = resolved.path;
    if (failed === undefined) return;
    // What was made, if anything, was made somewhere else.
    this.#madeAt = undefined;
    this.#isNew = false;
    this.#failure = undefined;
  }

  /** @param advice ends in `; `, or is empty */
  refusal(because: string, advice = ""): TsrunError {
    const { attempt, hint } = this.options;
    return new TsrunError("E_CONFIG", `cannot ${attempt}: ${because}`, { hint: `${advice}${hint()}` });
  }

  #failed(failed: Operation): TsrunError {
    return operationError(failed, { hint: `${adviceForTarget(failed)}${this.options.hint()}` });
  }

  /** Whether it may be made together with others. */
  get canBeMade(): boolean {
    return !this.#isMade && this.options.parentTmpfs === undefined;
  }

  made({ failure, isNew, made }: Creation): void {
    this.#isNew ||= isNew;
    this.#allMade.push(...made);
    this.#madeAt = this.#context.linksFollowed;
    this.#failure = failure === undefined ? undefined : { ...failure, attempt: this.options.attempt };
  }
}

function resolveParent(context: RootContext, path: string): Resolved | Operation {
  const resolved = resolveInRoot(context, parentOf(path));
  if ("call" in resolved) return resolved;
  const parent = resolved.path === "/" ? "" : resolved.path;
  return { path: `${parent}/${nameOf(path)}`, endedInLink: false };
}

function makeIn(
  directory: Fd,
  { name, kind, attempt }: { name: string; kind: FileKind; attempt: string },
): Operation {
  if (kind === "directory") return mkdirat(directory, name, MADE_MODE, attempt);
  return mknodat(directory, name, { mode: S_IFREG | 0o644, major: 0, minor: 0 }, attempt);
}

/**
 * Makes the missing mount point of `first`, and in the same round trips those of later steps, as long as they
 * do not lie below one another: many volumes cost no more than one.
 */
function createTargets(context: RootContext, first: Target, pending: readonly Step[]): void {
  const targets: Target[] = [first];
  const before = new Set([first.path]);
  // Without openat2(2), links on the other ways have not been followed yet.
  for (const step of context.features.openat2 ? pending : []) {
    const target = "target" in step && step.target instanceof Target ? step.target : undefined;
    if (target === undefined || target === first) continue;
    // Below a mount that is still to come, other files may exist.
    const hidden = isBelowOneOf(before, target.path);
    before.add(target.path);
    if (!hidden && target.canBeMade && target.options.plain === undefined) targets.push(target);
  }
  const outcomes = createMissing(context, targets.map(missing));
  for (const [index, target] of targets.entries()) target.made(outcomes[index] as Creation);
}

function isBelowOneOf(paths: ReadonlySet<string>, path: string): boolean {
  for (let above = path; ; above = parentOf(above)) {
    if (paths.has(above)) return true;
    if (above === "/") return false;
  }
}

function missing({ path, options }: Target): Missing {
  const like = options.source;
  return { path, kind: options.kind ?? (like === undefined ? "directory" : { like }) };
}
