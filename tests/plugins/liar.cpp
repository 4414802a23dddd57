// A plugin that does one wrong thing, by its parameter: a FIFO otherwise.
#include <faultline/policy.hpp>

#include <stdexcept>

using namespace fl::replacement;

namespace {

enum Lie { none, not_resident, pinned, twice, no_number, names_nothing, asks, throws, shrinks_twice, writes };

class Liar final : public Policy {
public:
    explicit Liar(const Setup& setup) : pages_(setup.pages), lie_(static_cast<Lie>(setup.parameters[0])) {}

    void admit(PageId page, Access) override { queue_.push_back(page); }
    PageId choose_victim(PageId incoming) override {
        switch (lie_) {
            case not_resident: return incoming;
            case pinned:
                for (const PageId page : queue_)
                    if (!pages_.evictable(page)) return page;
                break;
            case twice:
                if (last_ != no_page) return last_;
                break;
            case no_number: return 4'000'000'000;
            case names_nothing: return no_page;
            case asks: pages_.clear_accessed(incoming); break;
            case writes: pages_.write_back(4'000'000'000); break;
            case throws: throw std::runtime_error("out of ideas");
            case none:
            case shrinks_twice: break;
        }
        last_ = queue_.front();
        queue_.erase(queue_.begin());
        return last_;
    }
    void shrink(PageId, std::vector<PageId>& out) override {
        if (lie_ == shrinks_twice && queue_.size() > 1) out = {queue_[0], queue_[0]};
    }
    void forget(PageId page) override { std::erase(queue_, page); }
    bool variable_allocation() const override { return lie_ == shrinks_twice; }

private:
    Pages& pages_;
    Lie lie_;
    PageId last_ = no_page;
    std::vector<PageId> queue_;
};

}  // namespace

extern "C" const Plugin* faultline_policy() {
    static const Plugin plugin{
        policy_version,
        {"liar",
         "does one wrong thing",
         "a test",
         Needs::faults_only,
         {{"lie", "which one", 0, 0, writes}},
         [](const Setup& setup) -> std::unique_ptr<Policy> { return std::make_unique<Liar>(setup); }}};
    return &plugin;
}
