// bench-vmas find|map|search [CALLS [VMAS]]: CALLS system calls, at random places among VMAS mappings that cannot be
// merged.
//
//   find     mincore of one page: the search for a mapping
//   map      mmap of one page between two mappings, and munmap of it
//   search   mmap of one page where the kernel likes, and munmap of it; every gap below is too small for it
#include <string.h>
#include <sys/mman.h>

#include "guest.h"

static uint64_t state = 88172645463325252u;

// xorshift64 (Marsaglia 2003).
static uint64_t next_random(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static const int private_memory = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

int main(int count, char** arguments) {
    const char* what = count > 1 ? arguments[1] : "find";
    long calls = count > 2 ? atol(arguments[2]) : 1000;
    long vmas = count > 3 ? atol(arguments[3]) : 64;
    CHECK(calls > 0 && vmas > 0);

    // Mappings of one page, a page apart.
    char* base = mmap(NULL, (size_t)vmas * 2 * page_size, PROT_NONE, private_memory, -1, 0);
    CHECK(base != MAP_FAILED);
    for (long i = 0; i < vmas; ++i) CHECK(munmap(base + (2 * i + 1) * page_size, page_size) == 0);

    for (long call = 0; call < calls; ++call) {
        char* place = base + 2 * (next_random() % (uint64_t)vmas) * page_size;
        if (strcmp(what, "find") == 0) {
            unsigned char resident;
            CHECK(mincore(place, page_size, &resident) == 0);
        } else {
            int fixed = strcmp(what, "map") == 0;
            size_t size = fixed ? page_size : 2 * page_size;
            char* made = mmap(fixed ? place + page_size : NULL, size, PROT_READ, private_memory, -1, 0);
            CHECK(made != MAP_FAILED && munmap(made, size) == 0);
        }
    }
    say("%s: %ld calls among %ld mappings", what, calls, vmas);
    return 0;
}
