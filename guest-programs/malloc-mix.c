// malloc-mix: the C library's allocator at work: small blocks from brk's heap, large ones from mmap, in an order that a
// fixed random sequence decides. Each block is filled with a pattern of its own, which must be whole when it is freed.
#include <stdlib.h>
#include <string.h>

#include "guest.h"

enum { slots = 256, steps = 20000 };

static struct block {
    unsigned char* bytes;
    size_t size;
    unsigned char pattern;
} blocks[slots];

static uint32_t state = 12345;
static uint32_t random_number(void) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static void check(const struct block* block) {
    for (size_t i = 0; i < block->size; i += block->size / 32 + 1) CHECK(block->bytes[i] == block->pattern);
    if (block->size > 0) CHECK(block->bytes[block->size - 1] == block->pattern);
}

// Most blocks are small; one of 16 is some pages, one of 256 is large enough for a mapping of its own.
static size_t random_size(void) {
    uint32_t kind = random_number() % 256;
    if (kind == 0) return 200000 + random_number() % 400000;
    if (kind < 16) return 4096 + random_number() % 16384;
    return 1 + random_number() % 512;
}

int main(void) {
    unsigned long allocated = 0, resized = 0, freed = 0, bytes = 0;
    for (int step = 0; step < steps; ++step) {
        struct block* block = &blocks[random_number() % slots];
        if (block->bytes == NULL) {
            block->size = random_size();
            block->pattern = (unsigned char)random_number();
            if (random_number() % 4 == 0) {
                block->bytes = calloc(1, block->size);
                CHECK(block->bytes != NULL);
                for (size_t i = 0; i < block->size; i += 64) CHECK(block->bytes[i] == 0);
            } else {
                block->bytes = malloc(block->size);
                CHECK(block->bytes != NULL);
            }
            memset(block->bytes, block->pattern, block->size);
            ++allocated;
            bytes += block->size;
        } else if (random_number() % 8 == 0) {
            check(block);
            // Small to small only: growing a large block calls mremap, which is another program's subject.
            size_t size = 1 + random_number() % 512;
            if (block->size > 512) continue;
            unsigned char* moved = realloc(block->bytes, size);
            CHECK(moved != NULL);
            block->bytes = moved;
            block->size = size;
            memset(moved, block->pattern, size);
            ++resized;
        } else {
            check(block);
            free(block->bytes);
            block->bytes = NULL;
            ++freed;
        }
    }
    unsigned long live = 0;
    for (int i = 0; i < slots; ++i) {
        if (blocks[i].bytes == NULL) continue;
        check(&blocks[i]);
        free(blocks[i].bytes);
        ++live;
    }
    say("%lu blocks allocated, %lu resized, %lu freed, %lu left at the end", allocated, resized, freed, live);
    say("%lu bytes handed out in all", bytes);
    CHECK(allocated == freed + live);
    return 0;
}
