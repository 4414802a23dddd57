// What the programs on mapped files share.
#pragma once

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "answer.h"
#include "probe.h"

// Byte `at` of the file that fill_file() made.
static inline char byte_of_file(long at) { return (char)('a' + (at / page_size * 7 + at) % 26); }

// Names end with the process number, so that runs beside each other do not meet; transcripts leave it out.
static char file_name[64];
static inline void name_file(const char* program) {
    snprintf(file_name, sizeof file_name, "/tmp/faultline-guest-%s-%07d", program, (int)getpid());
}

static inline void fill_file(int fd, long size) {
    char bytes[1000];
    for (long at = 0; at < size;) {
        long count = size - at < (long)sizeof bytes ? size - at : (long)sizeof bytes;
        for (long i = 0; i < count; ++i) bytes[i] = byte_of_file(at + i);
        CHECK(write(fd, bytes, (size_t)count) == count);
        at += count;
    }
}

// The byte of the file as read(2) sees it.
static inline char byte_by_read(int fd, long at) {
    char byte = '?';
    return pread(fd, &byte, 1, at) == 1 ? byte : '-';
}

static inline char printable(char byte) { return byte == 0 ? '0' : byte; }

// The line of /proc/self/maps that begins at an address: rights, offset and name.
static inline void say_maps_line(const void* address) {
    char line[256];
    FILE* maps = fopen("/proc/self/maps", "r");
    CHECK(maps != NULL);
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long start, end, offset;
        char rights[8], name[128] = "";
        int read = sscanf(line, "%lx-%lx %7s %lx %*s %*s %127[^\n]", &start, &end, rights, &offset, name);
        size_t known = strlen(file_name);
        const char* shown = name;
        if (known > 0 && strncmp(name, file_name, known) == 0) {
            memcpy(name + known - 4, "FILE", 4);
            shown = name + known - 4;
        }
        if (read >= 4 && start == (uintptr_t)address) {
            say("maps: %lu bytes %s from %lx %s", end - start, rights, offset, shown);
        }
    }
    CHECK(fclose(maps) == 0);
}
