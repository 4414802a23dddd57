#include "loader/host_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace fl::loader {

namespace {

class FileDescriptor {
public:
    explicit FileDescriptor(int value) : value_(value) {}
    FileDescriptor(FileDescriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
    FileDescriptor& operator=(FileDescriptor&&) = delete;
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    ~FileDescriptor() {
        if (value_ >= 0) close(value_);
    }
    int get() const { return value_; }

private:
    int value_;
};

// Reads with pread, never through a mapping: somebody may cut the file short while we run, and that must not become a
// SIGBUS of ours. The size is the one at opening, so that a run does not depend on when the file changed.
class HostFileSource final : public mm::FileSource {
public:
    HostFileSource(FileDescriptor descriptor, std::uint64_t size_bytes)
        : descriptor_(std::move(descriptor)), size_bytes_(size_bytes) {}

    std::uint64_t size_bytes() const override { return size_bytes_; }

    Result<void> read(std::uint64_t offset, std::span<std::byte> into) const override {
        const std::uint64_t available = offset < size_bytes_ ? size_bytes_ - offset : 0;
        std::span<std::byte> rest = into.first(std::min<std::uint64_t>(into.size(), available));
        while (!rest.empty()) {
            const ssize_t count = pread(descriptor_.get(), rest.data(), rest.size(), static_cast<off_t>(offset));
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) return fail(Errno::eio);
            if (count == 0) break;
            offset += static_cast<std::uint64_t>(count);
            rest = rest.subspan(static_cast<std::size_t>(count));
        }
        const auto filled = static_cast<std::size_t>(rest.data() - into.data());
        std::fill(into.begin() + static_cast<std::ptrdiff_t>(filled), into.end(), std::byte{0});
        return {};
    }

private:
    FileDescriptor descriptor_;
    std::uint64_t size_bytes_;
};

tl::unexpected<std::string> refuse(int error) { return tl::unexpected<std::string>(std::strerror(error)); }

tl::expected<void, std::string> check_regular(const struct stat& status) {
    if (S_ISDIR(status.st_mode)) return tl::unexpected<std::string>("is a directory");
    if (!S_ISREG(status.st_mode)) return tl::unexpected<std::string>("is not a regular file");
    return {};
}

}  // namespace

tl::expected<HostFile, std::string> open_host_file(const std::string& path) {
    // O_NONBLOCK: opening a FIFO must not wait for its writer before we can say that it is none of our business.
    FileDescriptor descriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    if (descriptor.get() < 0) return refuse(errno);
    struct stat status {};
    if (fstat(descriptor.get(), &status) != 0) return refuse(errno);
    if (auto regular = check_regular(status); !regular) return tl::unexpected(regular.error());

    const std::unique_ptr<char, void (*)(void*)> resolved(realpath(path.c_str(), nullptr), std::free);
    if (resolved == nullptr) return refuse(errno);
    mm::FileIdentity identity{resolved.get(), major(status.st_dev), minor(status.st_dev), status.st_ino};
    auto source = std::make_unique<HostFileSource>(std::move(descriptor), static_cast<std::uint64_t>(status.st_size));
    return HostFile{std::move(source), std::move(identity), status};
}

}  // namespace fl::loader
