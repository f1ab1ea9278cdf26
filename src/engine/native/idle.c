// The program of the container in which the build watches commands (scripts/engine/watch.ts): it waits for a
// signal, and with an argument it ends at once.

#include <unistd.h>

int main(int argc, char **argv) {
  (void)argv;
  if (argc == 1) pause();
  return 0;
}
