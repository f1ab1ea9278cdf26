// Gives the blocks of the snapshot their places. Blocks that commands use are next to each other, so that a
// command touches few pages. The build watches commands to find out which blocks they use (watch.c). While
// the snapshot is made, blocks are allocated in the same order each time, so a block is identified by its
// number. A block gets its place only if it has the right size, so no two blocks can overlap, whatever the
// table says. The build makes sure that the table belongs to the same program. docs/adr/0019-layout-by-use.md

#include "layout.h"
#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

// An entry of the table, which lists the blocks in the order of their places.
struct entry {
  uint32_t number, size;
};

#define ENTRIES (1 << 16)
#define NUMBERS (1 << 17)
// The most bytes of the snapshot that the layout may take: other blocks need room as well.
#define LONGEST (2 << 20)
#define ALIGNMENT 16

// Places by the number of the block. Mapped, and only while the snapshot is made: in a command it would only
// count against a limit that the caller may have set (RLIMIT_AS).
static struct place {
  uint32_t size, offset;
} *places = NULL;
static uint32_t next_number = 0, total = 0;

size_t layout_size(void) {
  return total;
}

// Returns the number of entries, or 0 if one of them is invalid.
static size_t usable_entries(const struct entry *entries, size_t count) {
  size_t size = 0;
  for (size_t index = 0; index < count; index++) {
    if (entries[index].number >= NUMBERS || entries[index].size % ALIGNMENT != 0) return 0;
    size += entries[index].size;
    if (size > LONGEST) return 0;
  }
  return count;
}

static void *map_table(size_t length) {
  void *mapped = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return mapped == MAP_FAILED ? NULL : mapped;
}

int read_layout(int descriptor) {
  struct entry *entries = map_table(ENTRIES * sizeof *entries);
  places = map_table(NUMBERS * sizeof *places);
  if (entries == NULL || places == NULL) return -1;
  size_t length = 0, room = ENTRIES * sizeof *entries;
  total = 0;
  while (length < room) {
    ssize_t got = read(descriptor, (char *)entries + length, room - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    length += got;
  }
  size_t count = usable_entries(entries, length / sizeof *entries);
  for (size_t index = 0; index < count; index++) {
    // A number that stands twice has the last place; the first stays empty.
    places[entries[index].number].size = entries[index].size;
    places[entries[index].number].offset = total;
    total += entries[index].size;
  }
  munmap(entries, room);
  return 0;
}

size_t layout_place(size_t size) {
  uint32_t number = next_number++;
  if (number >= NUMBERS || places[number].size != size) return NO_PLACE;
  return places[number].offset;
}
