// Waiting for several files at once (Linux: fs/select.c).
#include "kernel/signal_mask.hpp"
#include "kernel/syscalls.hpp"
#include "kernel/user_time.hpp"
#include "kernel/user_usage.hpp"

#include <poll.h>

#include <algorithm>

namespace fl::kernel {

namespace {

// poll(2)'s entry, with what it leads to.
struct Watched {
    pollfd entry;
    DescriptionPointer file;
};

// Fills in `revents`; returns how many entries have some.
std::uint64_t look(std::span<Watched> watched) {
    std::uint64_t ready = 0;
    for (Watched& one : watched) {
        constexpr short always = POLLERR | POLLHUP;
        if (one.file != nullptr) {
            one.entry.revents = static_cast<short>(one.file->ready_events() & (one.entry.events | always));
        }
        if (one.entry.revents != 0) ++ready;
    }
    return ready;
}

// Until one is ready, or the deadline. Returns how many are; EINTR.
Result<std::uint64_t> wait_for(System& system, std::span<Watched> watched, std::optional<std::uint64_t> deadline_ns) {
    std::vector<WaitQueue*> queues;
    std::vector<HostEvent> host_events;
    for (const Watched& one : watched) {
        if (one.file == nullptr) continue;
        for (WaitQueue* queue : one.file->wait_queues()) queues.push_back(queue);
        for (const HostEvent& event : one.file->host_events(one.entry.events)) host_events.push_back(event);
    }
    for (;;) {
        if (const std::uint64_t ready = look(watched); ready > 0) return ready;
        if (deadline_ns && system.clock.monotonic_ns() >= *deadline_ns) return 0;
        const WakeReason reason = system.scheduler.wait(
            system.task, {.queues = queues, .host_events = host_events, .deadline_ns = deadline_ns});
        if (reason == WakeReason::signal) {
            return fail(interrupted(system.task, RestartCall::Kind::without_handler, deadline_ns));
        }
    }
}

std::optional<std::uint64_t> deadline_after(System& system, std::optional<std::uint64_t> timeout_ns) {
    if (!timeout_ns) return std::nullopt;
    if (system.task.restarted_deadline_ns) return system.task.restarted_deadline_ns;
    return add_times(system.clock.monotonic_ns(), *timeout_ns);
}

Result<std::uint64_t> poll_until(System& system, const Arguments& a, std::optional<std::uint64_t> deadline_ns) {
    const auto count = static_cast<std::uint32_t>(a[1]);
    if (count > soft_limit(system.task.process->limits, Limit::open_files)) return fail(Errno::einval);
    std::vector<Watched> watched(count);
    for (std::uint64_t i = 0; i < count; ++i) {
        const auto entry = system.user().read<pollfd>(VirtAddr(a[0] + i * sizeof(pollfd)));
        if (!entry) return fail(entry.error());
        watched[i].entry = *entry;
        watched[i].entry.revents = 0;
        if (entry->fd < 0) continue;
        const auto file = system.task.files->find(static_cast<std::uint32_t>(entry->fd));
        if (file) {
            watched[i].file = *file;
        } else {
            watched[i].entry.revents = POLLNVAL;
        }
    }
    const auto ready = wait_for(system, watched, deadline_ns);
    if (!ready) return ready;
    for (std::uint64_t i = 0; i < count; ++i) {
        const VirtAddr place(a[0] + i * sizeof(pollfd) + offsetof(pollfd, revents));
        if (auto done = system.user().write(place, watched[i].entry.revents); !done) return fail(done.error());
    }
    return ready;
}

// --- select

constexpr short readable = POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR;
constexpr short writable = POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR;
constexpr short exceptional = POLLPRI;

struct DescriptorSets {
    std::array<std::vector<std::uint64_t>, 3> words;
    static bool has(const std::vector<std::uint64_t>& set, std::uint64_t fd) {
        return !set.empty() && (set[fd / 64] >> fd % 64 & 1) != 0;
    }
};

Result<std::uint64_t> select_until(System& system, const Arguments& a, std::optional<std::uint64_t> deadline_ns) {
    if (int_argument(a[0]) < 0) return fail(Errno::einval);
    // No more than there are descriptors (core_sys_select).
    const auto& used = system.task.files->numbers();
    const std::uint64_t highest = used.empty() ? 1 : used.back() + 1;
    const std::uint64_t count = std::min<std::uint64_t>(static_cast<std::uint32_t>(a[0]), (highest + 63) / 64 * 64);
    const std::uint64_t word_count = (count + 63) / 64;
    DescriptorSets wanted;
    for (std::size_t i = 0; i < 3; ++i) {
        if (a[i + 1] == 0) continue;
        wanted.words[i].resize(word_count);
        const auto bytes = std::as_writable_bytes(std::span(wanted.words[i]));
        if (auto done = system.user().copy_from(VirtAddr(a[i + 1]), bytes); !done) return fail(done.error());
    }
    constexpr std::array<short, 3> meaning = {readable, writable, exceptional};
    std::vector<Watched> watched;
    for (std::uint64_t fd = 0; fd < count; ++fd) {
        Watched one{{static_cast<int>(fd), 0, 0}, nullptr};
        for (std::size_t i = 0; i < 3; ++i) {
            if (DescriptorSets::has(wanted.words[i], fd)) one.entry.events |= meaning[i];
        }
        if (one.entry.events == 0) continue;
        auto file = system.task.files->find(fd);
        if (!file) return fail(Errno::ebadf);
        one.file = std::move(*file);
        watched.push_back(std::move(one));
    }
    if (const auto ready = wait_for(system, watched, deadline_ns); !ready) return ready;
    std::uint64_t bits = 0;
    DescriptorSets found;
    for (std::size_t i = 0; i < 3; ++i) found.words[i].resize(wanted.words[i].size());
    for (const Watched& one : watched) {
        const auto fd = static_cast<std::uint64_t>(one.entry.fd);
        for (std::size_t i = 0; i < 3; ++i) {
            if (!DescriptorSets::has(wanted.words[i], fd) || (one.entry.revents & meaning[i]) == 0) continue;
            found.words[i][fd / 64] |= std::uint64_t{1} << fd % 64;
            ++bits;
        }
    }
    for (std::size_t i = 0; i < 3; ++i) {
        if (a[i + 1] == 0) continue;
        const auto bytes = std::as_bytes(std::span(found.words[i]));
        if (auto done = system.user().copy_to(VirtAddr(a[i + 1]), bytes); !done) return fail(done.error());
    }
    return bits;
}

// What is left of the time goes back to where it came from (poll_select_finish); an answer that cannot be written
// there stays what it was.
template <class Time>
void write_time_left(System& system, std::uint64_t address, std::uint64_t deadline_ns, Time (*time_of)(std::uint64_t)) {
    constexpr std::uint32_t sticky_timeouts = 0x400'0000;  // personality(2)
    if (address == 0 || (system.task.personality & sticky_timeouts) != 0) return;
    const std::uint64_t now_ns = system.clock.monotonic_ns();
    (void)system.user().write(VirtAddr(address), time_of(deadline_ns > now_ns ? deadline_ns - now_ns : 0));
}

}  // namespace

Result<void> suspend_with_mask(System& system, std::uint64_t address, std::uint64_t size_bytes) {
    if (address == 0) return {};
    if (size_bytes != sizeof(std::uint64_t)) return fail(Errno::einval);
    const auto bits = system.user().read<std::uint64_t>(VirtAddr(address));
    if (!bits) return fail(bits.error());
    system.task.signals.suspend_with(SignalSet(*bits));
    return {};
}

Result<std::uint64_t> sys_poll(System& system, const Arguments& a) {
    const std::int32_t timeout_ms = int_argument(a[2]);
    constexpr std::uint64_t ns_per_ms = 1'000'000;
    if (timeout_ms < 0) return poll_until(system, a, std::nullopt);
    return poll_until(system, a, deadline_after(system, static_cast<std::uint64_t>(timeout_ms) * ns_per_ms));
}

Result<std::uint64_t> sys_ppoll(System& system, const Arguments& a) {
    std::optional<std::uint64_t> timeout_ns;
    if (a[2] != 0) {
        const auto read = read_user_time(system, a[2]);
        if (!read) return fail(read.error());
        timeout_ns = *read;
    }
    if (auto changed = suspend_with_mask(system, a[3], a[4]); !changed) return fail(changed.error());
    const auto deadline_ns = deadline_after(system, timeout_ns);
    const auto ready = poll_until(system, a, deadline_ns);
    if (deadline_ns) write_time_left(system, a[2], *deadline_ns, timespec_of);
    if (ready || ready.error() != Errno::eintr) system.task.signals.restore_mask();
    return ready;
}

Result<std::uint64_t> sys_select(System& system, const Arguments& a) {
    std::optional<std::uint64_t> timeout_ns;
    if (a[4] != 0) {
        const auto time = system.user().read<UserTimeval>(VirtAddr(a[4]));
        if (!time) return fail(time.error());
        if (time->seconds < 0 || time->microseconds < 0) return fail(Errno::einval);
        const auto seconds = static_cast<std::uint64_t>(time->seconds);
        timeout_ns = seconds >= time_max_ns / ns_per_s
                         ? time_max_ns
                         : add_times(seconds * ns_per_s, static_cast<std::uint64_t>(time->microseconds) * ns_per_us);
    }
    const auto deadline_ns = deadline_after(system, timeout_ns);
    const auto ready = select_until(system, a, deadline_ns);
    if (deadline_ns) write_time_left(system, a[4], *deadline_ns, timeval_of);
    return ready;
}

Result<std::uint64_t> sys_pselect6(System& system, const Arguments& a) {
    std::optional<std::uint64_t> timeout_ns;
    if (a[4] != 0) {
        const auto read = read_user_time(system, a[4]);
        if (!read) return fail(read.error());
        timeout_ns = *read;
    }
    if (a[5] != 0) {
        const auto mask = system.user().read<std::array<std::uint64_t, 2>>(VirtAddr(a[5]));
        if (!mask) return fail(mask.error());
        if (auto changed = suspend_with_mask(system, (*mask)[0], (*mask)[1]); !changed) return fail(changed.error());
    }
    const auto deadline_ns = deadline_after(system, timeout_ns);
    const auto ready = select_until(system, a, deadline_ns);
    if (deadline_ns) write_time_left(system, a[4], *deadline_ns, timespec_of);
    if (ready || ready.error() != Errno::eintr) system.task.signals.restore_mask();
    return ready;
}

}  // namespace fl::kernel
