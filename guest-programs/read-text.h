// Reading a file of /proc, whose size nobody knows before.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include "guest.h"

// The whole file as a string in `into`, which has `room` for more than that. Returns its length.
static inline size_t read_text(const char* path, char* into, size_t room) {
    int file = open(path, O_RDONLY);
    CHECK(file >= 0);
    size_t size = 0;
    ssize_t got;
    while ((got = read(file, into + size, room - 1 - size)) > 0) size += (size_t)got;
    CHECK(got == 0 && size < room - 1);
    into[size] = 0;
    close(file);
    return size;
}
