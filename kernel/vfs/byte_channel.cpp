#include "kernel/vfs/byte_channel.hpp"

#include "kernel/system.hpp"

#include <algorithm>

namespace fl::kernel {

Result<void> ByteChannel::set_capacity(std::uint64_t bytes) {
    if (bytes < size_bytes_) return fail(Errno::ebusy);
    capacity_ = bytes;
    changed_.wake_all();
    return {};
}

void ByteChannel::close_reader() {
    --readers_;
    changed_.wake_all();
}

void ByteChannel::close_writer() {
    --writers_;
    changed_.wake_all();
}

std::uint64_t ByteChannel::take(UserSegments& into) {
    std::uint64_t done = 0;
    while (into.bytes_left() > 0 && !chunks_.empty()) {
        const auto bytes = std::span<const std::byte>(chunks_.front().bytes).subspan(first_taken_);
        const std::uint64_t wanted = std::min<std::uint64_t>(bytes.size(), into.bytes_left());
        const std::uint64_t copied = into.copy_to_guest(bytes.first(wanted));
        done += copied;
        size_bytes_ -= copied;
        first_taken_ += copied;
        if (first_taken_ == chunks_.front().bytes.size()) {
            chunks_.pop_front();
            first_taken_ = 0;
        }
        if (copied < wanted) break;
    }
    return done;
}

// Small writes share a chunk, so that single bytes do not cost one each.
Result<std::uint64_t> ByteChannel::put(System& system, UserSegments& from, std::uint64_t most) {
    std::uint64_t done = 0;
    while (done < most) {
        const std::uint64_t wanted = std::min<std::uint64_t>(most - done, page_size);
        if (chunks_.empty() || chunks_.back().bytes.size() + wanted > page_size) {
            auto charge = system.memory.kernel_memory().charge(page_size);
            if (!charge) return done > 0 ? Result<std::uint64_t>(done) : fail(charge.error());
            chunks_.push_back({{}, std::move(*charge)});
            chunks_.back().bytes.reserve(page_size);
        }
        std::vector<std::byte>& bytes = chunks_.back().bytes;
        const std::size_t before = bytes.size();
        bytes.resize(before + wanted);
        const std::uint64_t copied = from.copy_from_guest(std::span(bytes).subspan(before));
        bytes.resize(before + copied);
        if (bytes.empty()) chunks_.pop_back();
        done += copied;
        size_bytes_ += copied;
        if (copied < wanted) break;
    }
    return done;
}

Result<std::uint64_t> ByteChannel::read(System& system, UserSegments& into, Blocking blocking) {
    if (into.bytes_left() == 0) return 0;
    for (;;) {
        if (size_bytes_ > 0) {
            const std::uint64_t done = take(into);
            changed_.wake_all();
            return done > 0 ? Result<std::uint64_t>(done) : fail(Errno::efault);
        }
        if (writers_ == 0) return 0;
        if (blocking == Blocking::no) return fail(Errno::eagain);
        if (system.scheduler.wait(system.task, changed_) == WakeReason::signal) return fail(interrupted(system.task));
    }
}

Result<std::uint64_t> ByteChannel::write(System& system, UserSegments& from, Blocking blocking) {
    std::uint64_t done = 0;
    while (from.bytes_left() > 0) {
        if (readers_ == 0) return done > 0 ? Result<std::uint64_t>(done) : fail(Errno::epipe);
        const std::uint64_t wanted = from.bytes_left();
        // What is small comes in one piece.
        const std::uint64_t needed = done == 0 && wanted <= atomic_bytes ? wanted : 1;
        if (room() >= needed) {
            const std::uint64_t most = std::min(wanted, room());
            const auto copied = put(system, from, most);
            if (!copied) return done > 0 ? Result<std::uint64_t>(done) : copied;
            done += *copied;
            changed_.wake_all();
            if (*copied < most) return done > 0 ? Result<std::uint64_t>(done) : fail(Errno::efault);
            continue;
        }
        if (blocking == Blocking::no) return done > 0 ? Result<std::uint64_t>(done) : fail(Errno::eagain);
        if (system.scheduler.wait(system.task, changed_) == WakeReason::signal) {
            return done > 0 ? Result<std::uint64_t>(done) : fail(interrupted(system.task));
        }
    }
    return done;
}

}  // namespace fl::kernel
