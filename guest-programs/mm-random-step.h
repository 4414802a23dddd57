// A step of mm-random: one call and its operands, as text and as numbers.
//
//   mmap W3 0x2000 0x3 0x22 F-1 0x0 0x1
//
// An operand is a number or a place, which keeps its meaning when the steps before it are left out:
//   W3+5   byte 5 of page 3 of the window          H2    page 2 of the heap, counted from its first end
//   S1.2   page 2 of what slot 1 was mapped to     F0    the descriptor in file slot 0; -1 where it is empty
#pragma once

#include <ctype.h>
#include <string.h>

#include "guest.h"

enum { window_pages = 64, slot_count = 6, file_count = 4, max_operands = 7 };

// Far from all that a process has by itself, inside one page table, and not one whole huge page.
static const uintptr_t window_start = 0x600000040000;

#define FAMILIES(F) \
    F(map)          \
    F(protect)      \
    F(brk) F(advise) F(remap) F(lock) F(query) F(view) F(sync) F(file) F(copy) F(limit) F(personality) F(touch)

// Name, family, number of operands, how often.
#define OPERATIONS(O)                 \
    O(mmap, map, 7, 30)               \
    O(munmap, map, 2, 10)             \
    O(mprotect, protect, 3, 16)       \
    O(brk, brk, 1, 5)                 \
    O(madvise, advise, 3, 14)         \
    O(mremap, remap, 6, 14)           \
    O(mlock, lock, 2, 3)              \
    O(mlock2, lock, 3, 3)             \
    O(munlock, lock, 2, 3)            \
    O(mlockall, lock, 1, 1)           \
    O(munlockall, lock, 0, 1)         \
    O(mincore, query, 3, 4)           \
    O(pagemap, view, 0, 3)            \
    O(smaps, view, 0, 3)              \
    O(status, view, 0, 2)             \
    O(msync, sync, 3, 4)              \
    O(memfd_create, file, 2, 4)       \
    O(ftruncate, file, 2, 5)          \
    O(pwrite, file, 3, 4)             \
    O(pread, file, 2, 3)              \
    O(fallocate, file, 4, 3)          \
    O(close, file, 1, 1)              \
    O(remap_file_pages, file, 5, 4)   \
    O(process_vm_readv, copy, 3, 3)   \
    O(process_vm_writev, copy, 3, 3)  \
    O(getrlimit, limit, 1, 1)         \
    O(setrlimit, limit, 3, 2)         \
    O(personality, personality, 1, 1) \
    O(load, touch, 1, 14)             \
    O(store, touch, 2, 16)            \
    O(kernel_load, touch, 1, 3)       \
    O(kernel_store, touch, 1, 3)      \
    O(call, touch, 1, 3)              \
    O(sweep, touch, 0, 3)

enum family {
#define F(name) family_##name,
    FAMILIES(F)
#undef F
        family_count
};

enum operation {
#define O(name, family, operands, weight) op_##name,
    OPERATIONS(O)
#undef O
        operation_count
};

static const char* const family_names[] = {
#define F(name) #name,
    FAMILIES(F)
#undef F
};

static const struct {
    const char* name;
    enum family family;
    int operand_count;
    unsigned weight;
} operations[] = {
#define O(name, family, operands, weight) {#name, family_##family, operands, weight},
    OPERATIONS(O)
#undef O
};

enum region { region_number, region_window = 'W', region_heap = 'H', region_slot = 'S', region_file = 'F' };

struct operand {
    enum region region;
    int slot;        // of region_slot and region_file
    long page;       // of the memory regions
    uint64_t value;  // the number, or the byte inside the page
};

struct step {
    enum operation operation;
    struct operand operands[max_operands];
};

// What operands stand for.
static uintptr_t heap_start;
static uintptr_t slots[slot_count];
static int files[file_count];

static uint64_t evaluate(const struct operand* operand) {
    switch (operand->region) {
        case region_number: return operand->value;
        case region_window: return window_start + (uint64_t)operand->page * page_size + operand->value;
        case region_heap: return heap_start + (uint64_t)operand->page * page_size + operand->value;
        case region_slot: return slots[operand->slot] + (uint64_t)operand->page * page_size + operand->value;
        case region_file: return operand->slot < 0 ? (uint64_t)-1 : (uint64_t)(int64_t)files[operand->slot];
    }
    return 0;
}

static int print_operand(char* text, size_t size, const struct operand* operand) {
    char byte[24] = "";
    if (operand->value != 0) snprintf(byte, sizeof byte, "+%llu", (unsigned long long)operand->value);
    switch (operand->region) {
        case region_number: return snprintf(text, size, " %#llx", (unsigned long long)operand->value);
        case region_window:
        case region_heap: return snprintf(text, size, " %c%ld%s", (char)operand->region, operand->page, byte);
        case region_slot: return snprintf(text, size, " S%d.%ld%s", operand->slot, operand->page, byte);
        case region_file: return snprintf(text, size, " F%d", operand->slot);
    }
    return 0;
}

static void print_step(char* text, size_t size, const struct step* step) {
    int used = snprintf(text, size, "%s", operations[step->operation].name);
    for (int i = 0; i < operations[step->operation].operand_count; ++i) {
        used += print_operand(text + used, size - (size_t)used, &step->operands[i]);
    }
}

// Reads one operand and returns what follows it, or NULL.
static const char* parse_operand(const char* text, struct operand* operand) {
    char* end;
    memset(operand, 0, sizeof *operand);
    while (*text == ' ') ++text;
    if (isdigit((unsigned char)*text)) {
        operand->value = strtoull(text, &end, 0);
        return end;
    }
    operand->region = (enum region)(unsigned char)*text++;
    switch (operand->region) {
        case region_window:
        case region_heap: operand->page = strtol(text, &end, 10); break;
        case region_slot:
            operand->slot = (int)strtol(text, &end, 10);
            if (operand->slot < 0 || operand->slot >= slot_count || *end != '.') return NULL;
            operand->page = strtol(end + 1, &end, 10);
            break;
        case region_file: operand->slot = (int)strtol(text, &end, 10); return operand->slot < file_count ? end : NULL;
        default: return NULL;
    }
    if (*end == '+') operand->value = strtoull(end + 1, &end, 10);
    return end;
}

// 0 where the text is not a step.
static int parse_step(const char* text, struct step* step) {
    size_t length = strcspn(text, " ");
    for (int i = 0; i < operation_count; ++i) {
        if (strlen(operations[i].name) != length || strncmp(operations[i].name, text, length) != 0) continue;
        step->operation = (enum operation)i;
        text += length;
        for (int j = 0; j < operations[i].operand_count; ++j) {
            text = parse_operand(text, &step->operands[j]);
            if (text == NULL) return 0;
        }
        return text[strspn(text, " ")] == 0;
    }
    return 0;
}
