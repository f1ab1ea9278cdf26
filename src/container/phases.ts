// What `--debug` says at the borders between phases. AS RUNC: its words, which its suite and people's log
// filters know.

/** The first proxy is about to be put into its namespaces. */
export const ENTERING = "nsexec container setup";
/** There is a process in all of them. */
export const INSIDE = "child process in init()";
/** `create` is done: what it held of the first process is let go. */
export const LETTING_GO = "init: closing the pipe to signal completion";
/** `exec` is done but for execve(2). */
export const EXECUTING = "setns_init: about to exec";
