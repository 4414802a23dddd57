// CheckedPolicy: a policy between two checks. What it names must be resident and evictable, named once, and what it
// asks about must be resident; its exceptions end here. The first thing that is wrong becomes error(), and from then on
// the policy is not asked any more and names nothing.
//
// Plugins always run in it, built-in policies under --paranoid.
#pragma once

#include "mm/replacement/policy.hpp"

#include <tl/expected.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace fl::replacement {

class CheckedPolicy final : public Policy {
public:
    // Makes the policy, too. The error is one line that names it.
    static tl::expected<std::unique_ptr<CheckedPolicy>, std::string> create(const PolicyInfo& info, const Setup& setup);
    ~CheckedPolicy() override;

    // One line that names the policy and the page; empty: all is well. To be looked at after every call.
    const std::string& error() const { return error_; }

    void admit(PageId page, Access access) override;
    PageId choose_victim(PageId incoming) override;
    void reference(PageId page, Access access, std::uint32_t count) override;
    void shrink(PageId incoming, std::vector<PageId>& out) override;
    void forget(PageId page) override;
    std::uint64_t tick_interval() const override;
    void tick() override;
    bool variable_allocation() const override;
    std::string state() const override;
    std::string describe(PageId page) const override;

private:
    class CheckedPages;

    CheckedPolicy(const PolicyInfo& info, const Setup& setup);
    // Calls the policy, unless it failed before.
    template <class Call>
    void guard(const char* what, Call call) const;
    bool accept(PageId page, const char* verb);
    void fail(const std::string& why) const;
    bool is_resident(PageId page) const { return page < resident_.size() && resident_[page]; }

    std::string name_;
    Pages& pages_;
    std::vector<bool> resident_;
    mutable std::string error_;
    std::unique_ptr<CheckedPages> checked_pages_;
    std::unique_ptr<Policy> policy_;
    std::uint64_t tick_interval_ = 0;
    bool variable_allocation_ = false;
};

}  // namespace fl::replacement
