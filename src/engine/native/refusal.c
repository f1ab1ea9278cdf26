// Makes an allocation fail on request: only in dist/tsrun-memory, with which `make test-memory` refuses each
// allocation of a command in turn.

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static long number = -1, seen = 0;
static int refused = 0;

// Whether this is the allocation whose number is in TSRUN_REFUSE. If so, it makes the file TSRUN_REFUSED, as
// a sign that there was one.
int refuse_this(void) {
  if (number < 0) {
    const char *text = getenv("TSRUN_REFUSE");
    number = text == NULL ? 0 : atol(text);
  }
  if (number == 0 || ++seen != number) return 0;
  refused = 1;
  const char *path = getenv("TSRUN_REFUSED");
  int sign = path == NULL ? -1 : open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  if (sign >= 0) close(sign);
  return 1;
}

// From then on all memory is refused.
int refuse_all(void) {
  return refused;
}
