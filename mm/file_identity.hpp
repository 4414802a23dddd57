// FileIdentity: which file it is, as /proc/PID/maps tells it, and of which kind. Whoever holds one needs neither the
// file nor its machine.
#pragma once

#include <cstdint>
#include <string>

namespace fl::mm {

enum class FileKind : std::uint8_t {
    regular,        // has a source: clean pages can be dropped and read again, dirty ones are written back to it
    memory,         // its pages are all there is of it, as in Linux's ramfs
    shared_memory,  // the same, as in Linux's tmpfs: memfd, /dev/shm, MAP_SHARED | MAP_ANONYMOUS
};

struct FileIdentity {
    std::string path;  // as /proc/PID/maps prints it
    std::uint32_t device_major = 0;
    std::uint32_t device_minor = 0;
    std::uint64_t inode = 0;
    FileKind kind = FileKind::regular;
};

}  // namespace fl::mm
