#include "kernel/modules/registry.hpp"

#include "kernel/modules/built_in.hpp"
#include "mm/replacement/nearest_name.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

namespace fl::kernel {

namespace {

using replacement::unknown_name;

constexpr ModuleParameter at_fault{
    .name = "at-fault", .meaning = "load it once this page fault has been handled", .least = 1};

std::optional<std::uint64_t> number_from(std::string_view text) {
    const bool is_hex = text.starts_with("0x") || text.starts_with("0X");
    if (is_hex) text.remove_prefix(2);
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, is_hex ? 16 : 10);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

const ModuleParameter* find_parameter(const ModuleInfo& info, std::string_view name) {
    if (name == at_fault.name) return &at_fault;
    const auto found = std::ranges::find_if(info.parameters, [name](const auto& known) { return name == known.name; });
    return found != info.parameters.end() ? &*found : nullptr;
}

std::vector<std::string_view> parameter_names(const ModuleInfo& info) {
    std::vector<std::string_view> names;
    for (const ModuleParameter& parameter : info.parameters) names.emplace_back(parameter.name);
    names.emplace_back(at_fault.name);
    return names;
}

// One "argument=value".
tl::expected<void, std::string> set_argument(ModuleChoice& choice, std::string_view word) {
    const ModuleInfo& info = *choice.info;
    const std::size_t equals = word.find('=');
    const std::string_view name = word.substr(0, equals);
    const ModuleParameter* parameter = find_parameter(info, name);
    if (parameter == nullptr) {
        return tl::unexpected(
            fmt::format("module {}: {}", info.name, unknown_name("argument", name, parameter_names(info))));
    }
    if (equals == std::string_view::npos) {
        return tl::unexpected(fmt::format("module {}: '{}' needs a value: {}=N", info.name, name, name));
    }
    const std::string_view text = word.substr(equals + 1);
    const auto value = number_from(text);
    if (!value) {
        return tl::unexpected(
            fmt::format("module {}: {}={}: want a number, such as 7 or 0x404000", info.name, name, text));
    }
    if (*value < parameter->least || *value > parameter->most) {
        return tl::unexpected(
            fmt::format("module {}: {}={}: want a number from {}{}", info.name, name, text, parameter->least,
                        parameter->most == ~std::uint64_t{0} ? "" : fmt::format(" to {}", parameter->most)));
    }
    if (parameter == &at_fault) {
        choice.at_fault = *value;
    } else {
        choice.arguments.set(parameter->name, *value);
    }
    return {};
}

}  // namespace

std::span<const ModuleInfo* const> all_modules() {
    using namespace built_in;
    static const std::array modules{&fragment(), &memshow(), &pgwalk(), &vmashow()};
    return modules;
}

const ModuleInfo* find_module(std::string_view name) {
    for (const ModuleInfo* info : all_modules()) {
        if (name == info->name) return info;
    }
    return nullptr;
}

tl::expected<ModuleChoice, std::string> parse_module(std::string_view text) {
    const std::string_view name = text.substr(0, text.find(','));
    ModuleChoice choice{.info = find_module(name), .arguments = {}};
    if (name.empty()) return tl::unexpected(std::string("a module has a name"));
    if (choice.info == nullptr) {
        std::vector<std::string_view> names;
        for (const ModuleInfo* info : all_modules()) names.emplace_back(info->name);
        return tl::unexpected(unknown_name("module", name, names));
    }
    std::string_view rest = text.substr(name.size());
    while (!rest.empty()) {
        rest.remove_prefix(1);
        const std::string_view word = rest.substr(0, rest.find(','));
        if (word.empty()) {
            return tl::unexpected(fmt::format("module {}: an argument is missing behind the ','", name));
        }
        if (auto set = set_argument(choice, word); !set) return tl::unexpected(set.error());
        rest.remove_prefix(word.size());
    }
    for (const ModuleParameter& parameter : choice.info->parameters) {
        if (!parameter.is_required || choice.arguments.find(parameter.name)) continue;
        return tl::unexpected(
            fmt::format("module {}: {} is missing: {}=N, {}", name, parameter.name, parameter.name, parameter.meaning));
    }
    return choice;
}

}  // namespace fl::kernel
