// Where the blocks of the snapshot lie. docs/adr/0019-layout-by-use.md

#ifndef LAYOUT_H
#define LAYOUT_H

#include <stddef.h>

// Reads the table from a descriptor, up to its end, before the first allocation. An empty one leaves all in
// the order of the allocations. Returns -1 where it cannot be read; a table that makes no sense counts as
// empty.
int read_layout(int descriptor);

// Bytes that the blocks of the table take together: the beginning of the snapshot's memory.
size_t layout_size(void);

// Where in these bytes the next block lies, which has this size; NO_PLACE where the table does not say.
#define NO_PLACE ((size_t)-1)
size_t layout_place(size_t size);

#endif
