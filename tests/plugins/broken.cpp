// A plugin that is broken in the one way that FLAW_... says.
#include <faultline/policy.hpp>

#include <stdexcept>

using namespace fl::replacement;

namespace {

#ifdef FLAW_missing_symbol
extern "C" int faultline_test_symbol_that_nobody_has();
#endif

std::unique_ptr<Policy> make(const Setup&) { return nullptr; }

[[maybe_unused]] const Plugin& plugin() {
    static Plugin plugin{policy_version, {"broken", "", "", Needs::faults_only, {{"weight", "", 1, 0, 5}}, make}};
#ifdef FLAW_wrong_version
    plugin.version = policy_version + 7;
#endif
#ifdef FLAW_no_name
    plugin.info.name = nullptr;
#endif
#ifdef FLAW_no_make
    plugin.info.make = nullptr;
#endif
#ifdef FLAW_future
    plugin.info.needs = Needs::future;
#endif
#ifdef FLAW_bad_default
    plugin.info.parameters[0].default_value = 6;
#endif
    return plugin;
}

}  // namespace

#ifndef FLAW_no_entry
extern "C" const Plugin* faultline_policy() {
#ifdef FLAW_throws
    throw std::runtime_error("not today");
#endif
#ifdef FLAW_returns_nothing
    return nullptr;
#endif
#ifdef FLAW_missing_symbol
    if (faultline_test_symbol_that_nobody_has() != 0) return nullptr;
#endif
    return &plugin();
}
#endif
