#include "kernel/vfs/byte_channel.hpp"

#include "kernel/system.hpp"

#include <algorithm>
#include <utility>

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
        // The copy may wait for a userfaultfd: meanwhile the chunk is nobody else's.
        auto chunk = std::move(chunks_.front());
        chunks_.pop_front();
        const std::uint64_t first = std::exchange(first_taken_, 0);
        const std::uint64_t wanted = std::min<std::uint64_t>(chunk.size() - first, into.bytes_left());
        size_bytes_ -= chunk.size() - first;
        const std::uint64_t copied = into.copy_to_guest(std::span<const std::byte>(chunk).subspan(first, wanted));
        done += copied;
        if (first + copied < chunk.size()) {
            if (first_taken_ > 0) {
                // Another reader has left a part as well: what is given back comes first.
                chunks_.front().erase(chunks_.front().begin(),
                                      chunks_.front().begin() + static_cast<std::ptrdiff_t>(first_taken_));
            }
            first_taken_ = first + copied;
            size_bytes_ += chunk.size() - first_taken_;
            chunks_.push_front(std::move(chunk));
        }
        if (copied < wanted) break;
    }
    return done;
}

std::uint64_t ByteChannel::put(UserSegments& from, std::uint64_t most) {
    std::uint64_t done = 0;
    while (done < most) {
        std::vector<std::byte> chunk(std::min<std::uint64_t>(most - done, page_size));
        const std::uint64_t wanted = chunk.size(), copied = from.copy_from_guest(chunk);
        chunk.resize(copied);
        done += copied;
        size_bytes_ += copied;
        // Small writes share a chunk, so that single bytes do not cost one each.
        if (!chunks_.empty() && chunks_.back().size() + copied <= page_size) {
            chunks_.back().insert(chunks_.back().end(), chunk.begin(), chunk.end());
        } else if (copied > 0) {
            chunks_.push_back(std::move(chunk));
        }
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
            const std::uint64_t copied = put(from, most);
            done += copied;
            changed_.wake_all();
            if (copied < most) return done > 0 ? Result<std::uint64_t>(done) : fail(Errno::efault);
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
