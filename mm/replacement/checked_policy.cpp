#include "mm/replacement/checked_policy.hpp"

#include <fmt/format.h>

#include <exception>
#include <utility>

namespace fl::replacement {

// What the policy sees: pages that are not resident are no business of its.
class CheckedPolicy::CheckedPages final : public Pages {
public:
    explicit CheckedPages(CheckedPolicy& owner) : owner_(owner) {}

    bool accessed(PageId page) const override { return may_ask(page) && owner_.pages_.accessed(page); }
    void clear_accessed(PageId page) override {
        if (may_ask(page)) owner_.pages_.clear_accessed(page);
    }
    bool dirty(PageId page) const override { return may_ask(page) && owner_.pages_.dirty(page); }
    bool evictable(PageId page) const override { return may_ask(page) && owner_.pages_.evictable(page); }
    void write_back(PageId page) override {
        if (may_ask(page)) owner_.pages_.write_back(page);
    }
    std::uint64_t time() const override { return owner_.pages_.time(); }

private:
    bool may_ask(PageId page) const {
        if (owner_.is_resident(page)) return true;
        owner_.fail(page == no_page ? "asked about no_page"
                                    : fmt::format("asked about page {}, which is not resident", page));
        return false;
    }

    CheckedPolicy& owner_;
};

CheckedPolicy::CheckedPolicy(const PolicyInfo& info, const Setup& setup)
    : name_(info.name), pages_(setup.pages), checked_pages_(std::make_unique<CheckedPages>(*this)) {}

CheckedPolicy::~CheckedPolicy() = default;

tl::expected<std::unique_ptr<CheckedPolicy>, std::string> CheckedPolicy::create(const PolicyInfo& info,
                                                                                const Setup& setup) {
    std::unique_ptr<CheckedPolicy> checked(new CheckedPolicy(info, setup));
    checked->guard("make", [&] {
        checked->policy_ = info.make(Setup{setup.frames, *checked->checked_pages_, setup.seed, setup.parameters});
        if (checked->policy_ == nullptr) {
            checked->fail("make() returned nothing");
            return;
        }
        checked->tick_interval_ = checked->policy_->tick_interval();
        checked->variable_allocation_ = checked->policy_->variable_allocation();
    });
    if (!checked->error_.empty()) return tl::unexpected(checked->error_);
    return checked;
}

void CheckedPolicy::fail(const std::string& why) const {
    if (error_.empty()) error_ = fmt::format("policy {} {}", name_, why);
}

template <class Call>
void CheckedPolicy::guard(const char* what, Call call) const {
    if (!error_.empty()) return;
    try {
        call();
    } catch (const std::exception& thrown) {
        fail(fmt::format("threw in {}(): {}", what, thrown.what()));
    } catch (...) {
        fail(fmt::format("threw in {}()", what));
    }
}

// Whether `page` may leave; it is not resident any more then, so that it cannot be named twice.
bool CheckedPolicy::accept(PageId page, const char* verb) {
    if (!error_.empty()) return false;
    if (!is_resident(page)) {
        fail(fmt::format("{} page {}, which is not resident", verb, page));
    } else if (!pages_.evictable(page)) {
        fail(fmt::format("{} page {}, which is pinned", verb, page));
    } else {
        resident_[page] = false;
        return true;
    }
    return false;
}

void CheckedPolicy::admit(PageId page, Access access) {
    if (page >= resident_.size()) resident_.resize(std::size_t{page} + 1);
    resident_[page] = true;
    guard("admit", [&] { policy_->admit(page, access); });
}

PageId CheckedPolicy::choose_victim(PageId incoming) {
    PageId victim = no_page;
    guard("choose_victim", [&] { victim = policy_->choose_victim(incoming); });
    if (victim != no_page) return accept(victim, "chose") ? victim : no_page;
    for (PageId page = 0; page < resident_.size(); ++page) {
        if (!resident_[page] || !pages_.evictable(page)) continue;
        fail(fmt::format("chose no page, although page {} is evictable", page));
        break;
    }
    return no_page;
}

void CheckedPolicy::reference(PageId page, Access access, std::uint32_t count) {
    guard("reference", [&] { policy_->reference(page, access, count); });
}

void CheckedPolicy::shrink(PageId incoming, std::vector<PageId>& out) {
    std::vector<PageId> named;
    guard("shrink", [&] { policy_->shrink(incoming, named); });
    for (const PageId page : named)
        if (accept(page, "let go of")) out.push_back(page);
}

void CheckedPolicy::forget(PageId page) {
    guard("forget", [&] { policy_->forget(page); });
    if (page < resident_.size()) resident_[page] = false;
}

std::uint64_t CheckedPolicy::tick_interval() const { return tick_interval_; }

void CheckedPolicy::tick() {
    guard("tick", [&] { policy_->tick(); });
}

bool CheckedPolicy::variable_allocation() const { return variable_allocation_; }

std::string CheckedPolicy::state() const {
    std::string text;
    guard("state", [&] { text = policy_->state(); });
    return text;
}

std::string CheckedPolicy::describe(PageId page) const {
    std::string text;
    guard("describe", [&] { text = policy_->describe(page); });
    return text;
}

}  // namespace fl::replacement
