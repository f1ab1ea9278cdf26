// Executes the programs that are embedded in tsrun, from files of their own, never from tsrun's executable
// (CVE-2019-5736): a proxy's /proc/PID/exe would lead to it until the container's program runs. Called by
// src/proxy/proxy.ts and library-process.ts.

import { TsrunError } from "../../errors.ts";
import { mustCall, syscallError, tryCall } from "../call/call.ts";
import { viewOf } from "../call/words.ts";
import { Descriptor, open, writeAll } from "../files/files.ts";
import { EACCES, EINVAL } from "../numbers/errno.ts";
import {
  AT_FDCWD,
  F_ADD_SEALS,
  F_DUPFD_CLOEXEC,
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
  MFD_ALLOW_SEALING,
  MFD_CLOEXEC,
  MFD_EXEC,
  O_CLOEXEC,
  O_RDONLY,
  O_TMPFILE,
  O_WRONLY,
} from "../numbers/fcntl.ts";
import { FSCONFIG_CMD_CREATE, FSMOUNT_CLOEXEC, FSOPEN_CLOEXEC } from "../numbers/mount.ts";
import { type SpawnOptions, spawn } from "./spawn.ts";

/** The words that people, and runc's suite, search for. */
const SEALED =
  "the first process runs from sealed memory of its own, never from the runtime's binary; that is in place " +
  'of "runc exeseal: using /proc/self/exe clone" and ' +
  '"runc exeseal: using overlayfs for sealed /proc/self/exe"';

export interface Program {
  /** The name of the memory file, which /proc/PID/exe shows. */
  readonly name: string;
  /** An ELF file. */
  readonly bytes: Uint8Array;
}

export interface ProgramOptions extends Pick<SpawnOptions, "environment" | "descriptors" | "signals"> {
  /** Receives a line that says from which file it runs. */
  readonly trace?: ((line: string) => void) | undefined;
}

/** Starts a program, with its name as its only argument. Returns its pid. */
export function spawnProgram(program: Program, { descriptors, trace, ...options }: ProgramOptions): number {
  using file = executableFile(program, trace);
  // A descriptor that will be moved must not have the number of an earlier target.
  const floor = Math.max(...descriptors.map(({ to }) => to)) + 1;
  const duplicates: number[] = [];
  const lift = (of: number): number => {
    const lifted = mustCall("duplicate a descriptor", "fcntl", of, F_DUPFD_CLOEXEC, floor);
    duplicates.push(lifted);
    return lifted;
  };
  try {
    const lifted = descriptors.map(({ from, to }) => ({ from: from === to ? from : lift(from), to }));
    return spawn({
      ...options,
      path: `/proc/self/fd/${lift(file.number)}`,
      what: `"${program.name}", a process that tsrun needs for its work`,
      args: [program.name],
      descriptors: lifted,
    });
  } finally {
    for (const duplicate of duplicates) tryCall("close", duplicate);
  }
}

/** An executable file with the program, which nobody can open by name. */
function executableFile(program: Program, trace: ProgramOptions["trace"]): Descriptor {
  const sealed = sealedMemory(program);
  if (sealed !== undefined) {
    trace?.(SEALED);
    return sealed;
  }
  trace?.("memory files may not be executed (vm.memfd_noexec), falling back to a file without a name");
  const own = openOwnTmpfs();
  try {
    for (const folder of own === undefined ? FOLDERS : [`/proc/self/fd/${own.number}`]) {
      const file = unnamedFile(folder, program);
      if (file !== undefined) return file;
    }
  } finally {
    own?.close();
  }
  throw new TsrunError("E_UNSUPPORTED", "cannot make a file to execute: all file systems forbid it", {
    hint: `set vm.memfd_noexec to 1 or 0, or mount one of ${FOLDERS.join(", ")} without noexec`,
  });
}

/** A memory file that nobody, not even tsrun, can change; `undefined` if memory files may not be executed. */
function sealedMemory(program: Program): Descriptor | undefined {
  const wanted = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  let fd = tryCall("memfd_create", program.name, wanted | MFD_EXEC);
  // MFD_EXEC is new in Linux 6.3; before that every memfd may be executed.
  if (fd === -EINVAL) fd = tryCall("memfd_create", program.name, wanted);
  if (fd === -EACCES) return undefined;
  if (fd < 0) throw syscallError("make a memory file", -fd);
  const file = new Descriptor(fd);
  try {
    writeAll(fd, program.bytes, `the executable ${program.name}`);
    const seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    mustCall("seal a memory file", "fcntl", fd, F_ADD_SEALS, seals);
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}

/** Where an ordinary user may have an executable file; Debian mounts /run noexec. */
const FOLDERS = ["/dev/shm", "/tmp", "/var/tmp"];

/** Flag of statfs(2). */
const ST_NOEXEC = 8;
const STATFS_FLAGS_OFFSET = 80;

/** A tmpfs that is mounted nowhere; only root can make it. It exists as long as one of its files is open. */
function openOwnTmpfs(): Descriptor | undefined {
  const context = tryCall("fsopen", "tmpfs", FSOPEN_CLOEXEC);
  if (context < 0) return undefined;
  using held = new Descriptor(context);
  if (tryCall("fsconfig", held.number, FSCONFIG_CMD_CREATE, 0, 0, 0) < 0) return undefined;
  const mount = tryCall("fsmount", held.number, FSMOUNT_CLOEXEC, 0);
  return mount < 0 ? undefined : new Descriptor(mount);
}

/**
 * A file in `folder` that never had a name, opened for reading: a file open for writing cannot be executed.
 */
function unnamedFile(folder: string, program: Program): Descriptor | undefined {
  const fd = tryCall("openat", AT_FDCWD, folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0o500);
  if (fd < 0) return undefined;
  using writable = new Descriptor(fd);
  const status = new Uint8Array(120);
  mustCall(`look at the file system of "${folder}"`, "fstatfs", fd, status);
  if ((viewOf(status).getUint32(STATFS_FLAGS_OFFSET, true) & ST_NOEXEC) !== 0) return undefined;
  writeAll(fd, program.bytes, `the executable ${program.name}`);
  return open(`/proc/self/fd/${writable.number}`, O_RDONLY);
}
