#include "trace/output.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

namespace fl::trace {

namespace {

// Large enough for the cost of write(2) to vanish, small enough to stay in the second-level cache.
constexpr std::size_t initial_capacity = std::size_t{128} << 10;

}  // namespace

Output::Output(int descriptor, Delivery delivery)
    : descriptor_(descriptor),
      delivery_(delivery),
      capacity_(initial_capacity),
      buffer_(std::make_unique_for_overwrite<char[]>(initial_capacity)) {}

Output::~Output() { flush(); }

void Output::append(std::string_view bytes) noexcept {
    char* room = reserve(bytes.size());
    if (room == nullptr) return;
    if (!bytes.empty()) std::memcpy(room, bytes.data(), bytes.size());
    commit(bytes.size());
}

void Output::flush() noexcept {
    if (holding_) return;
    write_out();
}

bool Output::make_room(std::size_t size) noexcept {
    flush();
    if (capacity_ - used_ >= size) return true;
    const std::size_t wanted = std::max(capacity_ * 2, used_ + size);
    std::unique_ptr<char[]> larger(new (std::nothrow) char[wanted]);
    if (larger == nullptr) {
        if (error_ == 0) error_ = ENOMEM;
        return false;
    }
    std::memcpy(larger.get(), buffer_.get(), used_);
    buffer_ = std::move(larger);
    capacity_ = wanted;
    return true;
}

void Output::write_out() noexcept {
    std::size_t written = 0;
    while (error_ == 0 && written < used_) {
        const ssize_t count = ::write(descriptor_, buffer_.get() + written, used_ - written);
        if (count > 0) {
            written += static_cast<std::size_t>(count);
        } else if (count == 0) {
            error_ = EIO;
        } else if (errno != EINTR) {
            error_ = errno;
        }
    }
    used_ = 0;
}

}  // namespace fl::trace
