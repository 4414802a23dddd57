// bss: memory that the file does not hold. The tail of the last file page is zeroed, so is every page after it, and
// each of those arrives with its first touch.
#include <string.h>

#include "guest.h"

enum { pages = 64 };

static char in_file[100] = "initialised data, which shares its last page with the bss";
static char small_bss[64];
static char large_bss[pages * page_size];

int main(void) {
    CHECK(strncmp(in_file, "initialised", 11) == 0);
    for (size_t i = 0; i < sizeof small_bss; ++i) CHECK(small_bss[i] == 0);

    volatile char* first = (volatile char*)page_of(large_bss + page_size - 1);
    long before = minor_faults();
    for (int page = 0; page < pages - 1; ++page) CHECK(first[page * page_size] == 0);
    long read_faults = minor_faults() - before;
    say("%d whole pages of bss, all zero: %ld faults", pages - 1, read_faults);
    CHECK(read_faults == pages - 1);

    before = minor_faults();
    for (int page = 0; page < pages - 1; ++page) first[page * page_size + page] = (char)(page + 1);
    long write_faults = minor_faults() - before;
    say("written: %ld faults", write_faults);
    CHECK(write_faults == pages - 1);

    long sum = 0;
    for (size_t i = 0; i < sizeof large_bss; ++i) sum += large_bss[i];
    say("sum %ld", sum);
    CHECK(sum == pages * (pages - 1) / 2);
    return 0;
}
