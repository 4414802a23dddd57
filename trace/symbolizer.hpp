// Symbolizer: addresses of a running program as names of its source.
//
// The ELF file is untrusted; one of the host's is opened by the first question, and may be gone or changed by then.
// Whatever is wrong with it, the answers are empty.
#pragma once

#include "emu/address.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace fl::trace {

struct ImageInfo {
    std::string path;             // of the ELF file
    std::uint64_t load_bias = 0;  // what was added to the file's addresses
};

// Empty strings: unknown.
struct CodeLocation {
    std::string symbol;  // "main+0x1f"
    std::string source;  // "guest-programs/hello.c:12"
};

class Symbolizer {
public:
    explicit Symbolizer(ImageInfo image);
    // Of a file that need not be the host's.
    Symbolizer(std::vector<std::byte> file_bytes, std::uint64_t load_bias);
    Symbolizer(const Symbolizer&) = delete;
    Symbolizer& operator=(const Symbolizer&) = delete;
    ~Symbolizer();

    // Not cached: a question costs some microseconds.
    CodeLocation locate(VirtAddr address);

private:
    struct OpenImage;

    ImageInfo image_;
    bool tried_ = false;
    std::unique_ptr<OpenImage> open_image_;
};

}  // namespace fl::trace
