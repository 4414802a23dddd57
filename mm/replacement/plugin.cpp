#include "mm/replacement/plugin.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cmath>
#include <exception>

namespace fl::replacement {

namespace {

constexpr const char* entry_name = "faultline_policy";
using Entry = const Plugin*();

std::string flaw_of(const Parameter& parameter) {
    if (parameter.name == nullptr || *parameter.name == '\0') return "has a parameter without a name";
    if (parameter.meaning == nullptr) return fmt::format("has no meaning for parameter {}", parameter.name);
    for (const char* choice : parameter.choices)
        if (choice == nullptr) return fmt::format("has a choice without a name for parameter {}", parameter.name);
    const double most = parameter.choices.empty() ? parameter.most : static_cast<double>(parameter.choices.size()) - 1;
    const double least = parameter.choices.empty() ? parameter.least : 0;
    // Written so that a NaN is a flaw as well.
    if (!(parameter.default_value >= least && parameter.default_value <= most))
        return fmt::format("has a default out of range for parameter {}", parameter.name);
    const bool is_whole = parameter.is_whole || !parameter.choices.empty();
    if (is_whole && parameter.default_value != std::floor(parameter.default_value))
        return fmt::format("has a fraction for parameter {}, a whole number", parameter.name);
    return {};
}

// dlopen's message starts with the name of the file, or does not.
std::string reason() {
    const char* error = dlerror();
    return error == nullptr ? "unknown reason" : error;
}

const Plugin* call(Entry* entry, std::string& error) {
    try {
        const Plugin* plugin = entry();
        if (plugin == nullptr) error = fmt::format("{}() returned nothing", entry_name);
        return plugin;
    } catch (const std::exception& thrown) {
        error = fmt::format("{}() threw: {}", entry_name, thrown.what());
    } catch (...) {
        error = fmt::format("{}() threw", entry_name);
    }
    return nullptr;
}

}  // namespace

std::string flaw_of(const PolicyInfo& info) {
    if (info.name == nullptr || *info.name == '\0') return "has no name";
    if (info.title == nullptr) return "has no title";
    if (info.source == nullptr) return "has no source";
    if (info.needs > Needs::every_reference) return "needs what a plugin cannot have";
    if (info.make == nullptr) return "has no function that makes the policy";
    for (const Parameter& parameter : info.parameters)
        if (std::string flaw = flaw_of(parameter); !flaw.empty()) return flaw;
    return {};
}

tl::expected<const PolicyInfo*, std::string> load_plugin(const std::string& path) {
    const auto fail = [&](const std::string& why) { return tl::unexpected(fmt::format("policy {}: {}", path, why)); };
    // A name without a '/' would be looked for among the libraries of the system.
    const std::string file = path.find('/') == std::string::npos ? "./" + path : path;
    void* library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
        std::string why = reason();
        if (why.starts_with(file + ": ")) why.erase(0, file.size() + 2);
        return fail(why);
    }
    auto* entry = reinterpret_cast<Entry*>(dlsym(library, entry_name));
    if (entry == nullptr) return fail(fmt::format("it has no function {}()", entry_name));
    std::string error;
    const Plugin* plugin = call(entry, error);
    if (plugin == nullptr) return fail(error);
    // The version is all that may be looked at before it is known to be ours.
    if (plugin->version != policy_version) {
        return fail(fmt::format("it was built for version {} of policy.hpp, this is version {}", plugin->version,
                                policy_version));
    }
    if (const std::string flaw = flaw_of(plugin->info); !flaw.empty()) return fail("it " + flaw);
    return &plugin->info;
}

}  // namespace fl::replacement
