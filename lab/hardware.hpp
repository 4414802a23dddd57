// What a replay knows of each page: the bits that hardware keeps, in one byte.
#pragma once

#include "lab/replay.hpp"

#include <cstdint>
#include <vector>

namespace fl::lab {

// Every page that is asked about is below the limit given at construction, and every page is evictable.
class Hardware final : public replacement::Pages {
public:
    Hardware(std::size_t page_limit, ReplayCounts& counts) : flags_(page_limit), counts_(counts) {}

    bool accessed(PageId page) const override { return (flags_[page] & accessed_flag) != 0; }
    void clear_accessed(PageId page) override { clear(page, accessed_flag); }
    bool dirty(PageId page) const override { return (flags_[page] & dirty_flag) != 0; }
    bool evictable(PageId /*page*/) const override { return true; }
    void write_back(PageId page) override {
        if (dirty(page)) ++counts_.write_backs;
        clear(page, dirty_flag);
    }
    std::uint64_t time() const override { return time_; }

    void set_time(std::uint64_t time) { time_ = time; }
    bool resident(PageId page) const { return (flags_[page] & resident_flag) != 0; }
    std::uint64_t resident_count() const { return resident_count_; }

    void touch(PageId page, Access access) { flags_[page] |= bits_of(access); }
    // Counts the fault: the page is resident and touched.
    void load(PageId page, Access access) {
        ++counts_.faults;
        if ((flags_[page] & seen_flag) != 0) ++counts_.refaults;
        flags_[page] = static_cast<std::uint8_t>(resident_flag | seen_flag | bits_of(access));
        ++resident_count_;
    }
    // Counts the eviction. Whether it was dirty.
    bool evict(PageId page) {
        const bool was_dirty = dirty(page);
        ++(was_dirty ? counts_.dirty_evictions : counts_.clean_evictions);
        flags_[page] = seen_flag;
        --resident_count_;
        return was_dirty;
    }

    // The page exists no more.
    void forget(PageId page) {
        if (resident(page)) --resident_count_;
        flags_[page] = 0;
    }

private:
    static constexpr std::uint8_t resident_flag = 1;
    static constexpr std::uint8_t accessed_flag = 2;
    static constexpr std::uint8_t dirty_flag = 4;
    static constexpr std::uint8_t seen_flag = 8;

    static std::uint8_t bits_of(Access access) {
        return access == Access::write ? accessed_flag | dirty_flag : accessed_flag;
    }
    void clear(PageId page, std::uint8_t flag) { flags_[page] = static_cast<std::uint8_t>(flags_[page] & ~flag); }

    std::vector<std::uint8_t> flags_;
    ReplayCounts& counts_;
    std::uint64_t time_ = 0;
    std::uint64_t resident_count_ = 0;
};

}  // namespace fl::lab
