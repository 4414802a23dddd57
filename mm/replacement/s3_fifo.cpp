#include "mm/replacement/built_in.hpp"
#include "mm/replacement/late_hits.hpp"
#include "mm/replacement/page_list.hpp"

#include <algorithm>

namespace fl::replacement {

namespace {

// New pages wait in a small queue. What was used there often enough goes on to the main queue, the rest leaves and is
// remembered in a queue of ghosts; a page that comes back while it is remembered goes to the main queue at once.
class S3Fifo final : public Policy, public LateHits {
public:
    explicit S3Fifo(const Setup& setup)
        : pages_(setup.pages),
          small_target_(
              std::max<std::uint32_t>(1, static_cast<std::uint32_t>(setup.frames * setup.parameters[0] / 100))),
          ghosts_at_most_(std::max<std::uint32_t>(1, setup.frames - std::min(setup.frames, small_target_))),
          uses_to_stay_(static_cast<std::uint8_t>(setup.parameters[1])) {}

    void admit(PageId page, Access /*access*/) override {
        Entry& entry = entries_[page];
        const bool remembered = entry.where == Where::ghost;
        if (remembered) ghosts_.erase(page);
        entry = {remembered ? Where::main : Where::small, 0};
        (remembered ? main_ : small_).push_back(page);
    }
    void reference(PageId page, Access /*access*/, std::uint32_t count) override {
        std::uint8_t& uses = entries_[page].uses;
        uses = static_cast<std::uint8_t>(std::min<std::uint64_t>(most_uses, std::uint64_t{uses} + count));
    }
    PageId choose_victim(PageId /*incoming*/) override {
        PageId victim = no_page;
        if (small_.size() >= small_target_) victim = take_from_small();
        if (victim == no_page) victim = take_from_main();
        if (victim == no_page) victim = take_from_small();
        // All of the small queue went on to the main one.
        return victim == no_page ? take_from_main() : victim;
    }
    void forget(PageId page) override {
        const Where where = entries_.get(page).where;
        if (where == Where::nowhere) return;
        list_of(where).erase(page);
        entries_[page] = {};
    }
    std::string state() const override {
        return "small " + std::to_string(small_.size()) + " of " + std::to_string(small_target_) + ", main " +
               std::to_string(main_.size()) + ", ghosts " + std::to_string(ghosts_.size());
    }
    std::string describe(PageId page) const override {
        const Entry entry = entries_.get(page);
        if (entry.where == Where::nowhere) return {};
        if (entry.where == Where::ghost) return "ghost";
        return std::string(entry.where == Where::small ? "small" : "main") + ", used " + std::to_string(entry.uses) +
               (entry.uses == most_uses ? " times or more" : " times");
    }

private:
    static constexpr std::uint8_t most_uses = 3;
    enum class Where : std::uint8_t { nowhere, small, main, ghost };
    struct Entry {
        Where where = Where::nowhere;
        std::uint8_t uses = 0;
    };

    PageList& list_of(Where where) {
        if (where == Where::ghost) return ghosts_;
        return where == Where::small ? small_ : main_;
    }
    PageId take_from_small() {
        for (PageId page = first_evictable(small_, pages_); page != no_page; page = first_evictable(small_, pages_)) {
            small_.erase(page);
            if (entries_[page].uses < uses_to_stay_) {
                remember(page);
                return page;
            }
            entries_[page] = {Where::main, 0};
            main_.push_back(page);
        }
        return no_page;
    }
    PageId take_from_main() {
        for (PageId page = first_evictable(main_, pages_); page != no_page; page = first_evictable(main_, pages_)) {
            if (entries_[page].uses == 0) {
                main_.erase(page);
                entries_[page] = {};
                return page;
            }
            --entries_[page].uses;
            main_.move_to_back(page);
        }
        return no_page;
    }
    void remember(PageId page) {
        entries_[page] = {Where::ghost, 0};
        ghosts_.push_back(page);
        if (ghosts_.size() > ghosts_at_most_) entries_[ghosts_.pop_front()] = {};
    }

    Pages& pages_;
    std::uint32_t small_target_;
    std::uint32_t ghosts_at_most_;
    std::uint8_t uses_to_stay_;
    PerPage<Entry> entries_;
    Links links_;
    PageList small_{links_};
    PageList main_{links_};
    PageList ghosts_{links_};
};

}  // namespace

const PolicyInfo& built_in::s3_fifo() {
    static const PolicyInfo info{
        "s3-fifo",
        "three queues: a small one sorts out what is used once, a main one with lazy promotion, and ghosts",
        "J. Yang, Y. Zhang, Z. Qiu, Y. Yue, K. V. Rashmi, FIFO queues are all you need for cache eviction, SOSP 2023",
        Needs::every_reference,
        {{"small", "per cent of the frames that the small queue aims at", 10, 0, 100},
         {"promote", "uses after the first that take a page from the small to the main queue", 2, 1, 3}},
        make<S3Fifo>};
    return info;
}

}  // namespace fl::replacement
