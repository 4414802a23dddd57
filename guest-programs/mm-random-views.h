// What mm-random says about its memory: places, and the kernel's own views of the window.
//
// Places are printed relative to what is the same in every run: the window, the heap, and a mapping that was made first
// (M), below which all later ones lie. Inode numbers, frame numbers and sizes that start-up decides are left out.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>

#include "mm-random-step.h"

enum { anchor_pages = 64, far_pages = 4096 };

static uintptr_t anchor;
static char view_buffer[1 << 18];

struct span {
    uintptr_t start, end;
    char letter;
    uintptr_t origin;
};

// Places of the program's own making; what is printed of an address outside of them is the address.
static int find_span(uintptr_t address, struct span* found) {
    const uintptr_t far = (uintptr_t)far_pages * page_size;
    const struct span spans[] = {
        {window_start - far, window_start + (1ul << 32), 'W', window_start},
        {heap_start - page_size, heap_start + far, 'H', heap_start},
        {anchor - (1ul << 32), anchor + anchor_pages * page_size, 'M', anchor},
        {0x40000000, 0x80000000, 'L', 0x40000000},
    };
    for (unsigned i = 0; i < sizeof spans / sizeof *spans; ++i) {
        if (address < spans[i].start || address > spans[i].end) continue;
        *found = spans[i];
        return 1;
    }
    return 0;
}

static const char* place(uintptr_t address, char text[48]) {
    struct span span;
    if (!find_span(address, &span)) {
        snprintf(text, 48, "%#lx", address);
        return text;
    }
    long distance = (long)(address - span.origin);
    long page = distance >= 0 ? distance / page_size : -((-distance + page_size - 1) / page_size);
    long byte = distance - page * page_size;
    int used = snprintf(text, 48, "%c%ld", span.letter, page);
    if (byte != 0) snprintf(text + used, 48 - (size_t)used, "+%ld", byte);
    return text;
}

// The whole file, ended by a zero; NULL where it cannot be read.
static char* read_view(const char* path) {
    int file = open(path, O_RDONLY);
    if (file < 0) return NULL;
    size_t size = 0;
    ssize_t got;
    while (size < sizeof view_buffer - 1 && (got = read(file, view_buffer + size, sizeof view_buffer - 1 - size)) > 0) {
        size += (size_t)got;
    }
    close(file);
    view_buffer[size] = 0;
    return size == 0 ? NULL : view_buffer;
}

// One line of /proc/self/maps without its inode number, and with the program's own name as "program"; 0 for mappings
// that start-up made.
static int print_mapping(char* text, size_t size, const char* line) {
    unsigned long start, end, offset, inode;
    char rights[5], device[16], name[128] = "", from[48], to[48];
    if (sscanf(line, "%lx-%lx %4s %lx %15s %lu%*[ ]%127[^\n]", &start, &end, rights, &offset, device, &inode, name) <
        6) {
        return 0;
    }
    struct span span;
    if (!find_span(start, &span) || span.end < end) return 0;
    if (strstr(name, "mm-random") != NULL) {
        snprintf(name, sizeof name, "program");
        snprintf(device, sizeof device, "disk");
    }
    snprintf(text, size, "%s-%s %s %lx %s%s%s", place(start, from), place(end, to), rights, offset / page_size, device,
             *name ? " " : "", name);
    return 1;
}

static uint64_t hash_bytes(const volatile unsigned char* bytes, size_t size) {
    uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
    for (size_t i = 0; i < size; ++i) hash = (hash ^ bytes[i]) * 0x100000001b3;
    return hash;
}

// The program's mappings, a line each; 0 where there is no /proc.
static int list_maps(char* lines, size_t size) {
    char* maps = read_view("/proc/self/maps");
    if (maps == NULL) return 0;
    size_t used = 0;
    for (char* line = strtok(maps, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        char text[320];
        if (!print_mapping(text, sizeof text, line)) continue;
        used += (size_t)snprintf(lines + used, size - used, "%s\n", text);
        CHECK(used < size);
    }
    return 1;
}

static int has_line(const char* lines, const char* line, size_t length) {
    while (*lines != 0) {
        size_t this_length = strcspn(lines, "\n") + 1;
        if (this_length == length && memcmp(lines, line, length) == 0) return 1;
        lines += this_length;
    }
    return 0;
}

// Prints the lines of the first that the second has not.
static void say_missing(char sign, const char* lines, const char* others) {
    while (*lines != 0) {
        size_t length = strcspn(lines, "\n") + 1;
        if (!has_line(others, lines, length)) say("  %c %.*s", sign, (int)length - 1, lines);
        lines += length;
    }
}

// Prints which mappings have gone and come since the last call.
static void show_maps(void) {
    static char lists[2][1 << 16];
    static int current;
    if (!list_maps(lists[!current], sizeof lists[0])) return;
    say_missing('-', lists[current], lists[!current]);
    say_missing('+', lists[!current], lists[current]);
    current = !current;
}

// A field's number in kB from "Name:   123 kB".
static long field_of(const char* text, const char* name) {
    const char* found = strstr(text, name);
    return found == NULL ? -1 : strtol(found + strlen(name), NULL, 10);
}

// Set by MADV_FREE.
static int gave_up_pages;

// The window's part of /proc/self/smaps: what is resident, and how, and the flags. LazyFree is left out: a page counts
// there when its processor's batch of such pages is worked off; and so is Referenced once there are such pages.
static void show_smaps(void) {
    static const char* const fields[] = {
        "\nRss:",           "\nPss:",        "\nShared_Clean:", "\nShared_Dirty:", "\nPrivate_Clean:",
        "\nPrivate_Dirty:", "\nReferenced:", "\nAnonymous:",    "\nLocked:"};
    char* at = read_view("/proc/self/smaps");
    while (at != NULL && *at != 0) {
        char* flags = strstr(at, "\nVmFlags:");
        if (flags == NULL) return;
        char* next = strchr(flags + 1, '\n');
        if (next != NULL) *next++ = 0;
        char line[400];
        struct span span;
        if (find_span(strtoul(at, NULL, 16), &span) && span.letter == 'W' && print_mapping(line, sizeof line, at)) {
            size_t used = strlen(line);
            for (unsigned i = 0; i < sizeof fields / sizeof *fields; ++i) {
                const char* name = fields[i] + 1;
                if (gave_up_pages && *name == 'R' && name[2] == 'f') continue;
                used += (size_t)snprintf(line + used, sizeof line - used, " %c%c=%ld", name[0],
                                         strchr(name, '_') != NULL ? strchr(name, '_')[1] : name[1],
                                         field_of(at, fields[i]));
            }
            // "sd" (soft-dirty) depends on how the kernel was built.
            snprintf(line + used, sizeof line - used, "%.*s", (int)(strcspn(flags + 9, "\n")), flags + 9);
            char* soft_dirty = strstr(line, " sd");
            if (soft_dirty != NULL) memmove(soft_dirty, soft_dirty + 3, strlen(soft_dirty + 3) + 1);
            say("    %s", line);
        }
        at = next;
    }
}

// Sizes from /proc/self/status as differences to the first call.
static void show_status(void) {
    static const char* const fields[] = {
        "\nVmSize:", "\nVmLck:", "\nVmData:", "\nVmStk:", "\nVmPTE:", "\nRssAnon:", "\nRssFile:", "\nRssShmem:"};
    static long first[sizeof fields / sizeof *fields];
    static int is_first = 1;
    const char* status = read_view("/proc/self/status");
    if (status == NULL) return;
    char line[300] = "   ";
    size_t used = strlen(line);
    for (unsigned i = 0; i < sizeof fields / sizeof *fields; ++i) {
        long now = field_of(status, fields[i]);
        if (is_first) first[i] = now;
        used += (size_t)snprintf(line + used, sizeof line - used, " %s%ld", fields[i] + 1, now - first[i]);
    }
    if (!is_first) say("%s", line);
    is_first = 0;
}

// One letter and digit for each page of the window from /proc/self/pagemap: present, swapped, of a file, exclusive,
// guard. The frame numbers are the machine's.
static void show_pagemap(void) {
    uint64_t entries[window_pages];
    int file = open("/proc/self/pagemap", O_RDONLY);
    if (file < 0) return;
    ssize_t got = pread(file, entries, sizeof entries, (off_t)(window_start / page_size * sizeof *entries));
    close(file);
    char line[window_pages * 2 + 1];
    for (int i = 0; i < window_pages; ++i) {
        static const char digits[] = "0123456789abcdef";
        uint64_t entry = entries[i];
        line[i] = digits[(entry >> 61 & 7) | (entry >> 56 & 1) << 3];
        if (entry >> 58 & 1) line[i] = 'g';
        if (entry == 0) line[i] = '.';
    }
    line[window_pages] = 0;
    say("    pagemap %zd %s", got, line);
}
