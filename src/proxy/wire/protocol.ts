// How tsrun and the proxy, the machine code that carries out system calls inside a container, speak.
//
//   tsrun                                       proxy (a static ELF, one thread, no libc)
//     | -- header | operations | memory ---------> |  read(control, BUFFER)
//     |                                            |  each operation: take earlier results, call, store
//     | <------ header | operations | memory ----- |  write(control, BUFFER, reply length)
//
// header:    u32 number of operations, u32 flags (LAST), u64 reply length
// operation: u32 system call, u32 flags, u64 arguments[6], i64 result                        (64 bytes)
//
// The buffer lies at a fixed address, so tsrun knows every pointer before it sends.
// Pure.

export const BUFFER = 0x10000000;
/** The longest message, bytes. */
export const CAPACITY = 0x40000;
/** Where data too long for a message is loaded before the batch that needs it. */
export const LARGE = BUFFER + 0x100000;
/** The size of the proxy's whole data segment; untouched pages cost nothing. */
export const SEGMENT_SIZE = 0x2000000;

/** The longest message that is sent, bytes: well below what a socket takes (net.core.wmem_default). */
export const MESSAGE_LIMIT = 0x18000;
/** Up to here data lies in the message; the rest of it is for memory that has to come back. */
export const DATA_LIMIT = 0xc000;

export const HEADER_SIZE = 16;
export const OPERATION_SIZE = 64;
export const ARGUMENTS_OFFSET = 8;
export const RESULT_OFFSET = 56;

/** Header flag: whatever the results, leave after the answer. */
export const LAST = 1;
/** Operation flags; bits 0 to 5 say which arguments are addresses of earlier results. */
export const CHILD_ONLY = 1 << 8;
export const PARENT_ONLY = 1 << 9;
export const CLONES = 1 << 10;
export const GO_ON = 1 << 11;
/** Bits 16 to 31: how often a call that fails with EAGAIN is tried once more. */
export const RETRIES_SHIFT = 16;
/** More tries than anybody can spoil; each takes microseconds. */
export const RETRIES = 1000;

/** What a result holds while its operation has not been carried out; no system call returns it. */
export const NOT_DONE_HIGH = 0x80000000;

/** What a system call returns when it fails. */
export function isErrno(result: number): boolean {
  return result < 0 && result >= -4095;
}
