// TraceInput: the bytes of a trace, from a file or standard input, unpacked where zstd packed them.
#pragma once

#include <tl/expected.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <istream>
#include <memory>
#include <string>
#include <string_view>

namespace fl::lab {

class TraceInput {
public:
    // Writes up to `size` bytes to `to`: how many, 0 at the end; or -errno.
    using Source = std::function<std::ptrdiff_t(char* to, std::size_t size)>;

    // "-" is standard input. The error is one line that names the file.
    static tl::expected<TraceInput, std::string> open(const std::string& path);
    explicit TraceInput(Source source);
    TraceInput(TraceInput&&) noexcept;
    TraceInput& operator=(TraceInput&&) = delete;
    TraceInput(const TraceInput&) = delete;
    TraceInput& operator=(const TraceInput&) = delete;
    ~TraceInput();

    // The bytes, unpacked. It stays where it is when the input is moved.
    std::istream& stream();
    // The first of them, for who has to see what they are; before anything is read.
    std::string_view begin();
    // One line that does not name the file: why the bytes end before the file does. Empty: they do not.
    const std::string& problem() const;
    // Read so far, as they are in the file.
    std::uint64_t file_bytes() const;

private:
    class Buffer;

    std::unique_ptr<Buffer> buffer_;
    std::unique_ptr<std::istream> stream_;
};

}  // namespace fl::lab
