// The snapshot: the part of the executable's memory that the build fills in.

#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include "quickjs.h"

// The engine, once its program has been loaded; NULL in the executable that makes the snapshot.
extern JSContext *snapshot_context;

// Reads a layout from stdin (layout.h) and the program from descriptor 3, loads it, and writes the section to
// stdout. Returns the exit status.
int make_snapshot(int emulated);

// Runs the jobs of promises. If one fails, returns -1, and *context has the exception.
int run_jobs(JSContext **context);

#endif
