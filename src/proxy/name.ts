// What the kernel calls a proxy until it executes a program: in /proc/PID/comm, and as its memory file. Pure.

export const PROXY_NAME = "tsrun-init";
