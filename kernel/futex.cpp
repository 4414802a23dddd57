#include "kernel/futex.hpp"

namespace fl::kernel {

Result<FutexKey> Futexes::key(System& system, std::uint64_t address, bool is_private) {
    if (address % sizeof(std::uint32_t) != 0) return fail(Errno::einval);
    if (address >= mm::task_size.value()) return fail(Errno::efault);
    const mm::MmStruct& mm = *system.task.mm;
    if (is_private) return FutexKey{&mm, address};
    const mm::Vma* vma = mm.vmas().find(VirtAddr(address));
    if (vma == nullptr || vma->start() > VirtAddr(address)) return fail(Errno::efault);
    if (!vma->is_shared() || vma->file() == nullptr) return FutexKey{&mm, address};
    const std::uint64_t page = vma->page_index(VirtAddr(address));
    return FutexKey{vma->file(), page * page_size + (address & page_mask)};
}

Result<void> Futexes::wait(System& system, const Wait& request) {
    if (request.bits == 0) return fail(Errno::einval);
    const auto key = Futexes::key(system, request.address, request.is_private);
    if (!key) return fail(key.error());
    const auto value = system.user().read<std::uint32_t>(VirtAddr(request.address));
    if (!value) return fail(value.error());
    if (*value != request.expected) return fail(Errno::eagain);
    Waiter waiter{.key = *key, .bits = request.bits, .woken = false, .queue = {}};
    waiters_[*key].push_back(&waiter);
    WakeReason reason = WakeReason::event;
    while (!waiter.woken && reason == WakeReason::event) {
        reason = system.scheduler.wait(system.task, waiter.queue, request.deadline_ns);
    }
    if (waiter.woken) return {};
    forget(waiter);
    return fail(reason == WakeReason::timeout ? Errno::etimedout : Errno::eintr);
}

void Futexes::forget(const Waiter& waiter) {
    const auto found = waiters_.find(waiter.key);
    FL_ASSERT(found != waiters_.end());
    found->second.remove(const_cast<Waiter*>(&waiter));
    if (found->second.empty()) waiters_.erase(found);
}

std::uint32_t Futexes::wake(const FutexKey& key, std::uint32_t count, std::uint32_t bits) {
    const auto found = waiters_.find(key);
    if (found == waiters_.end()) return 0;
    std::uint32_t woken = 0;
    std::list<Waiter*>& list = found->second;
    for (auto at = list.begin(); at != list.end() && woken < count;) {
        Waiter& waiter = **at;
        if ((waiter.bits & bits) == 0) {
            ++at;
            continue;
        }
        waiter.woken = true;
        waiter.queue.wake_all();
        at = list.erase(at);
        ++woken;
    }
    if (list.empty()) waiters_.erase(found);
    return woken;
}

std::size_t Futexes::waiter_count() const {
    std::size_t count = 0;
    for (const auto& [key, waiters] : waiters_) count += waiters.size();
    return count;
}

std::uint32_t Futexes::requeue(const FutexKey& from, const FutexKey& to, std::uint32_t count) {
    const auto found = waiters_.find(from);
    if (found == waiters_.end() || from == to) return 0;
    std::list<Waiter*>& list = found->second;
    std::list<Waiter*>& target = waiters_[to];
    std::uint32_t moved = 0;
    for (; !list.empty() && moved < count; ++moved) {
        list.front()->key = to;
        target.splice(target.end(), list, list.begin());
    }
    if (target.empty()) waiters_.erase(to);
    if (list.empty()) waiters_.erase(from);
    return moved;
}

}  // namespace fl::kernel
