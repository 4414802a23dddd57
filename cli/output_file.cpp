#include "cli/output_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace fl::cli {

namespace {

constexpr mode_t file_mode = 0666;  // less the umask

// Moves a descriptor out of the way of 0, 1 and 2: where one of those was closed, open() hands it out, and what the
// guest prints would end up in the trace.
int above_standard_streams(int descriptor) {
    if (descriptor < 0 || descriptor > STDERR_FILENO) return descriptor;
    const int moved = ::fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    const int error = errno;
    ::close(descriptor);
    errno = error;
    return moved;
}

}  // namespace

OutputFile OutputFile::standard_error() { return {STDERR_FILENO, "standard error"}; }
OutputFile OutputFile::standard_output() { return {STDOUT_FILENO, "standard output"}; }

tl::expected<OutputFile, std::string> OutputFile::open(const std::string& path) {
    int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, file_mode);
    const bool created = descriptor >= 0;
    if (!created && errno == EEXIST) {
        descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, file_mode);
    }
    descriptor = above_standard_streams(descriptor);
    if (descriptor < 0) {
        return tl::unexpected(fmt::format("{}: cannot be opened for writing: {}", path, std::strerror(errno)));
    }
    OutputFile file(descriptor, path);
    file.owned_ = true;
    file.created_ = file.is_new_ = created;
    return file;
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : descriptor_(other.descriptor_),
      name_(std::move(other.name_)),
      owned_(std::exchange(other.owned_, false)),
      created_(std::exchange(other.created_, false)),
      is_new_(other.is_new_) {}

OutputFile::~OutputFile() {
    if (created_) ::unlink(name_.c_str());
    close();
}

bool OutputFile::is_same_file(const std::string& path) const {
    struct stat ours {};
    struct stat theirs {};
    return owned_ && ::fstat(descriptor_, &ours) == 0 && ::stat(path.c_str(), &theirs) == 0 && S_ISREG(ours.st_mode) &&
           ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
}

void OutputFile::begin() {
    created_ = false;
    // Pipes and devices have no length to cut; they refuse, and that is all right.
    if (owned_) static_cast<void>(::ftruncate(descriptor_, 0) == 0);
}

void OutputFile::discard() {
    if (!owned_) return;
    if (is_new_) ::unlink(name_.c_str());
    static_cast<void>(::ftruncate(descriptor_, 0) == 0);
}

std::optional<int> OutputFile::write(const std::string& bytes) const {
    std::size_t written = 0;
    while (written < bytes.size()) {
        const ssize_t count = ::write(descriptor_, bytes.data() + written, bytes.size() - written);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return count < 0 ? errno : EIO;
        written += static_cast<std::size_t>(count);
    }
    return std::nullopt;
}

std::optional<int> OutputFile::close() {
    if (!std::exchange(owned_, false)) return std::nullopt;
    if (::close(descriptor_) != 0 && errno != EINTR) return errno;
    return std::nullopt;
}

}  // namespace fl::cli
