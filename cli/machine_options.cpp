#include "cli/machine_options.hpp"

#include "cli/option.hpp"
#include "cli/program_options.hpp"
#include "cli/size.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <filesystem>

#include <charconv>
#include <utility>

namespace fl::cli {

namespace {

std::uint64_t seed_from(const std::string& text) {
    const bool is_hex = text.starts_with("0x") || text.starts_with("0X");
    const char* first = text.data() + (is_hex ? 2 : 0);
    const char* last = text.data() + text.size();
    std::uint64_t seed = 0;
    const auto [end, error] = std::from_chars(first, last, seed, is_hex ? 16 : 10);
    if (error != std::errc() || end != last) {
        throw UsageError(fmt::format("--seed: '{}' is not a number from 0 to 2^64 - 1", text));
    }
    return seed;
}

PageCount fault_around_from(const std::string& text) {
    const auto pages = parse_page_count(text);
    if (!pages) throw UsageError(fmt::format("--fault-around: {}", pages.error()));
    if (*pages > mm::max_fault_around || (pages->value() & (pages->value() - 1)) != 0) {
        throw UsageError(fmt::format("--fault-around: '{}' is not 0 or a power of two up to {} pages", text,
                                     mm::max_fault_around.value()));
    }
    return *pages;
}

// More files of the host may be open at once than a shell allows at first.
void allow_many_descriptors() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

kernel::HostTree host_tree_from(const MachineTexts& texts) {
    kernel::HostTree tree;
    if (texts.root) {
        auto root = kernel::open_host_root(*texts.root);
        if (!root) throw UsageError(root.error());
        tree.root = *std::move(root);
    }
    for (const std::string& words : texts.binds) {
        auto bind = kernel::open_host_bind(words);
        if (!bind) throw UsageError(bind.error());
        tree.binds.push_back(*std::move(bind));
    }
    if (tree.root || !tree.binds.empty()) allow_many_descriptors();
    return tree;
}

void set_timeout(kernel::MachineOptions& machine, const MachineTexts& texts) {
    if (!texts.timeout) return;
    const std::string& text = *texts.timeout;
    double seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    constexpr double longest = 1e9;
    if (error != std::errc{} || end != text.data() + text.size() || !(seconds > 0 && seconds <= longest)) {
        throw UsageError(fmt::format("--timeout {}: want seconds, more than 0", text));
    }
    machine.timeout = std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(seconds));
}

}  // namespace

std::uint64_t count_from(const char* option, const std::string& text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value == 0) {
        throw UsageError(fmt::format("{} {}: want a number from 1", option, text));
    }
    return value;
}

void add_machine_options(CLI::App& subcommand, MachineTexts& texts) {
    add_memory_options(subcommand, texts.memory);
    add_value_option(subcommand, "--fault-around", texts.fault_around,
                     "Pages of a file that one read fault maps, where cached (16); 0: the one asked for", "PAGES|SIZE");
    add_value_option(subcommand, "--seed", texts.seed, "Where the program's random numbers start from (0)", "N");
    add_option(subcommand, "--clock", texts.clock,
               "Time by instructions and faults (the default), or the host's: faster")
        .one_of({"virtual", "host"})
        .option_text("virtual|host");
    add_value_option(subcommand, "--max-tasks", texts.max_tasks, "End with status 124 where a task more is made (4096)",
                     "N");
    add_value_option(subcommand, "--timeout", texts.timeout,
                     "End with status 124 after so many seconds of the host's time", "SECONDS");
    add_value_option(subcommand, "--env", texts.environment,
                     "Put K=V into the program's environment, which is empty else", "K=V")
        .take_all()
        .allow_extra_args(false);
    add_value_option(subcommand, "--root", texts.root,
                     "Show the host's DIR at /; what the program changes stays in memory", "DIR");
    add_value_option(subcommand, "--bind", texts.binds,
                     "Show a folder or file of the host at GUEST: read-only, with ':rw' to be written",
                     "HOST:GUEST[:rw]")
        .take_all()
        .allow_extra_args(false);
}

kernel::MachineOptions machine_from(const MachineTexts& texts) {
    kernel::MachineOptions machine;
    set_memory(machine, texts.memory);
    machine.clock = texts.clock == "host" ? kernel::ClockMode::host : kernel::ClockMode::virtual_time;
    machine.host = host_tree_from(texts);
    machine.seed = seed_from(texts.seed);
    machine.fault_around = fault_around_from(texts.fault_around);
    machine.max_tasks = count_from("--max-tasks", texts.max_tasks);
    set_timeout(machine, texts);
    return machine;
}

kernel::ProgramSpec program_from(const std::vector<std::string>& words, const MachineTexts& texts) {
    kernel::ProgramSpec program;
    program.path = words.front();
    program.argv = words;
    program.environment = environment_from(texts.environment);
    std::error_code gone;
    const auto here = std::filesystem::current_path(gone);
    if (!gone) program.working_directory = here.string();
    return program;
}

}  // namespace fl::cli
