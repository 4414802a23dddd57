// Second chance, as lab 6 asks for it: who was used since it came, or since the last look, goes to the end of the
// queue.
#include <faultline/policy.hpp>

#include <list>

using namespace fl::replacement;

class SecondLook final : public Policy {
public:
    explicit SecondLook(const Setup& setup) : pages_(setup.pages) {}

    void admit(PageId page, Access) override { queue_.push_back(page); }
    PageId choose_victim(PageId) override {
        // Once around clears all bits, so that the second time somebody leaves who may.
        for (std::size_t looks = 2 * queue_.size(); looks > 0; --looks) {
            const PageId page = queue_.front();
            queue_.pop_front();
            if (pages_.evictable(page) && !pages_.test_and_clear_accessed(page)) return page;
            queue_.push_back(page);
        }
        return no_page;
    }
    void forget(PageId page) override { queue_.remove(page); }

private:
    Pages& pages_;
    std::list<PageId> queue_;
};

std::unique_ptr<Policy> make(const Setup& setup) { return std::make_unique<SecondLook>(setup); }
extern "C" const Plugin* faultline_policy() {
    static const Plugin plugin{
        policy_version,
        {"second-look", "the oldest page that was not used lately leaves", "lab 6", Needs::accessed_bits, {}, make}};
    return &plugin;
}
