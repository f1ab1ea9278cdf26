// A container's saved state: ROOT/ID/ with state.json, config.json and the FIFO through which `start`
// releases the first process. Creating the directory claims the id.

import { TsrunError } from "../errors.ts";
import { hasErrno, mustCall, syscallError, tryCall } from "../linux/call/call.ts";
import { text, utf8 } from "../linux/call/words.ts";
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
import { lock, tryLock, unlock } from "../linux/files/lock.ts";
import { isSameFile } from "../linux/files/statx.ts";
import { EEXIST, ENOTEMPTY } from "../linux/numbers/errno.ts";
import {
  AT_FDCWD,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  O_RDWR,
  S_IFIFO,
  SEEK_SET,
} from "../linux/numbers/fcntl.ts";
import { TMPFS_MAGIC } from "../linux/numbers/mount.ts";
import { exactJson } from "../spec/exact-json.ts";
import { reloadConfig } from "../spec/saved.ts";
import type { Spec } from "../spec/types.ts";
import { currentBoot, inThisBoot } from "./boot.ts";
import { keepingIn } from "./causes.ts";
import { SIGNAL_NOTE, type Signalled, signalledIn } from "./ending.ts";
import { checkId, isId } from "./id.ts";
import { parseRecord } from "./read-record.ts";
import type { StateRecord } from "./record.ts";

export const STATE = "state.json";
const CONFIG = "config.json";
/**
 * The limit of either file: twice the largest document, since a state holds the input of `create` and of
 * `update`. A larger file was not written by tsrun, and would take long to read.
 */
const LARGEST_MIB = 8;
const LARGEST = LARGEST_MIB * 1024 * 1024;
const TOO_LARGE = `larger than ${LARGEST_MIB} MiB`;
/**
 * The FIFO at which the first process waits; it has a temporary name until `create` has succeeded; see
 * start.ts.
 */
export const FIFO = "exec.fifo";
export const FIFO_CREATING = ".exec.fifo";
const NO_CGROUP = "no-cgroup";
/** How often a directory is emptied that others, without its lock, put notes into meanwhile. */
const MOST_TRIES = 10;

/** What the directory of a container that was removed told of it. */
export interface Remains {
  /** Whether its first process was released, as far as can be seen. */
  readonly isStarted: boolean;
  readonly signals: readonly Signalled[];
}

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

  get root(): string {
    return this.#root;
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
    // Only the resources of `update` have numbers that JSON.stringify cannot write.
    const json = record.resources === undefined ? JSON.stringify(record) : exactJson(record);
    const bytes = utf8(json);
    // It could not be read again: each byte that is not UTF-8 takes six.
    if (bytes.length > LARGEST) throw new TsrunError("E_CONFIG", `cannot keep the state: it is ${TOO_LARGE}`);
    keepingIn(this.path, () => replaceFile(STATE, bytes, { at: this.#directory.number, mode: 0o600 }));
  }

  /**
   * Reads state.json. AS RUNC: without one the container does not exist yet, or no longer, which callers can
   * see from ENOENT. If it cannot be read, the container may exist, and the error has another errno.
   */
  load(): StateRecord {
    const attempt = `cannot read the state of container "${this.#id}"`;
    let json: string | undefined;
    try {
      json = readText(STATE, { at: this.#directory.number, most: LARGEST });
    } catch (error) {
      if (!(error instanceof TsrunError)) throw error;
      if (hasErrno(error, "ENOENT")) {
        const removes = `"delete --force ${this.#id}" removes what is left`;
        const hint = `it is being made or removed, or its create was killed; ${removes}`;
        throw new TsrunError("E_NOT_FOUND", "container does not exist", { hint, cause: error });
      }
      if (!hasErrno(error, "EFBIG")) {
        const { errno, hint } = error;
        throw new TsrunError("E_STATE", `${attempt}: ${error.message}`, { errno, hint, cause: error });
      }
    }
    const record = json === undefined ? TOO_LARGE : parseRecord(json);
    if (typeof record !== "string") return inThisBoot(record);
    throw new TsrunError("E_STATE", `${attempt}: it is damaged: ${record}`, {
      hint: `"delete --force ${this.#id}" ends what its configuration and its cgroup tell of it`,
    });
  }

  /**
   * Saves the configuration that was checked: later commands must not see changes to the bundle's file. The
   * file is locked until the directory is closed, which shows that the container is still being made.
   */
  saveConfig(text: string): void {
    const options = { at: this.#directory.number, mode: 0o600 };
    this.#config = keepingIn(this.path, () => createOpenFile(CONFIG, text, options));
    tryLock(this.#config);
  }

  /** Whether the command that makes the container still runs: its lock ends with it, in any case. */
  isBeingMade(): boolean {
    const config = openIfThere(CONFIG, O_RDONLY, { at: this.#directory.number });
    if (config === undefined) return false;
    using file = config;
    return !tryLock(file);
  }

  /** The boot to record in the state; `undefined` on tmpfs(5), which no reboot survives. */
  boot(): string | undefined {
    return filesystemType(this.#directory.number) === TMPFS_MAGIC ? undefined : currentBoot();
  }

  hasConfig(): boolean {
    return this.has(CONFIG);
  }

  loadConfig(text = this.configText()): Spec {
    return reloadConfig(text, `${this.path}/${CONFIG}`);
  }

  configText(): string {
    return readText(CONFIG, { at: this.#directory.number, most: LARGEST });
  }

  /** The FIFO, opened for both reading and writing: it waits for no peer, and keeps what is written to it. */
  makeFifo(): Descriptor {
    const at = this.#directory.number;
    const attempt = `create the FIFO "${this.path}/${FIFO}"`;
    keepingIn(this.path, () => mustCall(attempt, "mknodat", at, FIFO_CREATING, S_IFIFO | 0o600, 0));
    return open(FIFO_CREATING, O_RDWR, { at });
  }

  /** Records that the container has no cgroup, in case state.json, which says so too, is damaged. */
  noteNoCgroup(): void {
    createFile(NO_CGROUP, "", { at: this.#directory.number, mode: 0o600 });
  }

  get hasNoCgroup(): boolean {
    return this.has(NO_CGROUP);
  }

  /** Makes a directory that is visible in the container, independent of our umask. */
  makeSharedDirectory(name: string): void {
    const at = this.#directory.number;
    makeDirectory(name, 0o755, { at });
    mustCall(`open "${this.path}/${name}" to all`, "fchmodat", at, name, 0o755);
  }

  /**
   * Takes the lock. False if the container has been removed meanwhile: another one may have its id by now,
   * and with it the cgroup and whatever else is named after the id.
   */
  lockIfThere(): boolean {
    this.lock();
    return this.has(STATE);
  }

  has(name: string): boolean {
    return status(name, { at: this.#directory.number }) !== undefined;
  }

  /** Marks the container as created: from now on `start` is possible. */
  announceCreated(): void {
    renameFile(FIFO_CREATING, FIFO, { at: this.#directory.number });
    this.#config?.close();
  }

  /** Opens the FIFO of a container that waits for `start`; `undefined` if it no longer waits. */
  openFifo(flags: number): Descriptor | undefined {
    return openIfThere(FIFO, flags, { at: this.#directory.number });
  }

  /** Called by `start`: the container can never be started again. */
  removeFifo(): void {
    this.removeFile(FIFO);
  }

  /** Whether the first process has not been released: it waits for `start`, or is still being set up. */
  waiting(): "creating" | "created" | undefined {
    const at = this.#directory.number;
    // In this order: `create` renames the one to the other meanwhile, and a container without either runs.
    if (status(FIFO_CREATING, { at }) !== undefined) return "creating";
    return status(FIFO, { at }) === undefined ? undefined : "created";
  }

  /** The owner of the directory, which `list` prints. */
  ownerUid(): number {
    return status("", { at: this.#directory.number, itself: true })?.uid ?? 0;
  }

  /**
   * Only one command at a time changes a container; a second one waits until the first releases the lock or
   * ends. After the wait the directory may have been removed: then it is empty. Without `waits` it returns
   * false if another command has the lock.
   */
  lock({ waits = true } = {}): boolean {
    if (this.#locked) return true;
    if (waits) lock(this.#directory, `the state directory "${this.path}"`);
    this.#locked = waits || tryLock(this.#directory);
    return this.#locked;
  }

  /** If this fails, the lock ends with the process. */
  unlock(): void {
    this.#locked = false;
    unlock(this.#directory);
  }

  /**
   * Removes the directory, through its descriptor; the id is free again. If the name leads elsewhere by now,
   * it belongs to another container and stays. That cannot change in between, since removing a directory
   * requires its lock. The state is removed first: without it there is no container. Returns what the
   * directory still told of it.
   */
  remove(): Remains | undefined {
    this.lock();
    if (!this.isNamed()) return undefined;
    const signals: Signalled[] = [];
    let isStarted = true;
    const at = this.#directory.number;
    this.removeFile(STATE);
    // `kill` and `exec` do not wait for the lock: a note of theirs may come when the others have been listed.
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      mustCall(`list the state directory "${this.path}"`, "lseek", at, 0, SEEK_SET);
      for (const entry of listRawEntries(at)) {
        if (entry.type === "symlink") this.#readNote(text(entry.name), signals);
        else if (entry.type === "other" && /^\.?exec\.fifo$/.test(text(entry.name))) isStarted = false;
        removeEntry(entry, { at });
      }
      if (removeDirectory(this.path)) return { isStarted, signals };
    }
    throw syscallError(`remove the state directory "${this.path}"`, ENOTEMPTY);
  }

  /** Records a file elsewhere that is removed with the container; returns its name, for `removeFile`. */
  note(path: string): string {
    const name = `${process.pid}`;
    const at = this.#directory.number;
    this.removeFile(name);
    mustCall(`note "${path}" in "${this.path}"`, "symlinkat", path, at, name);
    return name;
  }

  /**
   * Notes that a command has sent this signal, and who asked for it: the first time counts. One call, since
   * it is made in every `kill`.
   */
  noteSignal(signal: number, note: string): void {
    tryCall("symlinkat", note, this.#directory.number, `${SIGNAL_NOTE}${signal}`);
  }

  /** A note of a signal is added to the list; the file of any other note is removed. */
  #readNote(note: string, signals: Signalled[]): void {
    const target = readLink(note, { at: this.#directory.number });
    if (target === undefined) return;
    if (note.startsWith(SIGNAL_NOTE)) {
      const signalled = signalledIn(note, target);
      if (signalled !== undefined) signals.push(signalled);
    } else tryCall("unlinkat", AT_FDCWD, target, 0);
  }

  /** Whether the container's name still leads to this directory. */
  isNamed(): boolean {
    const named = status(this.path, { followLinks: false });
    const held = status("", { at: this.#directory.number, itself: true });
    return isSameFile(named, held);
  }
}

/**
 * Claims an id, and saves the configuration. Throws runc's text if the id is in use, and leaves nothing if it
 * fails.
 */
export function createStateDirectory(root: string, id: string, config: string): StateDirectory {
  checkId(id);
  makeDirectories(root, 0o700);
  const path = `${root}/${id}`;
  keepingIn(root, () => {
    const made = tryCall("mkdirat", AT_FDCWD, path, 0o711);
    if (made === -EEXIST) throw taken(id);
    if (made < 0) throw syscallError(`create the state directory "${path}"`, -made);
  });
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
    // Between making and opening it, a `delete --force` may have removed it and another `create` made it
    // again.
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

/** Opens the directory of an existing container; `undefined` if there is none. */
export function findStateDirectory(root: string, id: string): StateDirectory | undefined {
  checkId(id);
  try {
    return new StateDirectory(root, id, openStateDirectory(`${root}/${id}`));
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}

/** Like `findStateDirectory`, but an unknown id is an error, with the text that callers look for. */
export function getStateDirectory(root: string, id: string): StateDirectory {
  const found = findStateDirectory(root, id);
  if (found !== undefined) return found;
  throw new TsrunError("E_NOT_FOUND", "container does not exist", {
    hint: `no container "${id}" under "${root}"; "list" shows the existing ones`,
  });
}

/** The ids under a state root; none if the root does not exist. A directory of any other name is not ours. */
export function listIds(root: string): string[] {
  return listNames(root).filter(isId);
}

/** The names of all directories that are not hidden, most of them ids. */
export function listNames(root: string): string[] {
  const names: string[] = [];
  for (const { name, type } of listDirectoryAt(root)) {
    if (type === "directory" && !name.startsWith(".")) names.push(name);
  }
  return names.sort();
}

function openStateDirectory(path: string): Descriptor {
  return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
}
