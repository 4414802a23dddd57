// InputFile: what a subcommand reads from start to end: a file of the user's, or standard input.
#pragma once

#include <sys/stat.h>
#include <tl/expected.hpp>

#include <cstddef>
#include <string>

namespace fl::cli {

class InputFile {
public:
    // "-" is standard input. The error is one line that names the file.
    static tl::expected<InputFile, std::string> open(const std::string& path);
    InputFile(const InputFile&) = delete;
    InputFile& operator=(const InputFile&) = delete;
    InputFile(InputFile&& other) noexcept;
    InputFile& operator=(InputFile&&) = delete;
    ~InputFile();

    // For messages.
    const std::string& name() const { return name_; }
    // How many bytes came, up to `size`; 0: the end; -errno.
    std::ptrdiff_t read(char* to, std::size_t size) const;
    // Both are one and the same regular file.
    bool is_same_file(const struct stat& other) const;

private:
    InputFile(int descriptor, std::string name) : descriptor_(descriptor), name_(std::move(name)) {}

    int descriptor_;  // -1: moved away
    std::string name_;
};

}  // namespace fl::cli
