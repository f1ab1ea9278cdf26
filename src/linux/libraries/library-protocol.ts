// The protocol between tsrun and the process with C libraries; its program is src/engine/native/libraries.c.
//
//   tsrun                                            the process (one thread, for glibc)
//     | <-- addresses of dlopen, dlsym, dlerror, memcpy, strlen --   once, when it has started
//     | -- u64 number of calls | calls | data ------------------->   each in its turn
//     | <- the same, with results, and data as the functions left it --
//
// call: u64 function, in the answer its result; u64 arguments[6]; u64 flags            (64 bytes)
//
// Bits 0 to 5 of the flags say which arguments are offsets into the message; the process turns them into
// addresses. So memory is copied in both directions. At end of file the process exits. Pure.

/** The process's end of the socket. */
export const SOCKET = 3;
/** The longest message, in bytes; no system has a smaller default for a socket's buffer. */
export const CAPACITY = 0x10000;

/** The functions whose addresses are its first message, in this order. */
export const FIRST_FUNCTIONS = ["dlopen", "dlsym", "dlerror", "memcpy", "strlen"] as const;

export const HEADER_SIZE = 8;
export const CALL_SIZE = 64;
export const ARGUMENTS_OFFSET = 8;
export const FLAGS_OFFSET = 56;
