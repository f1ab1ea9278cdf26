// The program of allocator.test.ts: the allocator, used at random, and every byte looked at. One stage a run.

#include "../../../src/engine/native/allocator.c"
#include "../../../src/engine/native/layout.c"
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

size_t malloc_usable_size(void *block);

#define MUST(what) do { if (!(what)) { printf("%d: %s\n", __LINE__, #what); exit(1); } } while (0)
#define SLOTS 3000
#define ROUNDS 400000

static unsigned long long state = 88172645463325252ull;

static unsigned random_number(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state >> 11;
}

static size_t random_size(void) {
  unsigned kind = random_number() % 1000;
  if (kind < 900) return random_number() % 300;
  if (kind < 990) return random_number() % 5000;
  return random_number() % (kind < 998 ? 100000 : 700000);
}

static struct { unsigned char *block; size_t length; unsigned char fill; } slots[SLOTS];

static void fill(unsigned index) {
  slots[index].length = malloc_usable_size(slots[index].block);
  slots[index].fill = random_number();
  memset(slots[index].block, slots[index].fill, slots[index].length);
}

static void look(unsigned index, size_t length) {
  for (size_t at = 0; at < length; at++) MUST(slots[index].block[at] == slots[index].fill);
}

static void random_stage(void) {
  for (int round = 0; round < ROUNDS; round++) {
    unsigned index = random_number() % SLOTS;
    size_t size = random_size();
    unsigned char *before = slots[index].block;
    if (before != NULL && random_number() % 3 != 0) {
      look(index, slots[index].length);
      free(before);
      slots[index].block = NULL;
      continue;
    }
    size_t kept = slots[index].length < size ? slots[index].length : size;
    slots[index].block = before == NULL ? malloc(size) : realloc(before, size);
    MUST(slots[index].block != NULL);
    MUST((uintptr_t)slots[index].block % 16 == 0);
    MUST(malloc_usable_size(slots[index].block) >= size);
    if (before != NULL) look(index, kept);
    fill(index);
  }
  for (unsigned index = 0; index < SLOTS; index++)
    if (slots[index].block != NULL) look(index, slots[index].length);
}

static void sizes_stage(void) {
  for (size_t size = 0; size < 700000; size += size < 5000 ? 1 : 997) {
    void *block = malloc(size), *other = malloc(size);
    MUST(block != NULL && other != NULL && block != other && (uintptr_t)block % 16 == 0);
    size_t usable = malloc_usable_size(block);
    MUST(usable >= size && usable < size + size / 4 + 24);
    free(other);
    free(block);
    void *again = malloc(size);
    MUST(again == block);
    free(again);
  }
  MUST(malloc_usable_size(NULL) == 0);
  free(NULL);
}

static void zero_stage(void) {
  for (size_t size = 1; size < 600000; size += size / 3 + 1) {
    unsigned char *block = malloc(size);
    memset(block, 255, malloc_usable_size(block));
    free(block);
    block = calloc(1, size);
    for (size_t at = 0; at < size; at++) MUST(block[at] == 0);
    free(block);
  }
}

static void realloc_stage(void) {
  for (size_t size = 1; size < 2000000; size += size / 3 + 1) {
    unsigned char *block = realloc(NULL, size);
    size_t usable = malloc_usable_size(block);
    MUST(realloc(block, usable) == block && realloc(block, 1) == block);
    memset(block, 77, usable);
    block = realloc(block, usable + 1);
    for (size_t at = 0; at < usable; at++) MUST(block[at] == 77);
    free(block);
  }
}

static void huge_stage(void) {
  volatile size_t most = SIZE_MAX, half = PTRDIFF_MAX;
  for (size_t less = 0; less < 64; less++) {
    errno = 0;
    MUST(malloc(most - less) == NULL && errno == ENOMEM);
    errno = 0;
    MUST(malloc(half - less) == NULL && errno == ENOMEM);
  }
  errno = 0;
  MUST(calloc(most / 2, 3) == NULL && errno == ENOMEM);
  MUST(calloc(most / 8 + 2, 8) == NULL);
  for (size_t size = 10; size < 1000000; size *= 10) {
    unsigned char *block = malloc(size);
    memset(block, 5, size);
    errno = 0;
    MUST(realloc(block, half) == NULL && errno == ENOMEM && realloc(block, most) == NULL);
    for (size_t at = 0; at < size; at++) MUST(block[at] == 5);
    free(block);
  }
}

static void exhausted_stage(void) {
  struct rlimit limit = {64 << 20, 64 << 20};
  MUST(setrlimit(RLIMIT_AS, &limit) == 0);
  for (size_t size = 100; size < 10000000; size *= 10) {
    errno = 0;
    void *first = malloc(size), *block;
    do block = malloc(size); while (block != NULL);
    MUST(errno == ENOMEM);
    if (first != NULL) MUST(realloc(first, 100000000) == NULL);
  }
}

// From here on there is what has been mapped, and the reserve: 1 MiB, 1,024 of the blocks below.
static void refuse_more(void) {
  end_snapshot();
  struct rlimit limit = {0, 0};
  MUST(setrlimit(RLIMIT_AS, &limit) == 0);
}

static long blocks_until(int (*stop)(void *block)) {
  long blocks = 0;
  for (;;) {
    void *block = malloc(1000);
    if (stop(block)) return blocks;
    MUST(block != NULL);
    memset(block, 1, 1000);
    blocks++;
  }
}

static int none(void *block) {
  return block == NULL;
}

static int to_tell(void *block) {
  return block == NULL || memory_refused;
}

static void told_stage(void) {
  refuse_more();
  MUST(!memory_refused);
  blocks_until(to_tell);
  MUST(memory_refused);
  for (int block = 0; block < 100; block++) MUST(malloc(1000) != NULL && memory_refused);
  memory_refused = 0;
  MUST(blocks_until(none) > 850 && !memory_refused);
  MUST(malloc(1000) == NULL && malloc(100000) == NULL);
}

static void untold_stage(void) {
  refuse_more();
  long first = blocks_until(none);
  MUST(first > 450 && !memory_refused);
  long second = blocks_until(none);
  MUST(second > 450 && !memory_refused);
  MUST(blocks_until(none) == 0);
}

static void released_stage(void) {
  refuse_more();
  release_reserve();
  MUST(blocks_until(to_tell) > 950 && !memory_refused);
}

// Reads a table of so many words, of at most 16.
static void lay_out(const uint32_t *words, size_t count) {
  int ends[2];
  MUST(pipe(ends) == 0);
  MUST(write(ends[1], words, count * sizeof *words) == (ssize_t)(count * sizeof *words));
  close(ends[1]);
  MUST(read_layout(ends[0]) == 0);
  close(ends[0]);
  begin_snapshot();
}

static void layout_stage(void) {
  // The second block, then the first; the third has another size than the table says.
  static const uint32_t table[] = {1, 64, 0, 32, 2, 48};
  lay_out(table, 6);
  char *begin = laid_out + HEADER;
  char *first = malloc(20), *second = malloc(50), *third = malloc(70), *fourth = malloc(20);
  MUST(second == begin && first == begin + 64);
  MUST(third == begin + 144 && fourth == third + 80);
  MUST(malloc_usable_size(first) == 24 && malloc_usable_size(second) == 56);
  end_snapshot();
  MUST((char *)malloc(30) > fourth);
  free(first);
  MUST(malloc(24) == first);
}

static void foreign_layout_stage(void) {
  static const uint32_t tables[][4] = {{0, 32, NUMBERS, 32}, {0, 32, 1, 33}, {0, LONGEST, 1, 16}};
  for (int index = 0; index < 3; index++) {
    lay_out(tables[index], 4);
    MUST(layout_size() == 0);
  }
  MUST(malloc(20) == laid_out + HEADER);
}

// Of a snapshot that becomes larger than its piece.
static void full_stage(void) {
  lay_out(NULL, 0);
  for (int block = 0; block < SNAPSHOT_PIECE / 1000; block++) memset(malloc(1000), 1, 1000);
}

int main(int count, char **arguments) {
  const char *stage = count > 1 ? arguments[1] : "";
  if (strcmp(stage, "random") == 0) random_stage();
  else if (strcmp(stage, "sizes") == 0) sizes_stage();
  else if (strcmp(stage, "zero") == 0) zero_stage();
  else if (strcmp(stage, "realloc") == 0) realloc_stage();
  else if (strcmp(stage, "huge") == 0) huge_stage();
  else if (strcmp(stage, "exhausted") == 0) exhausted_stage();
  else if (strcmp(stage, "told") == 0) told_stage();
  else if (strcmp(stage, "untold") == 0) untold_stage();
  else if (strcmp(stage, "released") == 0) released_stage();
  else if (strcmp(stage, "layout") == 0) layout_stage();
  else if (strcmp(stage, "foreign-layout") == 0) foreign_layout_stage();
  else if (strcmp(stage, "full") == 0) full_stage();
  else return 2;
  return 0;
}
