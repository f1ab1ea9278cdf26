// Numbers of socket(2) and its like: the same on both machines. Pure.

import { O_CLOEXEC, O_NONBLOCK } from "./fcntl.ts";

export const AF_UNIX = 1;
export const AF_NETLINK = 16;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
/** Keeps message boundaries, and reports when the other end is closed. */
export const SOCK_SEQPACKET = 5;
/** The same bit as O_CLOEXEC, by definition. */
export const SOCK_CLOEXEC = O_CLOEXEC;
/** The same bit as O_NONBLOCK. */
export const SOCK_NONBLOCK = O_NONBLOCK;

export const SOL_SOCKET = 1;
export const SO_RCVTIMEO = 20;
export const SO_SNDTIMEO = 21;
export const SCM_RIGHTS = 1;

export const MSG_DONTWAIT = 0x40;
/** If the peer has closed, the call fails with EPIPE instead of raising a signal. */
export const MSG_NOSIGNAL = 0x4000;
