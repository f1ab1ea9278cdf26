// The lines that `--debug` prints between phases. AS RUNC: its texts, which its suite and log filters expect.

/** The first proxy is about to enter its namespaces. */
export const ENTERING = "nsexec container setup";
/** A process is in all of them. */
export const INSIDE = "child process in init()";
/** `create` is done, and closes its connection to the first process. */
export const LETTING_GO = "init: closing the pipe to signal completion";
/** `exec` is done except for execve(2). */
export const EXECUTING = "setns_init: about to exec";
