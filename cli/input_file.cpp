#include "cli/input_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace fl::cli {

tl::expected<InputFile, std::string> InputFile::open(const std::string& path) {
    if (path == "-") return InputFile(STDIN_FILENO, "standard input");
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (descriptor < 0) return tl::unexpected(fmt::format("{}: cannot be opened: {}", path, std::strerror(errno)));
    return InputFile(descriptor, path);
}

InputFile::InputFile(InputFile&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), name_(std::move(other.name_)) {}

InputFile::~InputFile() {
    if (descriptor_ > STDIN_FILENO) ::close(descriptor_);
}

std::ptrdiff_t InputFile::read(char* to, std::size_t size) const {
    for (;;) {
        const ssize_t count = ::read(descriptor_, to, size);
        if (count >= 0) return count;
        if (errno != EINTR) return -errno;
    }
}

bool InputFile::is_same_file(const struct stat& other) const {
    struct stat info {};
    return ::fstat(descriptor_, &info) == 0 && S_ISREG(info.st_mode) && info.st_dev == other.st_dev &&
           info.st_ino == other.st_ino;
}

}  // namespace fl::cli
