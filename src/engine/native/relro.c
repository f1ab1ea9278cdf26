// Makes memory read-only that is written only when the program starts (RELRO). musl does that for libraries,
// but not for a static program. The executable is loaded where it was linked to be
// (docs/adr/0016-snapshot.md), so its program headers have its addresses.

#include <elf.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

// Where the linker puts the program's own header.
extern const Elf64_Ehdr __ehdr_start __attribute__((visibility("hidden")));

__attribute__((constructor)) static void close_relocated(void) {
  uintptr_t page = getauxval(AT_PAGESZ);
  const Elf64_Phdr *segments = (const void *)((uintptr_t)&__ehdr_start + __ehdr_start.e_phoff);
  for (unsigned index = 0; index < __ehdr_start.e_phnum; index++) {
    if (segments[index].p_type != PT_GNU_RELRO) continue;
    uintptr_t start = segments[index].p_vaddr & -page;
    uintptr_t end = (segments[index].p_vaddr + segments[index].p_memsz) & -page;
    if (end <= start || mprotect((void *)start, end - start, PROT_READ) == 0) continue;
    // The engine does not run yet, so this message is written by hand.
    static const char words[] =
        "level=error msg=\"cannot make memory read-only that only the start writes to\" code=E_NOMEM\n";
    if (write(2, words, sizeof words - 1) < 0) _exit(2);
    _exit(1);
  }
}
