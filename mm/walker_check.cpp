#include "mm/walker_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace fl::mm {

using emu::Access;
using emu::Mode;
using emu::Pte;

namespace {

constexpr unsigned top_level = 4;
constexpr std::uint64_t entries = 512;
constexpr std::uint64_t span_bytes(unsigned level) { return page_size << (9 * (level - 1)); }

constexpr VirtAddr canonical(VirtAddr address) {
    constexpr unsigned unused_bits = 16;
    return VirtAddr(
        static_cast<std::uint64_t>(static_cast<std::int64_t>(address.value() << unused_bits) >> unused_bits));
}

// The bytes of frames, put back at the end.
class SavedFrames {
public:
    SavedFrames(emu::Ram& ram, const std::vector<Pfn>& frames) : ram_(ram), frames_(frames) {
        bytes_.resize(frames.size() * page_size);
        for (std::size_t i = 0; i < frames.size(); ++i) {
            std::memcpy(bytes_.data() + i * page_size, ram.frame(frames[i]).data(), page_size);
        }
    }
    SavedFrames(const SavedFrames&) = delete;
    SavedFrames& operator=(const SavedFrames&) = delete;
    ~SavedFrames() {
        for (std::size_t i = 0; i < frames_.size(); ++i) {
            std::memcpy(ram_.frame(frames_[i]).data(), bytes_.data() + i * page_size, page_size);
        }
    }

private:
    emu::Ram& ram_;
    const std::vector<Pfn>& frames_;
    std::vector<std::byte> bytes_;
};

const char* name_of(Access access) {
    switch (access) {
        case Access::read: return "read";
        case Access::write: return "write";
        case Access::execute: return "fetch";
    }
    return "";
}

std::string text_of(const std::optional<PhysAddr>& address) {
    return address ? fmt::format("{:#x}", address->value()) : "a fault";
}

}  // namespace

void WalkerCheck::start() {
    const std::array makers{&emu::make_unicorn_walker, &emu::make_kvm_walker};
    const std::array names{"Unicorn's MMU", "KVM"};
    for (std::size_t i = 0; i < makers.size(); ++i) {
        auto made = makers.at(i)(mmu_.ram());
        report_.walkers.push_back({names.at(i), made ? "" : made.error()});
        if (!made) continue;
        walkers_.push_back(*std::move(made));
        numbers_.push_back(i);
    }
}

// Independent of who made the tables: what the entries say, level by level.
void WalkerCheck::collect(Pfn table, unsigned level, VirtAddr base, WalkedHalf half) {
    tables_.push_back(table);
    const auto all = mmu_.ram().table(table);
    const bool is_top = level == top_level;
    const std::uint64_t first = is_top && half == WalkedHalf::kernel ? entries / 2 : 0;
    const std::uint64_t end = is_top && half == WalkedHalf::user ? entries / 2 : entries;
    for (std::uint64_t i = first; i < end; ++i) {
        const Pte entry = all[i];
        if (entry.is_none()) continue;
        const VirtAddr at = canonical(base + i * span_bytes(level));
        if (level == 1 || !entry.is_present() || (level == 2 && entry.is_large())) {
            leaves_.push_back({at, span_bytes(level)});
        } else {
            collect(entry.pfn(), level - 1, at, half);
        }
    }
}

void WalkerCheck::check(Pfn root, WalkedHalf half) {
    if (report_.walkers.empty()) start();
    tables_.clear();
    leaves_.clear();
    collect(root, top_level, VirtAddr(0), half);
    (half == WalkedHalf::user ? report_.user_pages : report_.kernel_pages) += leaves_.size();
    if (half == WalkedHalf::user) ++report_.spaces;

    const SavedFrames saved(mmu_.ram(), tables_);
    for (const auto& walker : walkers_) walker->set_root(root);
    VirtAddr expected_next{};
    for (const Leaf& leaf : leaves_) {
        compare_all(root, leaf.address);
        // Within a large page: each bit of the frame's place in it, and its last frame.
        for (std::uint64_t offset = page_size; offset < leaf.size_bytes; offset *= 2) {
            compare_reads(root, leaf.address + offset);
        }
        if (leaf.size_bytes > page_size) compare_reads(root, leaf.address + (leaf.size_bytes - page_size));
        // What is not mapped: on either side of a run of pages.
        if (leaf.address != expected_next && leaf.address.value() % span_bytes(top_level) != 0) {
            compare_all(root, leaf.address - page_size);
        }
        expected_next = leaf.address + leaf.size_bytes;
        const bool is_last = &leaf == &leaves_.back() || (&leaf + 1)->address != expected_next;
        if (is_last && expected_next.canonical()) compare_all(root, expected_next);
    }
}

void WalkerCheck::compare_all(Pfn root, VirtAddr address) {
    for (const Mode mode : {Mode::user, Mode::kernel}) {
        for (const Access access : {Access::read, Access::write, Access::execute}) {
            compare(root, address, access, mode);
        }
    }
}

void WalkerCheck::compare_reads(Pfn root, VirtAddr address) {
    compare(root, address, Access::read, Mode::user);
    compare(root, address, Access::read, Mode::kernel);
}

void WalkerCheck::compare(Pfn root, VirtAddr address, Access access, Mode mode) {
    // Not at the page's first byte alone.
    const std::uint64_t offset = (address.value() >> page_shift) * 8 % page_size;
    const VirtAddr at = address + offset;
    std::optional<PhysAddr> ours;
    if (const auto translated = mmu_.translate(root, at, access, mode)) {
        ours = translated->pfn.address() + at.page_offset();
    }
    for (std::size_t i = 0; i < walkers_.size(); ++i) {
        if (!walkers_[i]->answers(access, mode)) continue;
        const auto theirs = walkers_[i]->translate(at, access, mode);
        ++report_.walkers[numbers_[i]].translations;
        if (theirs == ours || report_.disagreements.size() >= WalkerReport::max_disagreements) continue;
        report_.disagreements.push_back(fmt::format("{} at {:#x} in {} mode: our walker finds {}, {} {}",
                                                    name_of(access), at.value(), mode == Mode::user ? "user" : "kernel",
                                                    text_of(ours), walkers_[i]->name(), text_of(theirs)));
    }
}

}  // namespace fl::mm
