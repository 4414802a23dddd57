#include "mm/replacement/built_in.hpp"
#include "mm/replacement/page_list.hpp"

namespace fl::replacement {

namespace {

class WsClock final : public Policy {
public:
    explicit WsClock(const Setup& setup)
        : pages_(setup.pages),
          window_(static_cast<std::uint64_t>(setup.parameters[0])),
          writes_at_most_(static_cast<std::uint32_t>(setup.parameters[1])) {}

    void admit(PageId page, Access /*access*/) override {
        ring_.insert(page);
        last_use_[page] = pages_.time();
    }
    // Takes the first clean page outside the working set; dirty ones are written back on the way and may be met again.
    PageId choose_victim(PageId /*incoming*/) override {
        std::uint32_t writes = 0;
        for (std::uint64_t step = 0; step < 2 * std::uint64_t{ring_.size()}; ++step) {
            // Without a write in the first round the second would find nothing new.
            if (step == ring_.size() && writes == 0) break;
            const PageId page = ring_.hand();
            if (pages_.evictable(page) && is_old(page)) {
                if (!pages_.dirty(page)) return take(page);
                if (writes < writes_at_most_) {
                    pages_.write_back(page);
                    ++writes;
                }
            }
            ring_.advance();
        }
        return take_any();
    }
    void forget(PageId page) override {
        if (ring_.holds(page)) ring_.erase(page);
    }
    std::string state() const override {
        if (ring_.size() == 0) return "clock empty";
        return "clock of " + std::to_string(ring_.size()) + ", hand at " + std::to_string(ring_.hand());
    }
    std::string describe(PageId page) const override {
        return ring_.holds(page) ? "last use seen at " + std::to_string(last_use_.get(page)) : std::string();
    }

private:
    bool is_old(PageId page) {
        if (pages_.test_and_clear_accessed(page)) {
            last_use_[page] = pages_.time();
            return false;
        }
        return pages_.time() - last_use_[page] > window_;
    }
    PageId take(PageId page) {
        ring_.erase(page);
        return page;
    }
    // All of them are in the working set: any clean page, else the one under the hand.
    PageId take_any() {
        PageId any = no_page;
        for (std::uint32_t step = ring_.size(); step-- > 0; ring_.advance()) {
            const PageId page = ring_.hand();
            if (!pages_.evictable(page)) continue;
            if (!pages_.dirty(page)) return take(page);
            if (any == no_page) any = page;
        }
        return any == no_page ? no_page : take(any);
    }

    Pages& pages_;
    std::uint64_t window_;
    std::uint32_t writes_at_most_;
    PerPage<std::uint64_t> last_use_;
    Ring ring_;
};

}  // namespace

const PolicyInfo& built_in::wsclock() {
    static const PolicyInfo info{
        "wsclock",
        "a clock whose hand takes clean pages that fell out of the working set, and writes dirty ones back",
        "R. W. Carr, J. L. Hennessy, WSClock: a simple and effective algorithm for virtual memory management, SOSP "
        "1981",
        Needs::accessed_bits,
        {{"window",
          "time after which an unused page is outside the working set: references in a replay, nanoseconds in the "
          "machine",
          100'000, 1, 1e15},
         {"writes", "pages written back ahead of time at one fault, at most", 4, 0, 1e6}},
        make<WsClock>};
    return info;
}

}  // namespace fl::replacement
