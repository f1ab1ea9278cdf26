// Finds and loads the host's libseccomp; called by compile.ts, and for `--version` and `features`.

import { TsrunError, throwIfOutOfMemory } from "../errors.ts";
import { status } from "../linux/files/files.ts";
import { type Libseccomp, loadLibseccomp } from "../linux/libraries/libseccomp.ts";
import { machine } from "../linux/numbers/syscalls.ts";

const NAME = "libseccomp.so.2";

/**
 * Debian's directory first, then the other distributions' directories for 64-bit libraries, then the plain
 * ones.
 */
const TRIPLET = machine === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
const DIRECTORIES = [`/usr/lib/${TRIPLET}`, `/lib/${TRIPLET}`, "/usr/lib64", "/lib64", "/usr/lib", "/lib"];

/**
 * The file that `openLibrary` would load; `undefined` if it is in none of the usual places, and only the
 * dynamic linker may find it. It is found without loading it, so that an outdated cached filter can be
 * recognised.
 */
export function libraryPath(): string | undefined {
  for (const directory of DIRECTORIES) {
    const path = `${directory}/${NAME}`;
    if (status(path) !== undefined) return path;
  }
  return undefined;
}

/** Loads libseccomp, until it is disposed of. Throws E_UNSUPPORTED if it is not installed. */
export function openLibrary(path: string | undefined = libraryPath()): Libseccomp {
  try {
    return loadLibseccomp(path ?? NAME);
  } catch (cause) {
    throwIfOutOfMemory(cause);
    // No library can be loaded on this host; that error has its own hint.
    if (cause instanceof TsrunError && cause.code === "E_UNSUPPORTED") throw cause;
    throw new TsrunError("E_UNSUPPORTED", `cannot compile the seccomp profile: ${NAME} cannot be loaded`, {
      hint: "install libseccomp (the Debian package libseccomp2)",
      cause,
    });
  }
}

/** The version of libseccomp, `undefined` if it is not installed. */
export function libraryVersion(): string | undefined {
  try {
    using library = openLibrary();
    return library.version;
  } catch (error) {
    throwIfOutOfMemory(error);
    return undefined;
  }
}
