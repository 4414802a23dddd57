#include "kernel/vfs/byte_channel.hpp"

#include "kernel/system.hpp"

#include <poll.h>

#include <algorithm>
#include <bit>

namespace fl::kernel {

namespace {

constexpr short readable = POLLIN | POLLRDNORM, writable = POLLOUT | POLLWRNORM;

}  // namespace

std::uint64_t ByteChannel::size_bytes() const {
    std::uint64_t sum = 0;
    for (const Buffer& buffer : buffers_) sum += buffer.left();
    return sum;
}

// pipe_set_size(), round_pipe_size()
Result<std::uint64_t> ByteChannel::set_capacity(std::uint32_t bytes) {
    constexpr std::uint32_t largest = 1U << 31;
    if (bytes > largest) return fail(Errno::einval);
    const std::uint64_t rounded = std::bit_ceil(std::max<std::uint64_t>(bytes, page_size));
    if (rounded > max_capacity && rounded > capacity()) return fail(Errno::eperm);
    if (rounded / page_size < buffers_.size()) return fail(Errno::ebusy);
    const bool was_full = is_full();
    slots_ = rounded / page_size;
    if (was_full && !is_full()) for_writers_.wake_all(writable);
    return rounded;
}

void ByteChannel::wake_both() {
    for_readers_.wake_all();
    for_writers_.wake_all();
}

void ByteChannel::open_reader() {
    ++readers_ever_;
    if (readers_++ == 0) wake_both();
}

void ByteChannel::open_writer() {
    ++writers_ever_;
    if (writers_++ == 0) wake_both();
}

void ByteChannel::close_reader() {
    if (--readers_ == 0) wake_both();
    if (readers_ == 0 && writers_ == 0) buffers_.clear();
}

void ByteChannel::close_writer() {
    if (--writers_ == 0) wake_both();
    if (readers_ == 0 && writers_ == 0) buffers_.clear();
}

ByteChannel::Lock::Lock(ByteChannel& channel) : channel_(channel) {
    FL_ASSERT(!channel.is_locked_);
    channel.is_locked_ = true;
}

ByteChannel::Lock::~Lock() {
    channel_.is_locked_ = false;
    channel_.unlocked_.wake_all();
}

Result<void> ByteChannel::wait_until_unlocked(System& system) {
    while (is_locked_) {
        if (system.scheduler.wait(system.task, unlocked_, std::nullopt, Interruptible::by_death) ==
            WakeReason::signal) {
            return fail(Errno::eintr);
        }
    }
    return {};
}

void ByteChannel::drop_first() {
    const bool was_full = is_full();
    buffers_.pop_front();
    if (was_full) for_writers_.wake_all(writable);
}

std::uint64_t ByteChannel::take(UserSegments& into) {
    std::uint64_t done = 0;
    while (into.bytes_left() > 0 && !buffers_.empty()) {
        Buffer& first = buffers_.front();
        const std::uint64_t wanted = std::min<std::uint64_t>(first.left(), into.bytes_left());
        const std::uint64_t copied = into.copy_to_guest(std::span(first.bytes).subspan(first.taken, wanted));
        done += copied;
        first.taken += copied;
        if (copied < wanted) break;
        const bool is_packet = first.framing == Framing::packets;
        if (is_packet || first.left() == 0) drop_first();
        if (is_packet) break;
    }
    return done;
}

Result<bool> ByteChannel::wait_for_data(System& system, Blocking blocking) {
    for (;;) {
        if (auto free = wait_until_unlocked(system); !free) return fail(free.error());
        if (!is_empty()) return true;
        if (writers_ == 0) return false;
        if (blocking == Blocking::no) return fail(Errno::eagain);
        if (system.scheduler.wait(system.task, for_readers_) == WakeReason::signal)
            return fail(interrupted(system.task));
    }
}

Result<void> ByteChannel::wait_for_room(System& system, Blocking blocking) {
    for (;;) {
        if (auto free = wait_until_unlocked(system); !free) return free;
        if (readers_ == 0) return fail(Errno::epipe);
        if (!is_full()) return {};
        if (blocking == Blocking::no) return fail(Errno::eagain);
        if (system.scheduler.wait(system.task, for_writers_) == WakeReason::signal)
            return fail(interrupted(system.task));
    }
}

// alloc_pipe_info()
Result<void> ByteChannel::take_memory(mm::PhysicalMemory& memory, std::span<const mm::KernelObject> more) {
    constexpr std::uint64_t info_bytes = 192, buffer_bytes = 40;  // of each pipe_buffer
    if (memory.slab() == nullptr) return {};
    for (const std::uint64_t bytes : {info_bytes, buffer_bytes * slots_}) {
        auto object = mm::new_kmalloc_object(memory, bytes);
        if (!object) return fail(object.error());
        objects_.push_back(std::move(*object));
    }
    for (const mm::KernelObject kind : more) {
        auto object = mm::new_kernel_object(memory, kind);
        if (!object) return fail(object.error());
        objects_.push_back(std::move(*object));
    }
    return {};
}

Result<std::uint64_t> ByteChannel::read(System& system, UserSegments& into, Blocking blocking) {
    if (into.bytes_left() == 0) return 0;
    const auto something = wait_for_data(system, blocking);
    if (!something) return fail(something.error());
    if (!*something) return 0;
    const Lock lock(*this);
    const std::uint64_t done = take(into);
    return done > 0 ? Result<std::uint64_t>(done) : fail(Errno::efault);
}

// What is left over when whole pages are taken off goes behind the last buffer's where there is room for all of it
// (pipe_write). Whether the call goes on. EFAULT.
Result<bool> ByteChannel::append_to_last(UserSegments& from, std::uint64_t& done) {
    const std::uint64_t part = from.bytes_left() % page_size;
    if (part == 0 || buffers_.empty()) return true;
    Buffer& last = buffers_.back();
    const std::size_t used = last.bytes.size();
    if (!last.takes_more || used + part > page_size) return true;
    last.bytes.reserve(page_size);
    last.bytes.resize(used + part);
    const std::uint64_t copied = from.copy_from_guest(std::span(last.bytes).subspan(used));
    if (copied < part) {
        last.bytes.resize(used);
        return fail(Errno::efault);
    }
    done += copied;
    return from.bytes_left() > 0;
}

Result<void> ByteChannel::append(const System& system, UserSegments& from, Framing framing) {
    auto charge = system.memory.kernel_memory().charge(page_size);
    if (!charge) return fail(charge.error());
    const Lock lock(*this);
    Buffer buffer{.bytes = std::vector<std::byte>(std::min<std::uint64_t>(page_size, from.bytes_left())),
                  .framing = framing,
                  .takes_more = framing == Framing::stream,
                  .charge = std::move(*charge)};
    if (from.copy_from_guest(buffer.bytes) < buffer.bytes.size()) return fail(Errno::efault);
    buffers_.push_back(std::move(buffer));
    return {};
}

Result<std::uint64_t> ByteChannel::write(System& system, UserSegments& from, Blocking blocking, Framing framing) {
    std::uint64_t done = 0;
    if (from.bytes_left() == 0) return 0;
    if (auto free = wait_until_unlocked(system); !free) return fail(free.error());
    if (readers_ == 0) return fail(Errno::epipe);
    const auto goes_on = [&] {
        const Lock lock(*this);
        return append_to_last(from, done);
    }();
    const auto ended_by = [&done](Errno error) { return done > 0 ? Result<std::uint64_t>(done) : fail(error); };
    while (goes_on && *goes_on && from.bytes_left() > 0) {
        if (auto room = wait_for_room(system, blocking); !room) {
            // What has been written is an answer, and no call to make again.
            if (done > 0) system.task.restart_call.reset();
            if (done > 0) for_readers_.wake_all(readable);
            return ended_by(room.error());
        }
        const std::uint64_t before = from.bytes_left();
        if (auto appended = append(system, from, framing); !appended) {
            if (done > 0) for_readers_.wake_all(readable);
            return ended_by(appended.error());
        }
        done += before - from.bytes_left();
        if (is_full() && from.bytes_left() > 0) for_readers_.wake_all(readable);
    }
    for_readers_.wake_all(readable);
    return goes_on ? Result<std::uint64_t>(done) : fail(goes_on.error());
}

std::uint64_t ByteChannel::peek(std::span<std::byte> into) const {
    std::uint64_t done = 0;
    for (const Buffer& buffer : buffers_) {
        const std::uint64_t part = std::min<std::uint64_t>(buffer.left(), into.size() - done);
        const auto from = std::span(buffer.bytes).subspan(buffer.taken, part);
        std::copy(from.begin(), from.end(), into.begin() + static_cast<std::ptrdiff_t>(done));
        done += part;
    }
    return done;
}

void ByteChannel::consume(std::uint64_t count) {
    FL_ASSERT(!is_locked_);
    while (count > 0) {
        Buffer& first = buffers_.front();
        const std::uint64_t part = std::min<std::uint64_t>(first.left(), count);
        first.taken += part;
        count -= part;
        if (first.left() == 0) drop_first();
    }
}

Result<void> ByteChannel::push(const System& system, std::span<const std::byte> bytes, Framing framing) {
    FL_ASSERT(!is_full() && !bytes.empty() && bytes.size() <= page_size);
    auto charge = system.memory.kernel_memory().charge(page_size);
    if (!charge) return fail(charge.error());
    buffers_.push_back(Buffer{.bytes = {bytes.begin(), bytes.end()}, .framing = framing, .charge = std::move(*charge)});
    for_readers_.wake_all(readable);
    return {};
}

}  // namespace fl::kernel
