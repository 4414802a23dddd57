// jit: code written at run time. The same address holds other code again and again; what runs must be what was written
// last, however the code came there: rewritten in place, behind mprotect (write xor execute), or in a new mapping.
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>

#include "guest.h"

enum { rounds = 200, read_write = PROT_READ | PROT_WRITE, read_execute = PROT_READ | PROT_EXEC };

// Writes `mov eax, value; ret`.
static void write_code(unsigned char* where, uint32_t value) {
    where[0] = 0xb8;
    memcpy(where + 1, &value, sizeof value);
    where[5] = 0xc3;
}

static uint32_t run(const void* code) { return ((uint32_t(*)(void))(uintptr_t)code)(); }

static unsigned char* map(void* where, size_t size, int protection) {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | (where ? MAP_FIXED : 0);
    unsigned char* memory = mmap(where, size, protection, flags, -1, 0);
    CHECK(memory != MAP_FAILED);
    return memory;
}

static void rewritten_in_place(void) {
    unsigned char* code = map(NULL, page_size, read_write | PROT_EXEC);
    for (uint32_t i = 0; i < rounds; ++i) {
        write_code(code + 64, i);
        CHECK(run(code + 64) == i);
    }
    say("rewritten in place: %d times right", rounds);

    // Two functions in one page: writing one of them leaves the other as it was.
    write_code(code, 1);
    write_code(code + 2048, 2);
    CHECK(run(code) == 1 && run(code + 2048) == 2);
    write_code(code + 2048, 3);
    CHECK(run(code) == 1 && run(code + 2048) == 3);
    say("one of two functions in a page rewritten");
    CHECK(munmap(code, page_size) == 0);
}

static void write_xor_execute(void) {
    unsigned char* code = map(NULL, page_size, read_write);
    for (uint32_t i = 0; i < rounds; ++i) {
        CHECK(mprotect(code, page_size, read_write) == 0);
        write_code(code, 1000 + i);
        CHECK(mprotect(code, page_size, read_execute) == 0);
        CHECK(run(code) == 1000 + i);
    }
    say("written, then made executable: %d times right", rounds);
    CHECK(munmap(code, page_size) == 0);
}

static void mapped_anew(void) {
    unsigned char* code = map(NULL, 2 * page_size, read_write | PROT_EXEC);
    for (uint32_t i = 0; i < rounds; ++i) {
        write_code(code + page_size, 2000 + i);
        CHECK(run(code + page_size) == 2000 + i);
        CHECK(munmap(code + page_size, page_size) == 0);
        CHECK(map(code + page_size, page_size, read_write | PROT_EXEC) == code + page_size);
        CHECK(code[page_size] == 0);
    }
    say("unmapped and mapped at the same address: %d times right", rounds);

    // The pages' contents dropped under the code: what is there now is zeros, and then other code.
    write_code(code, 7);
    CHECK(run(code) == 7);
    CHECK(madvise(code, page_size, MADV_DONTNEED) == 0);
    CHECK(code[0] == 0 && code[5] == 0);
    write_code(code, 8);
    CHECK(run(code) == 8);
    say("dropped by MADV_DONTNEED and written again");
    CHECK(munmap(code, 2 * page_size) == 0);
}

static void across_pages(void) {
    // The instruction begins in one page and ends in the next, and its second half alone is rewritten.
    unsigned char* code = map(NULL, 2 * page_size, read_write | PROT_EXEC);
    unsigned char* start = code + page_size - 3;
    for (uint32_t i = 0; i < rounds; ++i) {
        uint32_t value = 0x01020304u + (i << 24);
        if (i == 0) write_code(start, value);
        code[page_size + 1] = (unsigned char)(value >> 24);
        CHECK(run(start) == value);
    }
    say("an instruction across two pages, its second half rewritten: %d times right", rounds);
    CHECK(munmap(code, 2 * page_size) == 0);
}

static void rewrites_itself(void) {
    // Code that stores into the instruction right behind the store; x86 promises that the new one is executed.
    //   mov byte [rip + 1], dil      overwrites the immediate below
    //   mov eax, 0
    //   ret
    static const unsigned char text[] = {0x40, 0x88, 0x3d, 0x01, 0, 0, 0, 0xb8, 0, 0, 0, 0, 0xc3};
    unsigned char* code = map(NULL, page_size, read_write | PROT_EXEC);
    memcpy(code, text, sizeof text);
    for (int i = 0; i < 100; ++i) CHECK(((int (*)(int))(uintptr_t)code)(i) == i);
    say("code that rewrites its own next instruction");
    CHECK(munmap(code, page_size) == 0);
}

int main(void) {
    rewritten_in_place();
    write_xor_execute();
    mapped_anew();
    across_pages();
    rewrites_itself();
    return 0;
}
