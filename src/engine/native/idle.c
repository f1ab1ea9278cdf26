// The program of the container in which the build watches commands (scripts/engine/watch.ts): it waits for a
// signal, and with an argument it ends after a second. By then `exec` waits for it, so that each build sees
// exec do the same: one that ends at once is waited for or found dead, as it happens.

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
