#include "cli/memory_options.hpp"

#include "cli/option.hpp"
#include "cli/program_options.hpp"
#include "cli/size.hpp"
#include "mm/replacement/nearest_name.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>
#include <vector>

namespace fl::cli {

namespace {

std::uint64_t size_from(const char* option, const std::string& text) {
    const auto size = parse_size(text);
    if (!size) throw UsageError(fmt::format("{}: {}", option, size.error()));
    return *size;
}

// Throws UsageError where the key is none of these.
void want_key(const char* option, std::string_view key, const std::vector<std::string_view>& keys) {
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) return;
    throw UsageError(fmt::format("{}: {}", option, replacement::unknown_name("kind", key, keys)));
}

std::optional<std::uint64_t> whole_number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

PageCount frames_from(const std::string& text, PageCount memory) {
    const auto frames = parse_page_count(text);
    if (!frames) throw UsageError(fmt::format("--frames: {}", frames.error()));
    const PageCount least = kernel::MemoryPressure::least_frames;
    if (*frames < least || *frames > memory) {
        throw UsageError(fmt::format("--frames {}: want {} to {} frames of 4 KiB, as many as --mem has, or a size",
                                     text, least.value(), memory.value()));
    }
    return *frames;
}

PageCount swap_from(const std::string& text) {
    const PageCount slots(size_from("--swap", text) >> page_shift);
    // As much as four levels of page tables can map.
    constexpr PageCount most{1ULL << 32};
    if (slots > most) throw UsageError(fmt::format("--swap {}: is more than {}", text, humanised(most.bytes())));
    return slots;
}

struct KeyValue {
    std::string_view key, value;
};

// "key=value,key=value".
std::vector<KeyValue> key_values(const char* option, std::string_view text) {
    std::vector<KeyValue> pairs;
    while (!text.empty()) {
        const std::string_view word = text.substr(0, text.find(','));
        const std::size_t equals = word.find('=');
        if (equals == std::string_view::npos) throw UsageError(fmt::format("{}: '{}' has no '='", option, word));
        pairs.push_back({word.substr(0, equals), word.substr(equals + 1)});
        text.remove_prefix(std::min(text.size(), word.size() + 1));
    }
    return pairs;
}

mm::SwapErrors swap_errors_from(const std::string& text) {
    mm::SwapErrors errors;
    for (const auto& [key, value] : key_values("--swap-errors", text)) {
        want_key("--swap-errors", key, {"read", "write"});
        const auto every = whole_number(value);
        if (!every || *every == 0) {
            throw UsageError(fmt::format("--swap-errors {}={}: want a number from 1: every so many fail", key, value));
        }
        if (key == "read") {
            errors.every_read = *every;
        } else {
            errors.every_write = *every;
        }
    }
    return errors;
}

// "0.5us", "100ns", "2ms", "1s".
std::uint64_t nanoseconds_from(std::string_view text) {
    struct Unit {
        std::string_view name;
        double nanoseconds;
    };
    constexpr Unit units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
    constexpr double longest = 1e12;
    for (const Unit& known : units) {
        const double nanoseconds = value * known.nanoseconds;
        if (error != std::errc{} || unit != known.name || !(nanoseconds >= 0 && nanoseconds <= longest)) continue;
        return static_cast<std::uint64_t>(std::llround(nanoseconds));
    }
    throw UsageError(fmt::format("--cost: '{}' is no time such as 100ns, 0.5us or 2ms", text));
}

kernel::CostModel costs_from(const std::string& text) {
    kernel::CostModel costs;
    for (const auto& [key, value] : key_values("--cost", text)) {
        want_key("--cost", key, {"minor", "major", "memory"});
        const std::uint64_t nanoseconds = nanoseconds_from(value);
        if (key == "minor") {
            costs.minor_fault_ns = nanoseconds;
        } else if (key == "major") {
            costs.major_fault_ns = nanoseconds;
        } else {
            costs.memory_access_ns = nanoseconds;
        }
    }
    return costs;
}

mm::ThpMode thp_from(const std::string& text) {
    if (text == "always") return mm::ThpMode::always;
    return text == "madvise" ? mm::ThpMode::madvise : mm::ThpMode::never;
}

replacement::PolicyChoice policy_from(const std::string& text) {
    auto choice = replacement::parse_policy(text);
    if (!choice) throw UsageError(choice.error());
    if (choice->info->make == nullptr) {
        throw UsageError(
            fmt::format("--policy {}: needs the future, which a running program does not have. It works on recorded "
                        "reference strings; the tests and lab/replay.hpp show how",
                        choice->info->name));
    }
    return *std::move(choice);
}

void add_switch(CLI::App& subcommand, const std::string& name, std::string& value, const std::string& meaning) {
    add_option(subcommand, name, value, meaning).one_of({"on", "off"}).option_text("on|off");
}

}  // namespace

void add_memory_options(CLI::App& subcommand, MemoryOptions& options) {
    add_value_option(subcommand, "--mem", options.memory,
                     "Memory of the machine, such as 512K, 64M, 1G or 4096pages (256M)", "SIZE");
    add_value_option(subcommand, "--frames", options.frames,
                     "At most so many frames for user pages; page tables and the kernel's own are beside them",
                     "PAGES|SIZE");
    add_value_option(subcommand, "--policy", options.policy,
                     "Which page leaves (clock): see faultline policies; or a shared object", "NAME[,key=value...]");
    add_option(subcommand, "--scope", options.scope,
               "Whose pages are candidates: everybody's (global), or who needs the frame")
        .one_of({"global", "per-process"})
        .option_text("global|per-process");
    add_switch(subcommand, "--kswapd", options.kswapd, "Whether frames are made free in the background, too (off)");
    add_option(subcommand, "--thp", options.thp,
               "Where anonymous memory gets pages of 2 MiB: wherever one fits, or is asked for")
        .one_of({"always", "madvise", "never"})
        .option_text("always|madvise|never");
    add_switch(subcommand, "--khugepaged", options.khugepaged,
               "Whether pages are gathered for those of 2 MiB in the background, too (off)");
    add_switch(subcommand, "--kcompactd", options.kcompactd,
               "Whether memory is compacted in the background, too (off)");
    add_switch(subcommand, "--flusher", options.flusher,
               "Whether files of the host are written back in the background, too (off)");
    add_value_option(subcommand, "--swap", options.swap, "Swap space (as much as --mem); 0: none", "SIZE");
    add_value_option(subcommand, "--swap-file", options.swap_file, "Keep what is swapped out in FILE, not in memory",
                     "FILE");
    add_value_option(subcommand, "--swap-errors", options.swap_errors,
                     "Let every N-th read from swap, or write to it, fail: read=N,write=N", "KIND=N[,KIND=N]");
    add_value_option(subcommand, "--cost", options.cost,
                     "What faults cost in virtual time (minor=500ns,major=100us), and memory=1ns for --stats",
                     "KIND=TIME[,...]");
}

void set_memory(kernel::MachineOptions& machine, const MemoryOptions& options) {
    machine.memory = memory_from(options.memory);
    kernel::MemoryPressure& pressure = machine.pressure;
    if (options.frames) pressure.frames = frames_from(*options.frames, machine.memory);
    if (options.policy) pressure.policy = policy_from(*options.policy);
    pressure.scope = options.scope == "global" ? mm::ReclaimScope::global : mm::ReclaimScope::per_process;
    pressure.kswapd = options.kswapd == "on";
    machine.thp = thp_from(options.thp);
    machine.khugepaged = options.khugepaged == "on";
    machine.kcompactd = options.kcompactd == "on";
    pressure.flusher = options.flusher == "on";
    if (options.swap) pressure.swap = swap_from(*options.swap);
    if (options.swap_file) {
        if (pressure.swap == PageCount(0)) throw UsageError("--swap-file: there is no swap space to keep in it");
        pressure.swap_file = *options.swap_file;
    }
    if (options.swap_errors) pressure.swap_errors = swap_errors_from(*options.swap_errors);
    if (options.cost) machine.costs = costs_from(*options.cost);
}

}  // namespace fl::cli
