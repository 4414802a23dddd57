#include "lab/host_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

namespace fl::lab {

namespace {

using Outcome = tl::expected<void, std::string>;

constexpr mode_t file_mode = 0666;  // less the umask

tl::unexpected<std::string> complaint(const std::string& path, const char* what) {
    return tl::unexpected(fmt::format("{}: {}: {}", path, what, std::strerror(errno)));
}

class Descriptor {
public:
    explicit Descriptor(int number) : number_(number) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    int number() const { return number_; }

private:
    int number_;
};

Outcome write_all(int descriptor, const std::string& path, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return complaint(path, "cannot be written");
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

// A folder's entries are on the disk once the folder is.
void sync_folder_of(const std::string& path) {
    const std::string folder = std::filesystem::path(path).parent_path().string();
    const Descriptor opened(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (opened.number() >= 0) static_cast<void>(::fsync(opened.number()));
}

}  // namespace

Outcome read_pieces(const std::string& path, const std::function<void(std::string_view)>& take) {
    constexpr std::size_t piece_bytes = std::size_t{1} << 18U;
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (file.number() < 0) return complaint(path, "cannot be opened");
    std::vector<char> piece(piece_bytes);
    while (true) {
        const ssize_t count = ::read(file.number(), piece.data(), piece.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return complaint(path, "cannot be read");
        if (count == 0) return {};
        take({piece.data(), static_cast<std::size_t>(count)});
    }
}

tl::expected<std::string, std::string> read_file(const std::string& path) {
    std::string bytes;
    const auto read = read_pieces(path, [&bytes](std::string_view piece) { bytes += piece; });
    if (!read) return tl::unexpected(read.error());
    return bytes;
}

Outcome replace_file(const std::string& path, std::string_view bytes) {
    return replace_file(path, [bytes](const std::string& beside) -> Outcome {
        const Descriptor file(::open(beside.c_str(), O_WRONLY | O_CLOEXEC));
        if (file.number() < 0) return complaint(beside, "cannot be opened");
        return write_all(file.number(), beside, bytes);
    });
}

Outcome replace_file(const std::string& path, const std::function<Outcome(const std::string& path)>& write) {
    std::string beside = path + ".XXXXXX";
    const Descriptor file(::mkostemp(beside.data(), O_CLOEXEC));
    if (file.number() < 0) return complaint(path, "cannot be written");
    // mkstemp() lets nobody else read.
    const mode_t mask = ::umask(0);
    ::umask(mask);
    static_cast<void>(::fchmod(file.number(), file_mode & ~mask));

    Outcome outcome = write(beside);
    if (outcome && ::fsync(file.number()) != 0) outcome = complaint(path, "cannot be written");
    if (outcome && ::rename(beside.c_str(), path.c_str()) != 0) outcome = complaint(path, "cannot be written");
    if (!outcome) {
        ::unlink(beside.c_str());
        // Users know the file by its own name.
        std::string line = outcome.error();
        if (const std::size_t at = line.find(beside); at != std::string::npos) line.replace(at, beside.size(), path);
        return tl::unexpected(std::move(line));
    }
    sync_folder_of(path);
    return {};
}

}  // namespace fl::lab
