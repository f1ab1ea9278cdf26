// Watches which blocks of the snapshot a command uses, and in which order. Linked only to `watched`, an
// executable that the build makes, in which the engine is compiled with -fsanitize=thread: it calls one of
// these functions before each access to memory. The sanitizer's own library is not linked.
// docs/adr/0019-layout-by-use.md

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "allocator.h"

#define READ 1
#define WRITTEN 2

// What is noted about each block, indexed by its number. It is in a file that this executable maps, so it
// survives however the command ends. scripts/engine/layout.ts reads the file.
struct block {
  uint32_t size, uses, first;
};
#define BLOCKS (1 << 17)
static struct block *blocks = NULL;

#define GRANULE 16
#define GRANULES (SNAPSHOT_PIECE / GRANULE)
// One more than the number of the block that has these bytes; 0 if none has.
static uint32_t block_at[GRANULES];
static uint32_t time = 0;

// Each block begins with its size. Blocks are in the order of their numbers, since `watched` has no layout.
__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("TSRUN_WATCH");
  int file = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return;
  struct block *mapped = mmap(NULL, BLOCKS * sizeof *blocks, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (mapped == MAP_FAILED) return;
  const char *block = snapshot_piece + GRANULE - sizeof(size_t), *end = snapshot_piece + SNAPSHOT_PIECE;
  for (uint32_t number = 0; block < end && number < BLOCKS; number++) {
    size_t size = *(const size_t *)block;
    // Memory that has not been allocated is 0.
    if (size == 0) break;
    mapped[number].size = size;
    for (size_t at = 0; at < size; at += GRANULE) {
      block_at[(block + sizeof(size_t) - snapshot_piece + at) / GRANULE] = number + 1;
    }
    block += size;
  }
  blocks = mapped;
}

static void note(uintptr_t address, size_t length, uint32_t use) {
  uintptr_t from = address - (uintptr_t)snapshot_piece;
  if (from >= SNAPSHOT_PIECE || blocks == NULL) return;
  uintptr_t last = from + (length == 0 ? 0 : length - 1);
  for (uintptr_t granule = from / GRANULE; granule <= last / GRANULE && granule < GRANULES; granule++) {
    if (block_at[granule] == 0) continue;
    struct block *block = &blocks[block_at[granule] - 1];
    block->uses |= use;
    if (block->first == 0) block->first = ++time;
  }
}

// <sanitizer/tsan_interface.h> does not declare all of them.
#define HOOKS(size)                                                                       \
  void __tsan_read##size(uintptr_t address) { note(address, size, READ); }                \
  void __tsan_write##size(uintptr_t address) { note(address, size, WRITTEN); }            \
  void __tsan_unaligned_read##size(uintptr_t address) { note(address, size, READ); }      \
  void __tsan_unaligned_write##size(uintptr_t address) { note(address, size, WRITTEN); }
HOOKS(1)
HOOKS(2)
HOOKS(4)
HOOKS(8)
HOOKS(16)

void __tsan_read_range(uintptr_t address, size_t length) {
  note(address, length, READ);
}

void __tsan_write_range(uintptr_t address, size_t length) {
  note(address, length, WRITTEN);
}

void __tsan_init(void) {}

// For JavaScript's Atomics, which nothing uses.
#define ATOMIC(name, bits) \
  void __tsan_atomic##bits##_##name(void) { abort(); }
#define ATOMICS(bits)                                                                                 \
  ATOMIC(load, bits) ATOMIC(store, bits) ATOMIC(exchange, bits) ATOMIC(compare_exchange_strong, bits) \
  ATOMIC(fetch_add, bits) ATOMIC(fetch_sub, bits) ATOMIC(fetch_and, bits) ATOMIC(fetch_or, bits)      \
  ATOMIC(fetch_xor, bits)
ATOMICS(8)
ATOMICS(16)
ATOMICS(32)
ATOMICS(64)
