// A program that loads C libraries of the host, in a process of its own: tsrun itself is static, and a static
// program has no dlopen(3). This program uses the host's C library, is embedded in tsrun, and speaks the
// protocol of src/linux/libraries/library-protocol.ts, from which the build makes library-protocol.h.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "library-protocol.h"

typedef uint64_t word;
typedef word function(word, word, word, word, word, word);

struct call {
  word function, arguments[6], flags;
};

static union {
  unsigned char bytes[CAPACITY];
  struct {
    word count;
    struct call calls[];
  };
} message;

static void make(struct call *call, size_t length) {
  word *arguments = call->arguments;
  for (int index = 0; index < 6; index++) {
    if ((call->flags >> index & 1) == 0) continue;
    if (arguments[index] > length) _exit(2);
    arguments[index] += (word)message.bytes;
  }
  // A function ignores arguments that it does not take.
  call->function = ((function *)call->function)(
    arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}

int main(void) {
  void *const first[] = {FIRST_FUNCTIONS};
  if (send(SOCKET, first, sizeof first, MSG_NOSIGNAL) != sizeof first) _exit(2);
  for (;;) {
    // The length of the message, even of one that is too long.
    ssize_t got = recv(SOCKET, message.bytes, CAPACITY, MSG_TRUNC);
    if (got <= 0) _exit(0);
    size_t length = got;
    if (length < sizeof message.count || length > CAPACITY) _exit(2);
    if (message.count > (length - sizeof message.count) / sizeof(struct call)) _exit(2);
    for (word index = 0; index < message.count; index++) make(&message.calls[index], length);
    if (send(SOCKET, message.bytes, length, MSG_NOSIGNAL) != got) _exit(2);
  }
}
