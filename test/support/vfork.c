// Makes a child by vfork(2) that executes nothing: the parent waits for it uninterruptibly.

#include <unistd.h>

int main(void) {
    if (vfork() == 0) {
        pause();
        _exit(0);
    }
    return 0;
}
