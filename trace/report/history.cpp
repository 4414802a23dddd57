#include "trace/report/history.hpp"

#include "emu/pte.hpp"

namespace fl::trace::report {

namespace {

constexpr std::uint64_t pages_per_table = 512;

// Two pages with the same key share a fate, which makes guesses worse, not wrong. Below 2^53.
std::uint64_t key_of(std::uint64_t pid, std::uint64_t page) {
    constexpr std::uint64_t page_count = std::uint64_t{1} << 36U, pid_count = std::uint64_t{1} << 16U;
    return pid % pid_count * page_count + page % page_count;
}

template <class Value>
const Value* find(const std::unordered_map<std::uint64_t, Value>& map, std::uint64_t key) {
    const auto found = map.find(key);
    return found != map.end() ? &found->second : nullptr;
}

bool is_present(std::uint32_t bits) { return (bits & 1U) != 0; }

}  // namespace

std::uint64_t slot_before(const FaultRow& row) {
    const emu::Pte entry = emu::Pte::from_raw((row.before_bits & 0xfffULL) | row.before_frame << page_shift |
                                              std::uint64_t{row.before_bits >> 12U} << 52U);
    return entry.is_swapped() ? row.before_frame + 1 : 0;
}

History::FaultGuess History::guess_fault(const FaultRow& row, std::uint32_t pid) const {
    FaultGuess guess;
    if (const auto* walk = find(walks_, key_of(pid, row.page / pages_per_table))) guess.walk = *walk;
    const Fate* fate = find(fates_, key_of(pid, row.page));
    if (row.before_bits == 0) {
        guess.before = 0;
    } else if (fate == nullptr) {
        guess.before = last_before_;
    } else {
        guess.before = fate->slot != 0 ? fate->slot - 1 : fate->frame;
    }
    guess.after = freed_.empty() ? last_after_ : freed_.back();
    if (fate != nullptr && fate->evicted != 0) guess.refault = evictions_ - fate->evicted + 1;
    return guess;
}

void History::note_fault(const FaultRow& row, std::uint32_t pid) {
    if (!freed_.empty() && freed_.back() == row.after_frame) {
        freed_.pop_back();
    } else if (row.evicted > 0) {
        freed_.clear();
    }
    last_before_ = row.before_frame;
    last_after_ = row.after_frame;
    walks_[key_of(pid, row.page / pages_per_table)] = row.walk;
    fates_[key_of(pid, row.page)] = {row.after_frame, 0, 0};
    if (!is_present(row.after_bits)) return;
    const Holder now{pid, row.page, row.vma, row.time_ns, row.slot};
    const auto [holder, is_new] = holders_.try_emplace(row.after_frame, now);
    const bool was_there = !is_new && holder->second.pid == pid && holder->second.page == row.page;
    if (!was_there) holder->second = now;
}

History::ReclaimGuess History::guess_reclaim(const ReclaimRow& row) const {
    const bool is_write_back = (row.flags & ReclaimRow::write_back) != 0;
    const Holder* holder = find(holders_, row.frame);
    ReclaimGuess guess;
    if (holder != nullptr) {
        const std::uint64_t age = row.time_ns > holder->time_ns ? row.time_ns - holder->time_ns : 0;
        guess = {holder->pid, holder->page + 1, holder->vma, age, holder->slot};
    } else {
        guess = {last_pid_, last_page_, 0, last_age_, 0};
    }
    if (is_write_back) guess.age = 0;
    if (guess.slot == 0 && row.file == 0 && (row.flags & ReclaimRow::dropped) == 0) guess.slot = last_new_slot_ + 1;
    return guess;
}

void History::note_reclaim(const ReclaimRow& row) {
    const auto holder = holders_.find(row.frame);
    const bool is_known_slot = holder != holders_.end() && holder->second.slot == row.slot;
    if (row.slot != 0 && !is_known_slot) last_new_slot_ = row.slot;
    last_pid_ = row.pid;
    last_page_ = row.page;
    if ((row.flags & ReclaimRow::write_back) != 0) {
        if (holder != holders_.end()) holder->second.slot = row.slot;
        return;
    }
    last_age_ = row.age_ns;
    ++evictions_;
    freed_.push_back(row.frame);
    if (holder != holders_.end()) holders_.erase(holder);
    if (row.page != 0) fates_[key_of(row.pid, row.page - 1)] = {row.frame, row.slot, evictions_};
}

}  // namespace fl::trace::report
