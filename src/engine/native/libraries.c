// The program in whose process C libraries of the host are loaded: tsrun itself is static, and a static
// program has no dlopen(3). It is for the host's own C library, is embedded in tsrun, and does what
// src/linux/libraries/library-protocol.ts says; library-protocol.h is made of that when tsrun is built.

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
  // What a function does not take it does not look at.
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
