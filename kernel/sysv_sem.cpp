#include "kernel/sysv_sem.hpp"

#include "kernel/system.hpp"
#include "mm/print_to.hpp"

#include <algorithm>

namespace fl::kernel {

std::uint64_t SemaphoreSets::now_s() {
    constexpr std::uint64_t ns_per_second = 1'000'000'000;
    return clock_.realtime_ns() / ns_per_second;
}

std::int32_t SemaphoreSets::total_semaphores() const {
    std::size_t total = 0;
    for (const auto& [index, set] : table_.all()) total += set->semaphores.size();
    return static_cast<std::int32_t>(total);
}

Result<std::uint64_t> SemaphoreSets::add(const System& system, std::int32_t key, std::int32_t count,
                                         std::int32_t flags) {
    if (count == 0) return fail(Errno::einval);
    if (total_semaphores() > max_of_all - count || table_.count() >= max_sets) return fail(Errno::enospc);
    constexpr std::uint64_t share = 8, semaphore_bytes = 64;  // in the kernel that counts them
    const auto total_bytes = static_cast<std::uint64_t>(total_semaphores() + count) * semaphore_bytes;
    if (total_bytes > system.memory.total_page_count().bytes() / share) return fail(Errno::enomem);
    auto set = std::make_shared<SemaphoreSet>();
    set->permissions = ipc_new_permissions(system.task, key, flags);
    set->semaphores.resize(static_cast<std::size_t>(count));
    set->changed_s = now_s();
    return static_cast<std::uint64_t>(table_.add(std::move(set)).permissions.id);
}

void SemaphoreSets::remove(SemaphoreSet& set) {
    adjustment_count_ -= set.undo.size() * set.semaphores.size();
    set.is_removed = true;
    for (SemaphoreSet::Pending& call : set.pending) call.failure = Errno::eidrm;
    set.changed.wake_all();
    table_.remove(set);
}

// perform_atomic_semop()
std::optional<Result<void>> SemaphoreSets::perform(SemaphoreSet& set, SemaphoreSet::Pending& call) {
    std::map<std::uint16_t, std::int32_t> values, adjustments;
    for (std::size_t i = 0; i < call.operations.size(); ++i) {
        const sembuf& operation = call.operations[i];
        auto& value = values.try_emplace(operation.sem_num, set.semaphores[operation.sem_num].value).first->second;
        const std::int32_t result = value + operation.sem_op;
        if (result < 0 || (operation.sem_op == 0 && value != 0)) {
            call.blocked_at = i;
            if ((operation.sem_flg & IPC_NOWAIT) != 0) return fail(Errno::eagain);
            return std::nullopt;
        }
        if (result > max_value) return fail(Errno::erange);
        if ((operation.sem_flg & SEM_UNDO) != 0) {
            const std::int32_t before = (*call.undo)[operation.sem_num];
            auto& undo = adjustments.try_emplace(operation.sem_num, before).first->second;
            undo -= operation.sem_op;
            if (undo < -max_value - 1 || undo > max_value) return fail(Errno::erange);
        }
        value = result;
    }
    for (const auto& [number, value] : values) set.semaphores[number] = {value, call.pid};
    for (const auto& [number, adjustment] : adjustments) (*call.undo)[number] = adjustment;
    return Result<void>{};
}

// do_smart_update()
void SemaphoreSets::update(SemaphoreSet& set) {
    set.operated_s = now_s();
    for (bool again = true; again;) {
        again = false;
        for (SemaphoreSet::Pending& call : set.pending) {
            if (call.is_done || call.failure) continue;
            const auto done = perform(set, call);
            if (!done) continue;
            if (*done) {
                call.is_done = true;
                // What it changed may let those before it go on.
                again = std::ranges::any_of(call.operations, [](const sembuf& one) { return one.sem_op != 0; });
            } else {
                call.failure = done->error();
            }
        }
    }
    set.changed.wake_all();
}

std::uint64_t SemaphoreSets::undo_list_of(const Task& task) {
    const auto [list, is_new] = undo_lists_.try_emplace(task.tid, last_undo_list_ + 1);
    if (is_new) ++last_undo_list_;
    return list->second;
}

// find_alloc_undo()
Result<SemaphoreSet::Adjustments*> SemaphoreSets::adjustments_of(const Task& task, SemaphoreSet& set) {
    constexpr std::size_t most = std::size_t{1} << 22;
    const std::uint64_t list = undo_list_of(task);
    const auto found = set.undo.find(list);
    if (found != set.undo.end()) return &found->second;
    if (adjustment_count_ + set.semaphores.size() > most) return fail(Errno::enospc);
    adjustment_count_ += set.semaphores.size();
    return &set.undo.emplace(list, SemaphoreSet::Adjustments(set.semaphores.size())).first->second;
}

Result<std::uint64_t> SemaphoreSets::operate(System& system, const std::shared_ptr<SemaphoreSet>& set,
                                             std::vector<sembuf> operations, std::optional<std::uint64_t> deadline_ns) {
    const bool undoes =
        std::ranges::any_of(operations, [](const sembuf& one) { return (one.sem_flg & SEM_UNDO) != 0; });
    SemaphoreSet::Adjustments* undo = nullptr;
    if (undoes) {
        const auto found = adjustments_of(system.task, *set);
        if (!found) return fail(found.error());
        undo = *found;
    }
    SemaphoreSet::Pending call{std::move(operations), system.task.pid, undo};
    if (const auto done = perform(*set, call)) {
        if (!*done) return fail(done->error());
        update(*set);
        return 0;
    }
    const auto mine = set->pending.insert(set->pending.end(), std::move(call));
    WakeReason reason = WakeReason::event;
    while (!mine->is_done && !mine->failure && reason == WakeReason::event) {
        reason = system.scheduler.wait(system.task, set->changed, deadline_ns);
    }
    const SemaphoreSet::Pending over = std::move(*mine);
    set->pending.erase(mine);
    if (over.is_done) return 0;
    if (over.failure) return fail(*over.failure);
    // Never made again after a handler: what it waited for may have changed.
    return fail(reason == WakeReason::timeout ? Errno::eagain : Errno::eintr);
}

Result<void> SemaphoreSets::set_values(SemaphoreSet& set, std::size_t first, const std::vector<std::uint16_t>& values,
                                       std::uint32_t pid) {
    if (std::ranges::any_of(values, [](std::uint16_t value) { return value > max_value; })) return fail(Errno::erange);
    for (std::size_t i = 0; i < values.size(); ++i) {
        set.semaphores[first + i] = {values[i], pid};
        for (auto& [list, adjustments] : set.undo) adjustments[first + i] = 0;
    }
    const std::uint64_t operated_s = set.operated_s;
    update(set);
    set.operated_s = operated_s;
    set.changed_s = now_s();
    return {};
}

// count_semcnt(): the operation that a call is held up by.
std::uint64_t SemaphoreSets::count_waiting(const SemaphoreSet& set, std::uint16_t number, bool for_zero) {
    std::uint64_t count = 0;
    for (const SemaphoreSet::Pending& call : set.pending) {
        const sembuf& operation = call.operations[call.blocked_at];
        if (!call.is_done && operation.sem_num == number && (operation.sem_op == 0) == for_zero) ++count;
    }
    return count;
}

void SemaphoreSets::share_undo(const Task& parent, const Task& child) { undo_lists_[child.tid] = undo_list_of(parent); }

void SemaphoreSets::exit_task(const Task& task) {
    const auto found = undo_lists_.find(task.tid);
    if (found == undo_lists_.end()) return;
    const std::uint64_t list = found->second;
    undo_lists_.erase(found);
    if (std::ranges::any_of(undo_lists_, [list](const auto& other) { return other.second == list; })) return;
    for (const auto& [index, set] : table_.all()) {
        const auto undo = set->undo.find(list);
        if (undo == set->undo.end()) continue;
        for (std::size_t i = 0; i < undo->second.size(); ++i) {
            if (undo->second[i] == 0) continue;
            SemaphoreSet::Semaphore& semaphore = set->semaphores[i];
            semaphore = {std::clamp(semaphore.value + undo->second[i], 0, max_value), task.pid};
        }
        adjustment_count_ -= undo->second.size();
        set->undo.erase(undo);
        update(*set);
    }
}

// sysvipc_sem_proc_show()
std::string SemaphoreSets::proc_text() const {
    std::string text = "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n";
    for (const auto& [index, set] : table_.all()) {
        const IpcPermissions& p = set->permissions;
        print_to(text, "{:>10} {:>10}  {:>4o} {:>10} {:>5} {:>5} {:>5} {:>5} {:>10} {:>10}\n", p.key, p.id, p.mode,
                 set->semaphores.size(), p.uid, p.gid, p.cuid, p.cgid, set->operated_s, set->changed_s);
    }
    return text;
}

}  // namespace fl::kernel
