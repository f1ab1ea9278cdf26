// What other files use of the allocator besides malloc(3) and its like.

#ifndef ALLOCATOR_H
#define ALLOCATOR_H

#include <stddef.h>

// Puts a variable into the snapshot, where all that the engine allocates is (snapshot.c). Other variables are
// as the linker made them when a command starts.
#define SNAPSHOT __attribute__((section("snapshot")))

// malloc(3) and its like, which count what they give.
struct counted {
  size_t blocks;
  size_t bytes;
};
void *counted_malloc(struct counted *counted, size_t bytes);
void counted_free(struct counted *counted, void *block);
void *counted_realloc(struct counted *counted, void *block, size_t bytes);

// Set when the kernel has refused memory and that has not been reported: the next system call reports it
// (end-of-memory.c).
extern int memory_refused;

// Set once an allocation has failed. libseccomp uses this allocator, and does not always report that.
extern int memory_denied;

// From here on, memory that the kernel refuses comes from the reserve, and that is not reported.
void release_reserve(void);

// What the engine allocates while the snapshot is made; there is no more.
#define SNAPSHOT_PIECE (5 << 20)
extern char snapshot_piece[SNAPSHOT_PIECE];

// Before the first allocation: gives the blocks that the layout names their places (layout.c).
void begin_snapshot(void);

// Ends the part of memory that the snapshot keeps. Called once, when everything that belongs to it has been
// allocated.
void end_snapshot(void);

#endif
