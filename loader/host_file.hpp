// A file of the host as a FileSource.
#pragma once

#include "mm/file.hpp"

#include <tl/expected.hpp>

#include <sys/stat.h>

#include <memory>
#include <string>

namespace fl::loader {

struct HostFile {
    std::unique_ptr<mm::FileSource> source;
    mm::FileIdentity identity;  // absolute path with symbolic links resolved, device, inode
    struct stat status;         // as the host has it
};

// Opens a regular file for reading. The error is the reason alone ("No such file or directory", "is a directory", ...).
tl::expected<HostFile, std::string> open_host_file(const std::string& path);

}  // namespace fl::loader
