// jit-alias: code in memory that is mapped twice, once to write to it and once to run it. What runs must be what was
// written last, whichever mapping was touched first.
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>

#include "guest.h"

enum { rounds = 300 };

// Writes `mov eax, value; ret`.
static void write_code(unsigned char* where, uint32_t value) {
    where[0] = 0xb8;
    memcpy(where + 1, &value, sizeof value);
    where[5] = 0xc3;
}

static uint32_t run(const void* code) { return ((uint32_t(*)(void))(uintptr_t)code)(); }

int main(void) {
    unsigned char* writable = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(writable != MAP_FAILED);
    // From a size of 0 a shared mapping is mapped once more.
    unsigned char* executable = mremap(writable, 0, page_size, MREMAP_MAYMOVE);
    CHECK(executable != MAP_FAILED && executable != writable);
    CHECK(mprotect(executable, page_size, PROT_READ | PROT_EXEC) == 0);

    for (uint32_t i = 0; i < rounds; ++i) {
        write_code(writable, i);
        CHECK(run(executable) == i);
    }
    say("written through the one, run through the other: %d times right", rounds);

    // Two functions of one page, each rewritten while the other was the last to run.
    for (uint32_t i = 0; i < rounds; ++i) {
        write_code(writable + 64 * (i % 2), 1000 + i);
        CHECK(run(executable + 64 * (i % 2)) == 1000 + i);
        if (i > 0) CHECK(run(executable + 64 * ((i + 1) % 2)) == 1000 + i - 1);
    }
    say("two functions in a page, in turns");

    // Many stores between two runs, and a second pair of mappings of the same page.
    unsigned char* second = mremap(writable, 0, page_size, MREMAP_MAYMOVE);
    CHECK(second != MAP_FAILED);
    for (uint32_t i = 0; i < rounds; ++i) {
        for (uint32_t step = 0; step < 5; ++step) write_code(step % 2 ? writable : second, 2000 + i + step);
        CHECK(run(executable) == 2000 + i + 4);
    }
    say("through two writable mappings");
    return 0;
}
