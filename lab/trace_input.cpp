#include "lab/trace_input.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zstd.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <streambuf>
#include <utility>
#include <vector>

namespace fl::lab {

namespace {

constexpr std::size_t buffer_bytes = std::size_t{1} << 16U;
constexpr std::string_view zstd_magic = "\x28\xb5\x2f\xfd";

class Descriptor {
public:
    explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (descriptor_ > STDERR_FILENO) ::close(descriptor_);
    }
    std::ptrdiff_t read(char* to, std::size_t size) const {
        ssize_t count = 0;
        do count = ::read(descriptor_, to, size);
        while (count < 0 && errno == EINTR);
        return count < 0 ? -errno : count;
    }

private:
    int descriptor_;
};

}  // namespace

class TraceInput::Buffer final : public std::streambuf {
public:
    explicit Buffer(Source source) : source_(std::move(source)), packed_(buffer_bytes), plain_(buffer_bytes) {
        fill_packed();
        const std::string_view begin(packed_.data(), packed_end_);
        if (begin.starts_with(zstd_magic)) {
            context_.reset(ZSTD_createDCtx());
            if (context_ == nullptr) throw std::bad_alloc();
        }
    }

    std::string_view begin() {
        if (gptr() == egptr()) underflow();
        return {gptr(), static_cast<std::size_t>(egptr() - gptr())};
    }
    const std::string& problem() const { return problem_; }
    std::uint64_t file_bytes() const { return file_bytes_; }

protected:
    int_type underflow() override {
        if (gptr() < egptr()) return traits_type::to_int_type(*gptr());
        std::size_t size = 0;
        if (context_ != nullptr) {
            size = unpack();
        } else {
            if (packed_at_ == packed_end_) fill_packed();
            std::swap(packed_, plain_);
            size = packed_end_;
            packed_end_ = 0;
        }
        setg(plain_.data(), plain_.data(), plain_.data() + size);
        return size == 0 ? traits_type::eof() : traits_type::to_int_type(*gptr());
    }

private:
    struct FreeContext {
        void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
    };

    // Fills the buffer as far as the file goes, so that nothing depends on how a pipe cuts it.
    void fill_packed() {
        packed_at_ = packed_end_ = 0;
        while (packed_end_ < packed_.size() && !has_ended_) {
            const std::ptrdiff_t count = source_(packed_.data() + packed_end_, packed_.size() - packed_end_);
            if (count < 0) problem_ = fmt::format("cannot be read: {}", std::strerror(static_cast<int>(-count)));
            if (count <= 0) has_ended_ = true;
            if (count > 0) packed_end_ += static_cast<std::size_t>(count);
        }
        file_bytes_ += packed_end_;
    }

    // How many bytes there are now; 0 at the end, or where there is a problem.
    std::size_t unpack() {
        ZSTD_outBuffer out{plain_.data(), plain_.size(), 0};
        while (out.pos == 0 && problem_.empty()) {
            if (packed_at_ == packed_end_) fill_packed();
            if (packed_end_ == 0) {
                if (problem_.empty() && within_frame_) {
                    problem_ = fmt::format("what zstd packed is cut off at byte {}", file_bytes_);
                }
                break;
            }
            ZSTD_inBuffer in{packed_.data(), packed_end_, packed_at_};
            const std::size_t left = ZSTD_decompressStream(context_.get(), &out, &in);
            packed_at_ = in.pos;
            if (ZSTD_isError(left) != 0) {
                problem_ =
                    fmt::format("what zstd packed is damaged before byte {}: {}", file_bytes_, ZSTD_getErrorName(left));
            }
            within_frame_ = left != 0;
        }
        return out.pos;
    }

    Source source_;
    std::vector<char> packed_;  // as it is in the file
    std::vector<char> plain_;
    std::size_t packed_at_ = 0, packed_end_ = 0;
    std::uint64_t file_bytes_ = 0;
    bool has_ended_ = false;
    std::unique_ptr<ZSTD_DCtx, FreeContext> context_;  // where the file is packed
    bool within_frame_ = false;
    std::string problem_;
};

tl::expected<TraceInput, std::string> TraceInput::open(const std::string& path) {
    const int descriptor = path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (descriptor < 0) return tl::unexpected(fmt::format("{}: {}", path, std::strerror(errno)));
    const auto file = std::make_shared<Descriptor>(descriptor);
    return TraceInput([file](char* to, std::size_t size) { return file->read(to, size); });
}

TraceInput::TraceInput(Source source)
    : buffer_(std::make_unique<Buffer>(std::move(source))), stream_(std::make_unique<std::istream>(buffer_.get())) {}

TraceInput::TraceInput(TraceInput&&) noexcept = default;
TraceInput::~TraceInput() = default;

std::istream& TraceInput::stream() { return *stream_; }
std::string_view TraceInput::begin() { return buffer_->begin(); }
const std::string& TraceInput::problem() const { return buffer_->problem(); }
std::uint64_t TraceInput::file_bytes() const { return buffer_->file_bytes(); }

}  // namespace fl::lab
