// The places of the snapshot's blocks. docs/adr/0019-layout-by-use.md

#ifndef LAYOUT_H
#define LAYOUT_H

#include <stddef.h>

// Reads the table from a descriptor, up to its end, before the first allocation. With an empty table, all
// blocks stay in the order of their allocation. Returns -1 if it cannot be read; an invalid table counts as
// empty.
int read_layout(int descriptor);

// The total size of the table's blocks, which are at the beginning of the snapshot's memory.
size_t layout_size(void);

// Returns where in these bytes the next block belongs, which has this size; NO_PLACE if the table does not
// say.
#define NO_PLACE ((size_t)-1)
size_t layout_place(size_t size);

#endif
