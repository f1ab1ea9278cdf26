// The program of the container in which the build watches commands (scripts/engine/watch.ts). It waits for a
// signal; with an argument it ends after a second. By then `exec` waits for it, so `exec` does the same in
// each build. If it ended at once, `exec` would sometimes wait for it and sometimes find it dead.

#include <unistd.h>

int main(int argc, char **argv) {
  (void)argv;
  if (argc == 1) {
    pause();
  } else {
    sleep(1);
  }
  return 0;
}
