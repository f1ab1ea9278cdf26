// malloc(3) for the engine: musl's own costs a command 0.4 ms. Blocks are cut from the front of large pieces,
// and freed blocks are kept in lists by size. Blocks keep their size and are never joined, and only blocks
// that were mapped one by one are returned to the kernel, since a command lives for milliseconds. For one
// thread; the build makes sure that there is no other (scripts/engine/link.ts).
// docs/adr/0017-end-of-memory.md says what happens when the kernel gives no more.

#define _GNU_SOURCE
#include "allocator.h"
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "layout.h"

// A block is a word with its size, followed by its owner's part, which is at a multiple of 16. The size
// counts both.
#define HEADER sizeof(size_t)
#define ALIGNMENT 16
// Sizes up to this are multiples of 16; above, there are four sizes for each power of two.
#define FINE 1024
#define FINE_CLASSES (FINE / ALIGNMENT)
#define FINE_LOG 10
// Blocks up to this size are cut from a piece; larger ones are mapped. Nothing can be mapped while the
// snapshot is made; the largest block then is the engine's table of shapes, 128 KiB and a header.
#define LARGEST (256 << 10)
#define LARGEST_LOG 18
#define CLASSES (FINE_CLASSES + 4 * (LARGEST_LOG - FINE_LOG) + 1)
#define PAGE 4096
// The kernel provides the pages of a piece at once (MAP_POPULATE): most of them get used, and a fault for
// each would take longer.
#define PIECE (64 << 10)

SNAPSHOT __attribute__((aligned(PAGE))) char snapshot_piece[SNAPSHOT_PIECE] = {0};

// Lists of freed blocks. The first word after the header of a freed block is the address of the next one.
SNAPSHOT static void *freed[CLASSES] = {0};
// The unused part of the last piece.
SNAPSHOT static char *rest = snapshot_piece + ALIGNMENT - HEADER;
SNAPSHOT static char *rest_end = snapshot_piece + SNAPSHOT_PIECE;

// While the snapshot is made: where the blocks of the layout begin. NULL in a command.
SNAPSHOT static char *laid_out = NULL;

// The reserve, for when the kernel gives no more memory: nothing touches it before. With its first half the
// engine goes on to the next system call, which reports it (end-of-memory.c); the second half is for undoing
// what was done.
#define RESERVE (1 << 20)
static __attribute__((aligned(PAGE))) char reserve_piece[RESERVE];
static char *const reserve_middle = reserve_piece + RESERVE / 2;
static char *reserve = reserve_piece;
// Set when the kernel has refused memory and that has not been reported yet.
int memory_refused = 0;
// Set when an allocation has failed. libseccomp, which uses this allocator, does not always report that.
int memory_denied = 0;
// Set when a refusal is not to be reported any more: the command does what is left with the reserve.
static int reserve_released = 0;

static unsigned log_of(size_t size) {
  return 63 - __builtin_clzl(size);
}

static size_t rounded(size_t size, size_t step) {
  return (size + step - 1) & -step;
}

static size_t block_size(size_t bytes) {
  size_t size = bytes + HEADER;
  return rounded(size, size <= FINE ? ALIGNMENT : (size_t)1 << (log_of(size - 1) - 2));
}

// The list for a size that block_size has made.
static unsigned class_of(size_t size) {
  if (size <= FINE) return size / ALIGNMENT;
  unsigned log = log_of(size - 1);
  return FINE_CLASSES + 4 * (log - FINE_LOG) + ((size - 1) >> (log - 2)) - 3;
}

static size_t *header_of(void *block) {
  return (size_t *)block - 1;
}

#ifdef REFUSING
extern int refuse_this(void), refuse_all(void);
#else
#define refuse_this() 0
#define refuse_all() 0
#endif

static void *map(size_t length, int flags) {
  if (refuse_all()) return NULL;
  void *mapped = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
  return mapped == MAP_FAILED ? NULL : mapped;
}

// Mapped blocks begin one word into their page, for the alignment.
static size_t mapping_length(size_t bytes) {
  return rounded(bytes + 2 * HEADER, PAGE);
}

static void *mapped_block(char *mapping, size_t length) {
  void *block = mapping + 2 * HEADER;
  *header_of(block) = length;
  return block;
}

// Makes the next part of the reserve available.
static void open_reserve(void) {
  if (reserve == NULL) return;
  rest = reserve + ALIGNMENT - HEADER;
  if (reserve < reserve_middle) {
    memory_refused = !reserve_released;
    rest_end = reserve = reserve_middle;
    return;
  }
  rest_end = reserve_piece + RESERVE;
  reserve = NULL;
}

static int has_room(size_t size) {
  return (size_t)(rest_end - rest) >= size;
}

// While the snapshot is made the kernel would kill us for mmap(2), without a message (snapshot.c).
static void refuse_larger_snapshot(void) {
  static const char words[] =
      "cannot make the snapshot: the program does not fit SNAPSHOT_PIECE (src/engine/native/allocator.h)\n";
  syscall(SYS_exit, write(2, words, sizeof words - 1) < 0 ? 2 : 1);
}

static int open_piece(size_t size) {
  if (laid_out != NULL) refuse_larger_snapshot();
  size_t length = size + ALIGNMENT > PIECE ? rounded(size + ALIGNMENT, PAGE) : PIECE;
  char *piece = map(length, MAP_POPULATE);
  if (piece != NULL) {
    rest = piece + ALIGNMENT - HEADER;
    rest_end = piece + length;
    return 1;
  }
  // If the first part is used up before a system call could report the refusal, this allocation fails, and
  // the engine reports it, with the second part.
  int told_now = memory_refused;
  memory_refused = 0;
  open_reserve();
  return !told_now && has_room(size);
}

static void *denied(void) {
  memory_denied = 1;
  return NULL;
}

// Cuts the next block from a piece. If the rest of a piece is too short, it is lost.
static void *cut(size_t size) {
  size_t place = laid_out == NULL ? NO_PLACE : layout_place(size);
  if (place != NO_PLACE) {
    char *block = laid_out + place;
    *(size_t *)block = size;
    return block + HEADER;
  }
  if (!has_room(size) && !open_piece(size)) return denied();
  void *block = rest + HEADER;
  *header_of(block) = size;
  rest += size;
  return block;
}

void release_reserve(void) {
  reserve_released = 1;
  memory_refused = 0;
}

static void *allocate(size_t bytes) {
  if (bytes > PTRDIFF_MAX - PIECE) {
    errno = ENOMEM;
    return NULL;
  }
  size_t size = block_size(bytes);
  if (size > LARGEST) {
    size_t length = mapping_length(bytes);
    char *mapping = refuse_this() ? NULL : map(length, 0);
    return mapping == NULL ? denied() : mapped_block(mapping, length);
  }
  void **list = &freed[class_of(size)];
  void *block = *list;
  if (refuse_this()) return open_piece(size) ? cut(size) : denied();
  if (block == NULL) return cut(size);
  *list = *(void **)block;
  return block;
}

void begin_snapshot(void) {
  laid_out = rest;
  rest += layout_size();
}

// Commands do not use the rest of the snapshot's piece: each of its pages would be copied at its first use,
// while a new page is only cleared.
void end_snapshot(void) {
  laid_out = NULL;
  rest_end = (char *)rounded((uintptr_t)rest, PAGE);
}

size_t malloc_usable_size(void *block) {
  if (block == NULL) return 0;
  size_t size = *header_of(block);
  return size > LARGEST ? size - 2 * HEADER : size - HEADER;
}

void *malloc(size_t bytes) {
  return allocate(bytes);
}

static void release(void *block) {
  size_t size = *header_of(block);
  if (size > LARGEST) {
    int before = errno;
    munmap((char *)block - 2 * HEADER, size);
    errno = before;
    return;
  }
  void **list = &freed[class_of(size)];
  *(void **)block = *list;
  *list = block;
}

void free(void *block) {
  if (block != NULL) release(block);
}

void *calloc(size_t count, size_t each) {
  size_t bytes;
  if (__builtin_mul_overflow(count, each, &bytes)) {
    errno = ENOMEM;
    return NULL;
  }
  void *block = allocate(bytes);
  return block == NULL ? NULL : memset(block, 0, bytes);
}

static void *reallocate(void *block, size_t bytes) {
  size_t usable = malloc_usable_size(block);
  if (bytes <= usable) return block;
  if (usable > LARGEST && bytes <= PTRDIFF_MAX - PIECE) {
    size_t length = mapping_length(bytes);
    if (refuse_this() || refuse_all()) return denied();
    char *mapping = mremap((char *)block - 2 * HEADER, *header_of(block), length, MREMAP_MAYMOVE);
    return mapping == MAP_FAILED ? denied() : mapped_block(mapping, length);
  }
  void *larger = allocate(bytes);
  if (larger == NULL) return NULL;
  memcpy(larger, block, usable);
  release(block);
  return larger;
}

void *realloc(void *block, size_t bytes) {
  return block == NULL ? allocate(bytes) : reallocate(block, bytes);
}

void *counted_malloc(struct counted *counted, size_t bytes) {
  void *block = allocate(bytes);
  if (block == NULL) return NULL;
  counted->blocks += 1;
  counted->bytes += *header_of(block);
  return block;
}

void counted_free(struct counted *counted, void *block) {
  if (block == NULL) return;
  counted->blocks -= 1;
  counted->bytes -= *header_of(block);
  release(block);
}

void *counted_realloc(struct counted *counted, void *block, size_t bytes) {
  if (block == NULL) return bytes == 0 ? NULL : counted_malloc(counted, bytes);
  if (bytes == 0) {
    counted_free(counted, block);
    return NULL;
  }
  size_t before = *header_of(block);
  void *larger = reallocate(block, bytes);
  if (larger != NULL) counted->bytes += *header_of(larger) - before;
  return larger;
}
