// FileIdentity: which file it is, as /proc/PID/maps tells it. Whoever holds one needs neither the file nor its machine.
#pragma once

#include <cstdint>
#include <string>

namespace fl::mm {

struct FileIdentity {
    std::string path;  // as /proc/PID/maps prints it
    std::uint32_t device_major = 0;
    std::uint32_t device_minor = 0;
    std::uint64_t inode = 0;
};

}  // namespace fl::mm
