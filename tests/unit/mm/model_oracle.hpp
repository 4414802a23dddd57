// What the model tests hold the address spaces against: per address space a map from page to what is known of it,
// objects as arrays of bytes, copy-on-write by copying at once. Slow and plain on purpose.
#pragma once

#include "mm/fault_handler.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace fl::mm::test {

using Bytes = std::vector<std::uint8_t>;

// A file, or memory to share.
struct OracleObject {
    Bytes bytes;

    std::uint64_t page_count() const { return PageCount::of_bytes(bytes.size()).value(); }
    Bytes page(std::uint64_t index) const {
        Bytes content(page_size);
        const std::uint64_t start = index * page_size;
        for (std::uint64_t i = 0; i < page_size && start + i < bytes.size(); ++i) content[i] = bytes[start + i];
        return content;
    }
    void punch(std::uint64_t offset, std::uint64_t length_bytes) {
        const std::uint64_t end = std::min<std::uint64_t>(bytes.size(), offset + length_bytes);
        for (std::uint64_t i = offset; i < end; ++i) bytes[i] = 0;
    }
};

struct OraclePage {
    std::uint64_t prot = 0;
    bool shared = false;
    bool dontfork = false;
    bool wipeonfork = false;
    std::shared_ptr<OracleObject> object{};  // nullptr: private anonymous memory
    std::uint64_t index = 0;                 // in the object
    std::optional<Bytes> own{};              // once it was written privately
    bool may_vanish = false;                 // MADV_FREE: it may read as zeroes until it is written to again

    bool past_end() const { return object != nullptr && index >= object->page_count() && !own; }
    Bytes content() const {
        if (own) return *own;
        return object != nullptr ? object->page(index) : Bytes(page_size);
    }
    bool may_hold(const Bytes& bytes) const { return bytes == content() || (may_vanish && bytes == Bytes(page_size)); }
    void lose_own() {
        own.reset();
        may_vanish = false;
    }
    // What MADV_FREE was told of and is written to now is as `found`.
    void settle(const Bytes& found) {
        if (may_vanish) own = found;
        may_vanish = false;
    }
};

struct OracleSpace {
    std::map<std::uint64_t, OraclePage> pages;
    std::uint64_t brk = 0;

    bool has(std::uint64_t at) const { return pages.contains(at); }
    bool has_all(std::uint64_t first, std::uint64_t count) const {
        for (std::uint64_t i = 0; i < count; ++i) {
            if (!has(first + i)) return false;
        }
        return true;
    }
    bool has_none(std::uint64_t first, std::uint64_t count) const {
        const auto next = pages.lower_bound(first);
        return next == pages.end() || next->first >= first + count;
    }
    // `first_page` and what follows it in its object.
    void map(std::uint64_t first, std::uint64_t count, const OraclePage& first_page) {
        for (std::uint64_t i = 0; i < count; ++i) {
            OraclePage& added = pages[first + i];
            added = first_page;
            added.index += i;
            added.lose_own();
        }
    }
    void unmap(std::uint64_t first, std::uint64_t count) {
        pages.erase(pages.lower_bound(first), pages.lower_bound(first + count));
    }
    void move(std::uint64_t from, std::uint64_t to) {
        pages[to] = pages.at(from);
        pages.erase(from);
    }
    // What MREMAP_DONTUNMAP does to one page.
    void move_and_keep(std::uint64_t from, std::uint64_t to) {
        pages[to] = pages.at(from);
        pages.at(from).lose_own();
    }

    // The fatal fault that an access takes; nullopt where it is allowed.
    std::optional<FaultKind> refusal(std::uint64_t at, emu::Access access) const {
        const auto found = pages.find(at);
        if (found == pages.end()) return FaultKind::segv_maperr;
        const OraclePage& page = found->second;
        if (page.prot == 0 || (access == emu::Access::write && (page.prot & prot_write) == 0))
            return FaultKind::segv_accerr;
        return page.past_end() ? std::optional(FaultKind::sigbus) : std::nullopt;
    }
    void store(std::uint64_t at, std::uint64_t offset, std::uint8_t value) {
        OraclePage& page = pages.at(at);
        if (page.shared) {
            page.object->bytes[page.index * page_size + offset] = value;
            return;
        }
        if (!page.own) page.own = page.content();
        (*page.own)[offset] = value;
    }
    // The file ends earlier: what lies past its end is gone, private copies included.
    void forget_past_end(const OracleObject& object) {
        for (auto& [at, page] : pages) {
            if (page.object.get() == &object && page.index >= object.page_count()) page.lose_own();
        }
    }
    OracleSpace fork() const {
        OracleSpace child{.pages = {}, .brk = brk};
        for (const auto& [at, page] : pages) {
            if (page.dontfork) continue;
            child.pages[at] = page;
            if (page.wipeonfork) child.pages[at].lose_own();
        }
        return child;
    }
};

}  // namespace fl::mm::test
