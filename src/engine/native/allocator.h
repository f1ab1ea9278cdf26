// What other files use of the allocator besides malloc(3) and its relatives.

#ifndef ALLOCATOR_H
#define ALLOCATOR_H

#include <stddef.h>

// Puts a variable into the snapshot, together with all that the engine has allocated (snapshot.c). When a
// command starts, other variables have their initial values.
#define SNAPSHOT __attribute__((section("snapshot")))

// malloc(3) and its relatives, which count the memory in use.
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

// From then on, if the kernel refuses memory, it is taken from the reserve, and that is not reported.
void release_reserve(void);

// All memory that the engine can allocate while the snapshot is made.
#define SNAPSHOT_PIECE (86 << 16)
extern char snapshot_piece[SNAPSHOT_PIECE];

// Called before the first allocation. From then on blocks of the layout get their places (layout.c).
void begin_snapshot(void);

// Called once, when everything that belongs to the snapshot has been allocated.
void end_snapshot(void);

#endif
