/* What the files of the probe have of each other. */
#include <stddef.h>
#include <stdio.h>

enum { NAMES = 512, ROOM = 1 << 18 };

extern FILE *out;
extern char buffer[ROOM];

/* A line of a report. */
void put(const char *key, const char *format, ...);
/* Each line of a file as one of a report. */
void put_lines(const char *key, const char *path);
/* What is in a file, or the number of the error. */
size_t slurp(const char *path, char *to, size_t size);
/* The names in a directory in order; -1 when it cannot be read. */
int names_in(const char *path, char **names, int most);
/* Every file below, so many folders deep. */
void walk(const char *path, int depth);
int report(int argc, char **argv);
