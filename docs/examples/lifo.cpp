// A whole policy in one file. Build and use it:
//   c++ -std=c++20 -shared -fPIC -I build/include -o lifo.so docs/examples/lifo.cpp
//   faultline policies ./lifo.so
#include <faultline/policy.hpp>

using namespace fl::replacement;

class Lifo final : public Policy {
public:
    explicit Lifo(const Setup& setup) : pages_(setup.pages), keep_(static_cast<std::size_t>(setup.parameters[0])) {}

    void admit(PageId page, Access) override { stack_.push_back(page); }
    PageId choose_victim(PageId) override {
        // The first `keep` pages stay if there is another that may leave.
        for (const std::size_t kept : {keep_, std::size_t{0}})
            for (std::size_t i = stack_.size(); i-- > kept;)
                if (pages_.evictable(stack_[i])) return take(i);
        return no_page;
    }
    void forget(PageId page) override { std::erase(stack_, page); }

private:
    PageId take(std::size_t index) {
        const PageId page = stack_[index];
        stack_.erase(stack_.begin() + static_cast<std::ptrdiff_t>(index));
        return page;
    }
    Pages& pages_;
    std::size_t keep_;
    std::vector<PageId> stack_;
};

std::unique_ptr<Policy> make(const Setup& setup) { return std::make_unique<Lifo>(setup); }
extern "C" const Plugin* faultline_policy() {
    static const Parameter keep{"keep", "pages that stay if others may leave", 0, 0, 1000};
    static const Plugin plugin{policy_version,
                               {"lifo", "the last page leaves first", "an example", Needs::faults_only, {keep}, make}};
    return &plugin;
}
