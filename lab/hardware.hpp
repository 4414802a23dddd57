// What a replay knows of each page: the bits that hardware keeps, in one byte.
#pragma once

#include "lab/chunks.hpp"
#include "lab/prepared_string.hpp"
#include "lab/replay.hpp"

#include <cstdint>
#include <vector>

namespace fl::lab {

// Every page that is asked about is one of the string's, and every page but the held one is evictable.
class Hardware final : public replacement::Pages {
public:
    Hardware(const PreparedString& string, ReplayCounts& counts)
        : string_(string.string()), flags_(string.page_limit()), counts_(counts) {}

    bool accessed(PageId page) const override { return (flags_[page] & accessed_flag) != 0; }
    void clear_accessed(PageId page) override { clear(page, accessed_flag); }
    bool dirty(PageId page) const override { return (flags_[page] & dirty_flag) != 0; }
    bool evictable(PageId page) const override { return page != held_; }
    void write_back(PageId page) override {
        if (dirty(page)) ++counts_.write_backs;
        clear(page, dirty_flag);
    }
    std::uint64_t time() const override { return time_; }

    void set_time(std::uint64_t time) { time_ = time; }
    // no_page: none.
    void hold(PageId page) { held_ = page; }
    // The run that is being played: those before it are over.
    const std::size_t& run() const { return run_; }
    void set_run(std::size_t run) { run_ = run; }
    bool resident(PageId page) const { return (flags_[page] & resident_flag) != 0; }
    std::uint64_t resident_count() const { return resident_count_; }

    void touch(PageId page, Access access) { flags_[page] |= bits_of(access); }
    // Counts the fault: the page is resident and touched.
    void load(PageId page, Access access);
    // Counts the eviction. Whether it was dirty.
    bool evict(PageId page);
    // The page exists no more.
    void forget(PageId page);

    // From run `from` on: touches the pages of all runs that are hits of fewer references than are left, and takes
    // their references off `left`. The first run that is none of these; an event is none. What else is done about hits
    // is up to Hits:
    //
    //   marks                  whether pages are marked, until take_mark()
    //   may_hit(page)          of a page without a mark: whether it may be hit; else its run ends it
    //   on_mark(page)          the page gets its mark
    //   on_hit(run, left)      a run, before the next is looked at, with the references that are left behind it; false
    //                          ends it
    //   on_use(use, left)      where there are chunks, for each page of a chunk instead, with the references that are
    //                          left before the chunk
    template <class Hits>
    std::size_t pass_hits(std::size_t from, std::uint64_t& left, Hits hits, ChunkPasser& chunks);
    void take_mark(PageId page) { clear(page, mark_flag); }

private:
    static constexpr std::uint8_t resident_flag = 1;
    static constexpr std::uint8_t accessed_flag = 2;
    static constexpr std::uint8_t dirty_flag = 4;
    static constexpr std::uint8_t seen_flag = 8;
    static constexpr std::uint8_t mark_flag = 16;

    static std::uint8_t bits_of(Access access) {
        return access == Access::write ? accessed_flag | dirty_flag : accessed_flag;
    }
    template <class Hits>
    static constexpr std::uint8_t mark_of() {
        return Hits::marks ? mark_flag : 0;
    }
    void clear(PageId page, std::uint8_t flag) { flags_[page] = static_cast<std::uint8_t>(flags_[page] & ~flag); }
    template <class Hits>
    std::size_t pass_runs(std::size_t from, std::size_t end, std::uint64_t& left, Hits& hits);
    template <class Hits>
    bool play(const Chunks::Chunk& chunk, std::uint64_t& left, Hits& hits);

    const ReferenceString& string_;
    std::vector<std::uint8_t> flags_;
    ReplayCounts& counts_;
    std::uint64_t time_ = 0;
    PageId held_ = replacement::no_page;
    std::size_t run_ = 0;
    std::uint64_t resident_count_ = 0;
};

inline void Hardware::load(PageId page, Access access) {
    ++counts_.faults;
    if ((flags_[page] & seen_flag) != 0) ++counts_.refaults;
    flags_[page] = static_cast<std::uint8_t>(resident_flag | seen_flag | bits_of(access));
    ++resident_count_;
}

inline bool Hardware::evict(PageId page) {
    const bool was_dirty = dirty(page);
    ++(was_dirty ? counts_.dirty_evictions : counts_.clean_evictions);
    flags_[page] = seen_flag;
    --resident_count_;
    return was_dirty;
}

inline void Hardware::forget(PageId page) {
    if (resident(page)) --resident_count_;
    flags_[page] = 0;
}

template <class Hits>
std::size_t Hardware::pass_hits(std::size_t from, std::uint64_t& left, Hits hits, ChunkPasser& chunks) {
    for (std::size_t at = from;;) {
        if (const std::size_t passed =
                chunks.pass(at, [&](const Chunks::Chunk& chunk) { return play(chunk, left, hits); });
            passed != 0) {
            at += passed;
            continue;
        }
        const std::size_t end = chunks.boundary(at, string_.size());
        at = pass_runs(at, end, left, hits);
        if (at < end || at == string_.size()) return at;
        chunks.come_to(at);
    }
}

template <class Hits>
std::size_t Hardware::pass_runs(std::size_t from, std::size_t end, std::uint64_t& left, Hits& hits) {
    constexpr std::uint8_t mark = mark_of<Hits>();
    const Run* const runs = string_.data();
    std::uint8_t* const flags = flags_.data();
    std::uint64_t now_left = left;
    std::size_t i = from;
    for (; i < end; ++i) {
        const Run run = runs[i];
        const auto wanted = static_cast<std::uint8_t>(resident_flag | mark | bits_of(run.access));
        const std::uint8_t flag = flags[run.page];
        // An event has no references, and one less than none is more than are left.
        if (std::uint64_t{run.count} - 1 >= now_left) break;
        if ((flag & wanted) != wanted) {
            if ((flag & resident_flag) == 0) break;
            if ((flag & mark) != mark) {
                if (!hits.may_hit(PageId{run.page})) break;
                hits.on_mark(PageId{run.page});
            }
            flags[run.page] = flag | wanted;
        }
        now_left -= run.count;
        if (!hits.on_hit(run, now_left)) {
            ++i;
            break;
        }
    }
    left = now_left;
    return i;
}

// Whether all of it was hits; else nothing has changed.
template <class Hits>
bool Hardware::play(const Chunks::Chunk& chunk, std::uint64_t& left, Hits& hits) {
    constexpr std::uint8_t mark = mark_of<Hits>();
    if (std::uint64_t{chunk.references} - 1 >= left) return false;
    for (const Chunks::Use& use : chunk.uses) {
        const std::uint8_t flag = flags_[use.page];
        if ((flag & resident_flag) == 0 || ((flag & mark) != mark && !hits.may_hit(PageId{use.page}))) return false;
    }
    for (const Chunks::Use& use : chunk.uses) {
        std::uint8_t& flag = flags_[use.page];
        if ((flag & mark) != mark) hits.on_mark(PageId{use.page});
        flag |= static_cast<std::uint8_t>(mark | bits_of(use.written != 0 ? Access::write : Access::read));
        hits.on_use(use, left);
    }
    left -= chunk.references;
    return true;
}

}  // namespace fl::lab
