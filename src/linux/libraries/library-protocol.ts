// How tsrun and the process that has C libraries loaded speak; its program is src/engine/native/libraries.c.
//
//   tsrun                                            the process (one thread, for glibc)
//     | <-- addresses of dlopen, dlsym, dlerror, memcpy, strlen --   once, when it has started
//     | -- u64 number of calls | calls | data ------------------->   each in its turn
//     | <- the same, with results, and data as the functions left it --
//
// call: u64 function, in the answer its result; u64 arguments[6]; u64 flags            (64 bytes)
//
// Bits 0 to 5 of the flags say which arguments are offsets into the message: there they become addresses. So
// memory goes back and forth by copy. At the end of file it leaves. Pure.

/** Its end of the socket. */
export const SOCKET = 3;
/** The longest message, bytes; no system keeps a socket's buffer smaller by itself. */
export const CAPACITY = 0x10000;

/** What it says first: the addresses of these, in this order. */
export const FIRST_FUNCTIONS = ["dlopen", "dlsym", "dlerror", "memcpy", "strlen"] as const;

export const HEADER_SIZE = 8;
export const CALL_SIZE = 64;
export const ARGUMENTS_OFFSET = 8;
export const FLAGS_OFFSET = 56;
