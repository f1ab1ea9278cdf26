// What the other files use of the allocator beside malloc(3) and its like.

#ifndef ALLOCATOR_H
#define ALLOCATOR_H

// Puts a variable into the snapshot, where all that the engine allocates is (snapshot.c). What stands
// elsewhere is as the linker made it when a command starts.
#define SNAPSHOT __attribute__((section("snapshot")))

// Set while the kernel has refused memory and nobody has been told: the next system call tells it
// (end-of-memory.c).
extern int memory_refused;

// Set once an allocation has failed. libseccomp, which has no memory of its own, does not always say so.
extern int memory_denied;

// From here on what the kernel refuses comes from the reserve, and nobody is told.
void release_reserve(void);

// What the engine allocates while the snapshot is made; there is no more.
#define SNAPSHOT_PIECE (4 << 20)
extern char snapshot_piece[SNAPSHOT_PIECE];

// Before the first allocation: gives the blocks that the layout names their places (layout.c).
void begin_snapshot(void);

// Ends the part of memory that the snapshot keeps. Once, when all that it is to hold has been allocated.
void end_snapshot(void);

#endif
