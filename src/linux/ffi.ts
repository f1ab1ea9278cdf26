// Functions of C libraries, by their addresses. Called by spawn.ts, libseccomp.ts and libsystemd.ts; system
// calls go through libc.ts.

import { callInt, callLong } from "native";
import { DLERROR, DLOPEN, DLSYM } from "../engine/constants.ts";
import { hold, locateBytes, readCString } from "../engine/memory.ts";
import { TsrunError } from "../errors.ts";
import { type SyscallArgument, toWord } from "./libc.ts";
import { cString } from "./words.ts";

/** What a function returns: a C `int`, or 64 bits: an address or a length. */
export type Returns = "int" | "long";

/** An argument: a number, memory that the function reads or fills, or NULL. */
export type Argument = SyscallArgument | null;

/** At most six arguments; they must fit the function, which nothing checks. */
export type Symbols<T> = { readonly [K in keyof T]: (...args: Argument[]) => number };

/** dlfcn.h */
const RTLD_NOW = 2;

/** Binds functions of a library. Throws what dlopen(3) says when it, or one of them, is not there. */
export function bind<const T extends Record<string, Returns>>(library: string, functions: T): Symbols<T> {
  const path = cString(library);
  const handle = callLong(DLOPEN, locateBytes(path), RTLD_NOW);
  hold(path);
  if (handle === 0) throw linkError();
  const bound: Record<string, (...args: Argument[]) => number> = {};
  for (const [name, returns] of Object.entries(functions)) {
    const symbol = cString(name);
    const address = callLong(DLSYM, handle, locateBytes(symbol));
    hold(symbol);
    if (address === 0) throw linkError();
    const call = returns === "int" ? callInt : callLong;
    bound[name] = (...args) => call(address, ...args.map((argument) => toWord(argument ?? 0)));
  }
  return bound as Symbols<T>;
}

function linkError(): TsrunError {
  return new TsrunError("E_SYSCALL", readCString(callLong(DLERROR)));
}
