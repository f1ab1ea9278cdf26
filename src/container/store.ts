// What is kept of a container between commands: ROOT/ID/ with state.json, config.json and the FIFO by which
// `start` releases the first process. Creating the directory, exclusively, is what claims the id.

import { TsrunError, throwIfOutOfMemory } from "../errors.ts";
import { hasErrno, mustCall, syscallError, tryCall } from "../linux/call/call.ts";
import { cString, text, utf8 } from "../linux/call/words.ts";
import { listDirectoryAt, listRawEntries, removeEntry } from "../linux/files/directories.ts";
import {
  createFile,
  createOpenFile,
  type Descriptor,
  filesystemType,
  makeDirectories,
  makeDirectory,
  open,
  openIfThere,
  readLink,
  readText,
  remove,
  removeDirectory,
  renameFile,
  replaceFile,
  status,
} from "../linux/files/files.ts";
import { EAGAIN, EEXIST, ENOTEMPTY } from "../linux/numbers/errno.ts";
import {
  AT_FDCWD,
  LOCK_EX,
  LOCK_NB,
  LOCK_UN,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  O_RDWR,
  S_IFIFO,
  SEEK_SET,
} from "../linux/numbers/fcntl.ts";
import { TMPFS_MAGIC } from "../linux/numbers/mount.ts";
import { exactJson } from "../spec/exact-json.ts";
import { syntaxFault } from "../spec/faults.ts";
import { acceptStateRecord } from "../spec/generated/acceptors.ts";
import { reloadConfig } from "../spec/load.ts";
import { restoreExactNumbers } from "../spec/normalise.ts";
import { checkSchema } from "../spec/schema-check.ts";
import type { Spec } from "../spec/types.ts";
import { currentBoot, inThisBoot } from "./boot.ts";
import { checkId } from "./id.ts";
import type { StateRecord } from "./record.ts";

export const STATE = "state.json";
const CONFIG = "config.json";
/**
 * Of either: twice the largest document, since a state keeps what `create` was given and what `update` was.
 * What is larger was written by nobody that we know, and reading it would take long.
 */
const LARGEST_MIB = 8;
const LARGEST = LARGEST_MIB * 1024 * 1024;
const TOO_LARGE = `larger than ${LARGEST_MIB} MiB`;
/** What the first process waits at, under its temporary name until `create` has succeeded; see start.ts. */
export const FIFO = "exec.fifo";
export const FIFO_CREATING = ".exec.fifo";
const NO_CGROUP = "no-cgroup";

/** The directory of one container. */
export class StateDirectory implements Disposable {
  readonly #root: string;
  readonly #id: string;
  readonly #directory: Descriptor;
  #locked = false;
  #config: Descriptor | undefined;

  constructor(root: string, id: string, directory: Descriptor) {
    this.#root = root;
    this.#id = id;
    this.#directory = directory;
  }

  get path(): string {
    return `${this.#root}/${this.#id}`;
  }

  [Symbol.dispose](): void {
    this.#config?.close();
    this.#directory.close();
  }

  removeFile(name: string): void {
    remove(name, { at: this.#directory.number });
  }

  /**
   * Writes state.json: a temporary file, then rename(2), so that a reader sees the old one or the new one.
   */
  save(record: StateRecord): void {
    // Only what `update` keeps has numbers that JSON.stringify does not know.
    const json = record.resources === undefined ? JSON.stringify(record) : exactJson(record);
    const bytes = utf8(json);
    // Nobody could read it again: a byte that is not UTF-8 takes six.
    if (bytes.length > LARGEST) throw new TsrunError("E_CONFIG", `cannot keep the state: it is ${TOO_LARGE}`);
    replaceFile(STATE, bytes, { at: this.#directory.number, mode: 0o600 });
  }

  /**
   * Reads state.json. AS RUNC: a container without one is none, yet or any more, which callers can tell.
   * Where it cannot be read, which says nothing of the container, the error has another errno than ENOENT.
   */
  load(): StateRecord {
    const attempt = `cannot read the state of container "${this.#id}"`;
    let json: string | undefined;
    try {
      json = readText(STATE, { at: this.#directory.number, most: LARGEST });
    } catch (error) {
      if (!(error instanceof TsrunError)) throw error;
      if (hasErrno(error, "ENOENT")) {
        const removes = `"delete --force ${this.#id}" removes what is there`;
        const hint = `it is being made or removed, or its create was killed; ${removes}`;
        throw new TsrunError("E_NOT_FOUND", "container does not exist", { hint, cause: error });
      }
      if (!hasErrno(error, "EFBIG")) {
        throw new TsrunError("E_STATE", `${attempt}: ${error.message}`, { errno: error.errno, cause: error });
      }
    }
    const record = json === undefined ? TOO_LARGE : parseRecord(json);
    if (typeof record !== "string") return inThisBoot(record);
    throw new TsrunError("E_STATE", `${attempt}: it is damaged: ${record}`, {
      hint: `"delete --force ${this.#id}" ends what its configuration and its cgroup tell of it`,
    });
  }

  /**
   * Keeps the config as it was checked: later commands must not see what became of the bundle's file. Until
   * the directory is let go of, the file is locked, which says that somebody is making the container.
   */
  saveConfig(text: string): void {
    this.#config = createOpenFile(CONFIG, text, { at: this.#directory.number, mode: 0o600 });
    tryCall("flock", this.#config.number, LOCK_EX | LOCK_NB);
  }

  /** Whether the command that makes the container still runs: its lock ends with it, however it ends. */
  isBeingMade(): boolean {
    const config = openIfThere(CONFIG, O_RDONLY, { at: this.#directory.number });
    if (config === undefined) return false;
    using file = config;
    return tryCall("flock", file.number, LOCK_EX | LOCK_NB) === -EAGAIN;
  }

  /** The boot to note in the state; `undefined` in memory (tmpfs(5)), where no state outlives one. */
  boot(): string | undefined {
    return filesystemType(this.#directory.number) === TMPFS_MAGIC ? undefined : currentBoot();
  }

  hasConfig(): boolean {
    return this.has(CONFIG);
  }

  loadConfig(): Spec {
    return reloadConfig(readText(CONFIG, { at: this.#directory.number, most: LARGEST }));
  }

  /** Makes the FIFO. Opened for both directions, it waits for nobody, and keeps what is written to it. */
  makeFifo(): Descriptor {
    const at = this.#directory.number;
    mustCall(
      `create the FIFO "${this.path}/${FIFO}"`,
      "mknodat",
      at,
      cString(FIFO_CREATING),
      S_IFIFO | 0o600,
      0,
    );
    return open(FIFO_CREATING, O_RDWR, { at });
  }

  /** Notes that the container is to have no cgroup, for when state.json, which says so, is damaged. */
  noteNoCgroup(): void {
    createFile(NO_CGROUP, "", { at: this.#directory.number, mode: 0o600 });
  }

  get hasNoCgroup(): boolean {
    return this.has(NO_CGROUP);
  }

  /** Makes a directory that the container will see, whatever our umask. */
  makeSharedDirectory(name: string): void {
    const at = this.#directory.number;
    makeDirectory(name, 0o755, { at });
    mustCall(`open "${this.path}/${name}" to all`, "fchmodat", at, cString(name), 0o755);
  }

  /** Whether there is a container; asked with the lock held, since whoever removes one has it. */
  isThere(): boolean {
    return this.has(STATE);
  }

  has(name: string): boolean {
    return status(name, { at: this.#directory.number }) !== undefined;
  }

  /** The container is created: from now on `start` may come. */
  announceCreated(): void {
    renameFile(FIFO_CREATING, FIFO, { at: this.#directory.number });
    this.#config?.close();
  }

  /** An end of the FIFO of a container that waits for `start`; `undefined` when it does not wait any more. */
  openFifo(flags: number): Descriptor | undefined {
    return openIfThere(FIFO, flags, { at: this.#directory.number });
  }

  /** `start` has come: the container can never be started again. */
  removeFifo(): void {
    this.removeFile(FIFO);
  }

  /** Whether the first process has not been released: waits for `start`, or is still being made. */
  waiting(): "creating" | "created" | undefined {
    const at = this.#directory.number;
    if (status(FIFO, { at }) !== undefined) return "created";
    return status(FIFO_CREATING, { at }) === undefined ? undefined : "creating";
  }

  /** The owner of the directory, whom `list` names. */
  ownerUid(): number {
    return status("", { at: this.#directory.number, itself: true })?.uid ?? 0;
  }

  /**
   * One command at a time changes a container; a second one waits until the first lets go or ends. Who has
   * waited may hold a directory that is gone by then: what it looks for in it is not there.
   */
  lock(): void {
    if (this.#locked) return;
    mustCall(`lock the state directory "${this.path}"`, "flock", this.#directory.number, LOCK_EX);
    this.#locked = true;
  }

  /** Where that fails, the lock ends with the process. */
  unlock(): void {
    this.#locked = false;
    tryCall("flock", this.#directory.number, LOCK_UN);
  }

  /**
   * Removes the directory, by what is held of it; the id is free again. A name that leads elsewhere by now is
   * another container's, and nothing is left here. Nobody changes that in between, since whoever removes a
   * directory has its lock. The state goes first: what is left without it is no container.
   */
  remove(): void {
    this.lock();
    if (!this.#isNamed()) return;
    const at = this.#directory.number;
    this.removeFile(STATE);
    mustCall(`list the state directory "${this.path}"`, "lseek", at, 0, SEEK_SET);
    for (const entry of listRawEntries(at)) {
      if (entry.type === "symlink") this.#removeNoted(text(entry.name));
      removeEntry(entry, { at });
    }
    if (removeDirectory(this.path)) return;
    throw syscallError(`remove the state directory "${this.path}"`, ENOTEMPTY);
  }

  /** Remembers a file elsewhere that goes with the container. Returns the note's name, for `removeFile`. */
  note(path: string): string {
    const name = `${process.pid}`;
    const at = this.#directory.number;
    this.removeFile(name);
    mustCall(`note "${path}" in "${this.path}"`, "symlinkat", cString(path), at, cString(name));
    return name;
  }

  #removeNoted(note: string): void {
    const path = readLink(note, { at: this.#directory.number });
    if (path !== undefined) tryCall("unlinkat", AT_FDCWD, cString(path), 0);
  }

  /** Whether the container's name leads to this directory, not to a later one or nowhere. */
  #isNamed(): boolean {
    const named = status(this.path, { followLinks: false });
    const held = status("", { at: this.#directory.number, itself: true });
    return (
      named !== undefined &&
      named.inode === held?.inode &&
      named.deviceMajor === held.deviceMajor &&
      named.deviceMinor === held.deviceMinor
    );
  }
}

/**
 * Claims an id, and keeps the configuration that goes with it. Throws runc's words when it is taken, and
 * leaves nothing when it fails.
 */
export function createStateDirectory(root: string, id: string, config: string): StateDirectory {
  checkId(id);
  makeDirectories(root, 0o700);
  const path = `${root}/${id}`;
  const made = tryCall("mkdirat", AT_FDCWD, cString(path), 0o711);
  if (made === -EEXIST) throw taken(id);
  if (made < 0) throw syscallError(`create the state directory "${path}"`, -made);
  let directory: StateDirectory;
  try {
    directory = new StateDirectory(root, id, openStateDirectory(path));
  } catch (error) {
    removeDirectory(path);
    throw error;
  }
  try {
    directory.saveConfig(config);
  } catch (error) {
    // Between making and opening, a `delete --force` may have removed it and another `create` made it anew.
    const isOurs = !hasErrno(error, "EEXIST");
    if (isOurs) directory.remove();
    directory[Symbol.dispose]();
    throw isOurs ? error : taken(id);
  }
  return directory;
}

function taken(id: string): TsrunError {
  return new TsrunError("E_EXISTS", "container with given ID already exists", {
    hint: `choose another id, or remove "${id}" with: delete --force ${id}`,
  });
}

/** Opens the directory of an existing container; `undefined` when there is none. */
export function findStateDirectory(root: string, id: string): StateDirectory | undefined {
  checkId(id);
  try {
    return new StateDirectory(root, id, openStateDirectory(`${root}/${id}`));
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}

/** As `findStateDirectory`, but an unknown id is an error, with the words that callers look for. */
export function getStateDirectory(root: string, id: string): StateDirectory {
  const found = findStateDirectory(root, id);
  if (found !== undefined) return found;
  throw new TsrunError("E_NOT_FOUND", "container does not exist", {
    hint: `no container "${id}" under "${root}"; "list" shows those that are`,
  });
}

/** The ids under a state root; none when the root does not exist. */
export function listIds(root: string): string[] {
  return listDirectoryAt(root)
    .filter(({ name, type }) => type === "directory" && !name.startsWith("."))
    .map(({ name }) => name)
    .sort();
}

/** Parses an ordinary state.json. Returns `undefined` in every other case; `load` reports what is wrong. */
export function readRecord(json: string): StateRecord | undefined {
  try {
    const document = JSON.parse(json);
    // What `update` keeps has numbers that JSON.parse does not know.
    return acceptStateRecord(document) && document.resources === undefined ? document : undefined;
  } catch (error) {
    throwIfOutOfMemory(error);
    return undefined;
  }
}

/** The record, or what is wrong with it: whoever has damaged the file, what is believed of it is acted on. */
function parseRecord(json: string): StateRecord | string {
  let document: unknown;
  try {
    document = JSON.parse(json);
  } catch (error) {
    const fault = syntaxFault(json);
    if (fault === undefined) throw error;
    return `invalid JSON at line ${fault.line} column ${fault.column}: ${fault.reason}`;
  }
  // Nearly always; and a call less is microseconds less.
  if (acceptStateRecord(document)) {
    const record = document as unknown as StateRecord;
    if (record.resources !== undefined) restoreExactNumbers(record, json, "StateRecord");
    return record;
  }
  const [fault] = checkSchema(document, "StateRecord").faults;
  if (fault === undefined) throw new TsrunError("E_INTERNAL", "the two checks of a state disagree");
  return fault.pointer === "" ? fault.reason : `${fault.pointer}: ${fault.reason}`;
}

function openStateDirectory(path: string): Descriptor {
  return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}
