// FileSource: where a file's bytes come from, and where they go back to: the file system behind a page cache.
#pragma once

#include "mm/errno.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace fl::mm {

class FileSource {
public:
    virtual ~FileSource() = default;
    virtual std::uint64_t size_bytes() const = 0;
    // Fills `into` from `offset`; a file that ends earlier leaves the rest zero. EIO where the host cannot read.
    virtual Result<void> read(std::uint64_t offset, std::span<std::byte> into) const = 0;
    // Writes all of `from`, or says why not; a source that nobody may write to answers EROFS.
    virtual Result<void> write(std::uint64_t /*offset*/, std::span<const std::byte> /*from*/) {
        return fail(Errno::erofs);
    }
    virtual Result<void> resize(std::uint64_t /*size_bytes*/) { return fail(Errno::erofs); }
};

// A file whose bytes are in host memory and stay as they are: the vDSO, tests.
std::unique_ptr<FileSource> memory_file_source(std::vector<std::byte> bytes);

}  // namespace fl::mm
