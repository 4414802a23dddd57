#include "cli/compare_native.hpp"

#include "cli/exit_status.hpp"
#include "cli/messages.hpp"
#include "cli/option.hpp"
#include "cli/output_file.hpp"
#include "cli/program_options.hpp"
#include "kernel/machine.hpp"
#include "trace/fault_comparison.hpp"
#include "trace/native_run.hpp"
#include "trace/symbolizer.hpp"
#include "trace/text_cell.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>
#include <span>
#include <sstream>
#include <utility>

namespace fl::cli {

namespace {

constexpr int exit_equal = 0;
constexpr int exit_different = 1;

constexpr const char* footer =
    R"(Runs PROGRAM on this machine's kernel and on ours, with the same arguments and the same environment, and compares the page
faults that it took in user mode: instruction and address, entry by entry, in order. Natively they are the ones that
'perf record -e page-faults:u -c 1 -d' records under 'setarch -R', with one difference: a C library chooses its code by
what CPUID says, and natively, too, CPUID describes the emulated processor. Standard input and output are /dev/null.

The exit status is 0 where both are equal, 1 where they differ; 125: this machine cannot record them, or the program
could not be started; 2: the command line is wrong.

  faultline compare-native ./program argument
  faultline compare-native --all -o table ./program
  faultline compare-native --maps ./program           /proc/PID/maps at the end instead)";

// Both sides run with nothing on their standard input and output, as what these are is part of a program's behaviour.
class NullStreams {
public:
    NullStreams() {
        std::fflush(stdout);
        const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
        for (const int stream : streams) {
            saved_[static_cast<std::size_t>(stream)] = ::fcntl(stream, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
            ::dup2(nothing, stream);
        }
        if (nothing > STDERR_FILENO) ::close(nothing);
    }
    NullStreams(const NullStreams&) = delete;
    NullStreams& operator=(const NullStreams&) = delete;
    ~NullStreams() {
        for (const int stream : streams) {
            const int saved = saved_[static_cast<std::size_t>(stream)];
            if (saved < 0) {
                ::close(stream);
            } else {
                ::dup2(saved, stream);
                ::close(saved);
            }
        }
    }

private:
    static constexpr std::array streams{STDIN_FILENO, STDOUT_FILENO};
    std::array<int, 2> saved_{-1, -1};
};

// What the host's recorder would see of our faults: those of user mode, below the end of the user half.
class UserFaultCollector final : public mm::FaultObserver {
public:
    void on_fault(const mm::FaultEvent& event) override {
        if (event.mode != emu::Mode::user || event.address >= mm::task_size) return;
        faults.push_back({event.origin.instruction, event.address});
    }
    std::vector<trace::UserFault> faults;
};

struct EmulatedRun {
    std::vector<trace::UserFault> faults;
    std::string maps_at_start;
    std::string maps_at_end;
    trace::ImageInfo image;
    std::vector<VirtAddr> cpuid_sites;
};

struct BothRuns {
    trace::NativeRun native;
    EmulatedRun emulated;
};

template <class T>
using Ran = tl::expected<T, std::string>;

Ran<EmulatedRun> run_emulated(PageCount memory, const kernel::ProgramSpec& program) {
    EmulatedRun run;
    UserFaultCollector collector;
    kernel::MachineOptions options;
    options.memory = memory;
    options.page_cache = kernel::PageCacheAtStart::warm;
    options.fault_observer = &collector;
    options.cpuid_log = &run.cpuid_sites;
    kernel::Machine* running = nullptr;
    options.at_end = [&] { run.maps_at_end = running->maps(); };
    auto created = kernel::Machine::create(options);
    if (!created) return tl::unexpected(fmt::format("{}: {}", program.path, created.error()));
    kernel::Machine& machine = **created;
    running = &machine;
    if (auto started = machine.exec(program); !started) return tl::unexpected(started.error());
    run.maps_at_start = machine.maps();
    run.image = {machine.program_path(), machine.current_mm()->bounds().load_bias};
    const kernel::ExitStatus exit = machine.run();
    if (!machine.broken_invariants().empty()) return tl::unexpected(machine.broken_invariants().front());
    if (exit.out_of_memory) return tl::unexpected(fmt::format("{}: the machine ran out of memory", program.path));
    run.faults = std::move(collector.faults);
    return run;
}

// Natively the program is shown the processor that it saw here, so it runs here first. What cannot be started here is
// not run natively either.
Ran<BothRuns> run_both(const CompareOptions& options, const std::vector<std::string>& words) {
    const std::vector<std::string> environment = environment_from(options.environment);
    const kernel::ProgramSpec program{words.front(), words, environment};
    const PageCount memory = memory_from(options.memory);
    const NullStreams streams;
    auto emulated = run_emulated(memory, program);
    if (!emulated) return tl::unexpected(emulated.error());
    auto cpuid_sites = options.host_cpuid ? std::vector<VirtAddr>{} : emulated->cpuid_sites;
    auto native = trace::run_natively({words.front(), words, environment, std::move(cpuid_sites)});
    if (!native) return tl::unexpected(native.error());
    return BothRuns{*std::move(native), *std::move(emulated)};
}

// --- the text ------------------------------------------------------------------------------------------------------

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
}

// The host's addresses as they would be with a block of our size, and a line for people where that moved something.
class CommonLayout {
public:
    CommonLayout(const std::string& native_maps, const std::string& our_maps)
        : native_(trace::find_vdso_block(native_maps)), ours_(trace::find_vdso_block(our_maps)) {}

    VirtAddr moved(VirtAddr address) const {
        return native_ && ours_ ? trace::move_between_layouts(address, *native_, *ours_) : address;
    }
    // Ours; empty where there is none.
    trace::VdsoBlock block() const { return ours_.value_or(trace::VdsoBlock{}); }
    std::string note() const {
        if (!native_ || !ours_ || native_->size_bytes() == ours_->size_bytes()) return "";
        return fmt::format(
            "[vvar] to [vdso] take {} KiB natively and {} KiB here: native addresses below are shown as they would be "
            "here\n",
            native_->size_bytes() >> 10, ours_->size_bytes() >> 10);
    }

private:
    std::optional<trace::VdsoBlock> native_, ours_;
};

class FaultTable {
public:
    FaultTable(const BothRuns& runs, const CommonLayout& layout)
        : native_(runs.native.faults), emulated_(runs.emulated.faults), layout_(layout), names_(runs.emulated.image) {
        for (trace::UserFault& fault : native_) {
            fault = {layout.moved(fault.instruction), layout.moved(fault.address)};
        }
        rows_ = trace::compare_faults(native_, emulated_, layout.block());
    }

    bool equal() const {
        return std::all_of(rows_.begin(), rows_.end(), [](const auto& row) { return row.equal(); });
    }

    std::string text(std::size_t limit) {
        const auto difference = std::find_if(rows_.begin(), rows_.end(), [](const auto& row) { return !row.equal(); });
        const auto first = static_cast<std::size_t>(difference - rows_.begin());
        // A long table is shown from a little before the place that matters.
        const std::size_t start = rows_.size() > limit && first < rows_.size() ? first - std::min(first, limit / 4) : 0;
        const std::size_t end = std::min(rows_.size(), start + limit);

        std::string text =
            "      native                                  emulated\n"
            "  seq instruction    address            seq instruction    address         by\n";
        if (start > 0) text += fmt::format("  ... {} equal rows\n", start);
        for (std::size_t i = start; i < end; ++i) append_row(text, rows_[i]);
        if (end < rows_.size()) text += fmt::format("  ... {} more rows; --all shows them\n", rows_.size() - end);
        return text + "\n" + verdict(first);
    }

private:
    void append_row(std::string& text, const trace::ComparedRow& row) {
        text += row.equal() ? "  " : "* ";
        append_side(text, native_, row.native);
        text += row.equal() ? "  =  " : row.native ? "  <  " : "  >  ";
        append_side(text, emulated_, row.emulated);
        const trace::UserFault& fault = row.emulated ? emulated_[*row.emulated] : native_[*row.native];
        text += "  " + name_of(fault.instruction) + "\n";
    }

    static void append_side(std::string& text, const std::vector<trace::UserFault>& faults,
                            std::optional<std::size_t> index) {
        if (!index) {
            text.append(35, ' ');
            return;
        }
        const trace::UserFault& fault = faults[*index];
        text += fmt::format("{:>3} {:<#14x} {:<#15x}", *index + 1, fault.instruction.value(), fault.address.value());
    }

    std::string name_of(VirtAddr instruction) {
        const VirtRange vdso = layout_.block().image;
        if (vdso.contains(instruction)) return fmt::format("[vdso]+{:#x}", instruction - vdso.start);
        const trace::CodeLocation location = names_.locate(instruction);
        return trace::printable(location.source.empty() ? location.symbol : location.symbol + "  " + location.source);
    }

    std::string verdict(std::size_t first) const {
        if (first == rows_.size()) return fmt::format("equal: {} page faults\n", rows_.size());
        const auto common = static_cast<std::size_t>(
            std::count_if(rows_.begin(), rows_.end(), [](const auto& row) { return row.equal(); }));
        return fmt::format(
            "different: {} page faults natively, {} emulated, {} in common; the first difference is in row {}, behind "
            "{} equal ones\n",
            native_.size(), emulated_.size(), common, first + 1, first);
    }

    std::vector<trace::UserFault> native_, emulated_;
    const CommonLayout& layout_;
    trace::Symbolizer names_;
    std::vector<trace::ComparedRow> rows_;
};

// A line of maps with its addresses moved.
std::string moved_line(const std::string& line, const CommonLayout& layout) {
    std::uint64_t start = 0, end = 0;
    char dash = 0;
    std::istringstream fields(line);
    fields >> std::hex >> start >> dash >> end;
    if (!fields || dash != '-') return line;
    const VirtAddr moved = layout.moved(VirtAddr(start));
    if (moved == VirtAddr(start)) return line;
    // Fields behind the addresses keep their columns, as both ends have as many digits as before.
    std::string behind;
    std::getline(fields, behind);
    return fmt::format("{:08x}-{:08x}{}", moved.value(), moved.value() + (end - start), behind);
}

struct Comparison {
    bool equal;
    std::string text;
};

// The lines are sorted, so that lines which only one side has are found by going along both.
Comparison compare_maps(const BothRuns& runs, const CommonLayout& layout) {
    std::vector<std::string> native = lines_of(runs.native.maps_at_end);
    for (std::string& line : native) line = moved_line(line, layout);
    const std::vector<std::string> emulated = lines_of(runs.emulated.maps_at_end);
    const auto in = [](const std::vector<std::string>& lines, const std::string& line) {
        return std::find(lines.begin(), lines.end(), line) != lines.end();
    };
    std::string text;
    std::size_t n = 0, e = 0, different = 0;
    while (n < native.size() || e < emulated.size()) {
        if (n < native.size() && e < emulated.size() && native[n] == emulated[e]) {
            text += "  " + trace::printable(native[n++]) + "\n";
            ++e;
        } else if (n < native.size() && (e == emulated.size() || !in(emulated, native[n]))) {
            text += "< " + trace::printable(native[n++]) + "\n";
            ++different;
        } else {
            text += "> " + trace::printable(emulated[e++]) + "\n";
            ++different;
        }
    }
    text += different == 0
                ? fmt::format("\nequal: {} mappings\n", native.size())
                : fmt::format("\ndifferent: {} lines that only one side has; < natively, > emulated\n", different);
    return {different == 0, std::move(text)};
}

Comparison compare(const CompareOptions& options, const BothRuns& runs) {
    const CommonLayout layout(runs.native.maps_at_start, runs.emulated.maps_at_start);
    Comparison comparison;
    if (options.maps) {
        comparison = compare_maps(runs, layout);
    } else {
        FaultTable table(runs, layout);
        comparison = {table.equal(), table.text(options.all ? ~std::size_t{0} : options.limit)};
    }
    if (runs.native.cpuid_left > 0) {
        comparison.text.insert(0, fmt::format("natively {} of {} CPUID instructions were not reached or not answered\n",
                                              runs.native.cpuid_left, runs.emulated.cpuid_sites.size()));
    }
    comparison.text = layout.note() + comparison.text;
    return comparison;
}

int cannot_compare(const std::string& message) {
    report(message);
    return exit_not_started;
}

int write_comparison(OutputFile* file, const Comparison& comparison) {
    if (file == nullptr) {
        std::fwrite(comparison.text.data(), 1, comparison.text.size(), stdout);
        std::fflush(stdout);
    } else {
        file->begin();
        std::optional<int> error = file->write(comparison.text);
        if (!error) error = file->close();
        if (error) return cannot_compare(fmt::format("{}: {}", file->name(), std::strerror(*error)));
    }
    return comparison.equal ? exit_equal : exit_different;
}

void add_options(CLI::App& subcommand, CompareOptions& options) {
    let_last_count(subcommand);
    add_flag(subcommand, "--maps", options.maps, "Compare /proc/PID/maps at the program's end instead of page faults");
    add_flag(subcommand, "--all", options.all, "Show every row of the table");
    add_value_option(subcommand, "--limit", options.limit, "Show at most N rows, around the first difference (60)",
                     "N");
    add_flag(subcommand, "--host-cpuid", options.host_cpuid,
             "Natively let CPUID name the host's processor, not the emulated one");
    add_value_option(subcommand, "-o", options.output, "Write to FILE instead of standard output", "FILE");
    add_value_option(subcommand, "--env", options.environment,
                     "Put K=V into the program's environment, which is empty else", "K=V")
        .take_all()
        .allow_extra_args(false);
    add_value_option(subcommand, "--mem", options.memory, "Memory of the emulated machine, such as 64M or 1G (256M)",
                     "SIZE");
}

}  // namespace

CompareNativeCommand::CompareNativeCommand(CLI::App& application)
    : subcommand_(add_subcommand(
          application,
          {.name = name,
           .meaning = "Compare a program's page faults with those that it takes on this machine's own kernel",
           .operands = "[OPTIONS] PROGRAM [ARGUMENTS...]",
           .footer = footer})) {
    add_options(subcommand_, options_);
}

int CompareNativeCommand::execute(const std::vector<std::string>& program_words) const {
    try {
        if (program_words.empty()) {
            throw UsageError("compare-native: PROGRAM is missing; see faultline compare-native --help");
        }
        std::optional<OutputFile> file;
        if (!options_.output.empty()) {
            auto opened = OutputFile::open(options_.output);
            if (!opened) throw UsageError(opened.error());
            if (opened->is_same_file(program_words.front())) {
                throw UsageError(fmt::format("{}: is the program itself", options_.output));
            }
            file.emplace(*std::move(opened));
        }
        const auto runs = run_both(options_, program_words);
        if (!runs) return cannot_compare(runs.error());
        return write_comparison(file ? &*file : nullptr, compare(options_, *runs));
    } catch (const UsageError& error) {
        report(error.what());
        return exit_usage;
    } catch (const std::bad_alloc&) {
        return cannot_compare(fmt::format("{}: the host has too little memory for it", program_words.front()));
    }
}

}  // namespace fl::cli
