#include "cli/program_options.hpp"

#include "cli/size.hpp"
#include "mm/kernel_space.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace fl::cli {

namespace {

// The frame table counts frames with 32 bits.
constexpr std::uint64_t memory_limit_bytes = std::uint64_t{1} << (32 + page_shift);

}  // namespace

PageCount memory_from(const std::string& text) {
    const tl::expected<std::uint64_t, std::string> size = parse_size(text);
    if (!size) throw UsageError(fmt::format("--mem: {}", size.error()));
    const std::uint64_t least = mm::KernelSpace::least_ram().bytes();
    if (*size < least) {
        throw UsageError(fmt::format("--mem: '{}' is too small; the least is {}", text, humanised(least)));
    }
    const PageCount pages = PageCount::of_bytes(*size);
    if (pages >= PageCount::of_bytes(memory_limit_bytes)) {
        throw UsageError(
            fmt::format("--mem: '{}' is too large; it must be less than {}", text, humanised(memory_limit_bytes)));
    }
    return pages;
}

std::vector<std::string> environment_from(const std::vector<std::string>& settings) {
    std::vector<std::string> environment;
    for (const std::string& setting : settings) {
        const std::size_t equals = setting.find('=');
        if (equals == std::string::npos || equals == 0) {
            throw UsageError(fmt::format("--env: '{}' is not of the form NAME=VALUE", setting));
        }
        const std::string_view prefix = std::string_view(setting).substr(0, equals + 1);
        const auto earlier = std::find_if(environment.begin(), environment.end(),
                                          [prefix](const std::string& entry) { return entry.starts_with(prefix); });
        if (earlier != environment.end()) {
            *earlier = setting;
        } else {
            environment.push_back(setting);
        }
    }
    return environment;
}

}  // namespace fl::cli
