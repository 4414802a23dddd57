#include "cli/run.hpp"

#include "cli/crash_lesson.hpp"
#include "cli/dmesg_session.hpp"
#include "cli/enough_memory.hpp"
#include "cli/exit_status.hpp"
#include "cli/messages.hpp"
#include "cli/mm_dump_session.hpp"
#include "cli/observer_fan.hpp"
#include "cli/option.hpp"
#include "cli/program_options.hpp"
#include "cli/record_session.hpp"
#include "cli/report_session.hpp"
#include "cli/size.hpp"
#include "cli/statistics.hpp"
#include "cli/strace_session.hpp"
#include "mm/walker_check.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

namespace fl::cli {

namespace {

constexpr const char* run_footer =
    R"(Everything behind PROGRAM belongs to the program, options as well. Its standard output is all that appears on standard
output; trace, statistics, dumps and messages go to standard error or to the files named. Optional values need the '='.

The exit status is the program's, 128 + N where signal N ended it; 125: it could not be started; 2: the command line is
wrong; 1: a trace, a log, statistics or a dump could not be written in full, or a module could not be loaded.

  faultline run --trace ./program                     every page fault, explained
  faultline run --trace=t.jsonl --trace-format jsonl ./program
  faultline run --trace=t.json --trace-format perfetto ./program          for ui.perfetto.dev
  faultline run --trace --filter 'kind=cow && vma=[heap]' ./program
  faultline run --stats --mem 16M ./program argument
  faultline run --frames 64 --policy lru --stats ./program   with 64 frames for its pages, and swap
  faultline run --dump-mm --dump-at 7 ./program       the address space at the seventh fault and at the end)";

OutputFile open_output(const std::string& path, const std::string& program) {
    if (path.empty()) return OutputFile::standard_error();
    tl::expected<OutputFile, std::string> file = OutputFile::open(path);
    if (!file) throw UsageError(file.error());
    if (file->is_same_file(program)) throw UsageError(fmt::format("{}: is the program itself", path));
    return *std::move(file);
}

// The outputs of one run, all opened before anything runs.
struct RunOutputs {
    std::unique_ptr<TraceSession> trace;
    std::unique_ptr<ReportSession> report;
    std::unique_ptr<StraceSession> strace;
    std::unique_ptr<DmesgSession> dmesg;
    std::unique_ptr<MmDumpSession> dump;
    std::unique_ptr<RecordSession> record;
    std::optional<OutputFile> statistics;
    ObserverFan observers;  // of faults and processes

    RunOutputs(const RunOptions& options, const std::vector<std::string>& program_words) {
        const std::string& program = program_words.front();
        if (options.trace) {
            trace = open_trace(options, program);
        } else if (options.selection.filter || options.selection.last) {
            throw UsageError(
                fmt::format("{}: goes with --trace", options.selection.filter ? "--filter" : "--trace-last"));
        }
        if (options.report) report = std::make_unique<ReportSession>(open_output(*options.report, program));
        if (options.dump_mm || options.dump_at) dump = open_dump(options, program);
        if (options.statistics) statistics.emplace(open_output(*options.statistics, program));
        if (options.strace) strace = std::make_unique<StraceSession>(open_output(*options.strace, program));
        if (options.dmesg) dmesg = std::make_unique<DmesgSession>(open_output(*options.dmesg, program));
        if (options.record) {
            record = std::make_unique<RecordSession>(open_output(*options.record, program), program_words);
        }
        refuse_shared_files();
        if (trace) observe_with(trace->tracer());
        if (report) observe_with(report->tracer());
    }

    // Whom the machine tells of its faults.
    mm::FaultObserver* fault_observer() {
        mm::FaultObserver* tracers = observers.fault_observer();
        if (!dump || !dump->watches_faults()) return tracers;
        dump->set_next(tracers);
        return dump.get();
    }

    // The program's address space is still there.
    void at_end() {
        if (dump) dump->at_end();
    }

    // The machine is there, and has no program yet.
    void attach(const kernel::Machine& machine, const kernel::MachineOptions& options) {
        const bool is_counted = options.clock == kernel::ClockMode::virtual_time;
        const trace::FaultCosts costs =
            is_counted ? trace::FaultCosts{options.costs.minor_fault_ns, options.costs.major_fault_ns}
                       : trace::FaultCosts{};
        if (trace) trace->tracer().attach(machine, costs);
        if (report) report->attach(machine, costs);
        if (dump) dump->attach(machine);
    }

    void begin() {
        if (trace) trace->begin();
        if (report) report->tracer().begin();
        if (strace) strace->begin();
        if (dmesg) dmesg->begin();
        if (dump) dump->begin();
        if (record) record->begin();
        if (statistics) statistics->begin();
    }

    // One line where the statistics could not be written.
    std::optional<std::string> finish_statistics(const RunSummary& run) {
        if (!statistics) return std::nullopt;
        const bool for_people = statistics->descriptor() == STDERR_FILENO;
        std::optional<int> error = statistics->write(for_people ? statistics_text(run) : statistics_json(run));
        if (!error) error = statistics->close();
        if (!error) return std::nullopt;
        return fmt::format("{}: the statistics could not be written: {}", statistics->name(), std::strerror(*error));
    }

private:
    void observe_with(MachineTracer& tracer) {
        observers.add(&tracer.fault_observer());
        observers.add(tracer.process_observer());
    }

    static std::unique_ptr<TraceSession> open_trace(const RunOptions& options, const std::string& program) {
        auto selection = selection_from(options.selection);
        if (!selection) throw UsageError(selection.error());
        const TraceFormat format = trace_format_by_name(options.trace_format).value_or(TraceFormat::text);
        OutputFile file = open_output(*options.trace, program);
        if (const auto refusal = TraceOutput::refusal(file, format)) throw UsageError(*refusal);
        return std::make_unique<TraceSession>(std::move(file), format, *std::move(selection));
    }

    static std::unique_ptr<MmDumpSession> open_dump(const RunOptions& options, const std::string& program) {
        std::set<std::uint64_t> at_faults;
        if (options.dump_at) {
            auto numbers = parse_fault_numbers(*options.dump_at);
            if (!numbers) throw UsageError(fmt::format("--dump-at: {}", numbers.error()));
            at_faults = *std::move(numbers);
        }
        return std::make_unique<MmDumpSession>(open_output(options.dump_mm.value_or(""), program), std::move(at_faults),
                                               options.dump_mm ? DumpAtEnd::yes : DumpAtEnd::no);
    }

    void refuse_shared_files() const {
        struct Holder {
            const OutputFile* file;
            const char* holds;
        };
        const std::array<Holder, 7> holders = {{{trace ? &trace->file() : nullptr, "the trace"},
                                                {report ? &report->file() : nullptr, "the report"},
                                                {strace ? &strace->file() : nullptr, "the system calls"},
                                                {dmesg ? &dmesg->file() : nullptr, "the kernel's log"},
                                                {dump ? &dump->file() : nullptr, "the dump"},
                                                {record ? &record->file() : nullptr, "the recording"},
                                                {statistics ? &*statistics : nullptr, "the statistics"}}};
        for (std::size_t i = 0; i < holders.size(); ++i) {
            for (std::size_t other = i + 1; other < holders.size(); ++other) {
                const Holder &one = holders.at(i), &two = holders.at(other);
                if (one.file == nullptr || two.file == nullptr || !one.file->is_same_file(two.file->name())) continue;
                throw UsageError(fmt::format("{}: cannot hold both {} and {}", two.file->name(), one.holds, two.holds));
            }
        }
    }
};

std::vector<kernel::ModuleChoice> modules_from(const std::vector<std::string>& texts) {
    std::vector<kernel::ModuleChoice> modules;
    for (const std::string& text : texts) {
        auto choice = kernel::parse_module(text);
        if (!choice) throw UsageError(fmt::format("--module: {}", choice.error()));
        modules.push_back(*std::move(choice));
    }
    return modules;
}

kernel::MachineOptions machine_options(const RunOptions& options, RunOutputs& outputs) {
    kernel::MachineOptions machine = machine_from(options.machine);
    machine.pressure.counts_working_set = options.statistics.has_value();
    machine.paranoia = options.paranoid ? kernel::Paranoia::every_step : kernel::Paranoia::off;
    if (options.check_walkers) machine.walkers = kernel::WalkerChecks::at_end;
    if (options.max_instructions) {
        machine.max_instructions = count_from("--max-instructions", *options.max_instructions);
        if (machine.clock == kernel::ClockMode::host) {
            throw UsageError("--max-instructions: nothing counts instructions under --clock host");
        }
    }
    machine.fault_observer = outputs.fault_observer();
    machine.process_observer = outputs.observers.process_observer();
    if (outputs.record) machine.memory_observer = &outputs.record->observer();
    if (outputs.strace) machine.strace = outputs.strace->log();
    if (outputs.dmesg) machine.kernel_log = outputs.dmesg->sink();
    machine.modules = modules_from(options.modules);
    return machine;
}

int fail_to_start(const std::string& message) {
    report(message);
    return exit_not_started;
}

// What a shell says of a program of its own; out of memory, the kernel has said it.
void report_death(const std::string& program, const kernel::ExitStatus& exit) {
    if (exit.signal == 0 || exit.out_of_memory) return;
    const char* description = ::sigdescr_np(exit.signal);
    report(fmt::format("{}: ended by signal {}{}", program, exit.signal,
                       description != nullptr ? fmt::format(" ({})", description) : ""));
}

// What other page walkers said.
void report_walkers(const mm::WalkerReport& walkers) {
    std::string text = fmt::format("walkers: {} pages of {} address space{}, {} of the kernel half", walkers.user_pages,
                                   walkers.spaces, walkers.spaces == 1 ? "" : "s", walkers.kernel_pages);
    for (const mm::WalkerReport::Walker& walker : walkers.walkers) {
        text += walker.missing.empty() ? fmt::format("; {}: {} translations", walker.name, walker.translations)
                                       : fmt::format("; {}: skipped: {}", walker.name, walker.missing);
    }
    report(fmt::format("{}; {} differ", text, walkers.disagreements.size()));
}

int run_program(kernel::MachineOptions options, const kernel::ProgramSpec& program, RunOutputs& outputs) {
    kernel::Machine* running = nullptr;
    std::string lesson;
    options.at_end = [&] {
        outputs.at_end();
        lesson = crash_lesson(*running);
    };
    auto created = kernel::Machine::create(options);
    if (!created) return fail_to_start(fmt::format("{}: {}", program.path, created.error()));
    kernel::Machine& machine = **created;
    running = &machine;
    outputs.attach(machine, options);
    const auto started = machine.exec(program);
    want_enough_memory(started ? &machine : nullptr, options, program);
    if (!started) return fail_to_start(started.error());
    outputs.begin();
    const auto& policy = options.pressure.policy;
    if (policy && policy->info->needs == replacement::Needs::every_reference) {
        report(
            fmt::format("policy {}: needs every reference, so that each access is reported to it, which slows the "
                        "program down",
                        policy->info->name));
    }

    const kernel::ExitStatus exit = machine.run();
    if (!machine.policy_error().empty()) {
        report(fmt::format("{}: stopped: {}", program.path, machine.policy_error()));
    } else if (!machine.limit_reached().empty()) {
        report(fmt::format("{}: {}", program.path, machine.limit_reached()));
    } else {
        report_death(program.path, exit);
        fmt::print(stderr, "{}", lesson);
    }
    if (options.walkers == kernel::WalkerChecks::at_end) report_walkers(machine.walker_report());
    std::vector<std::string> problems;
    if (outputs.trace) {
        if (auto problem = outputs.trace->finish()) problems.push_back(*std::move(problem));
    }
    if (outputs.record) {
        if (auto problem = outputs.record->finish()) problems.push_back(*std::move(problem));
    }
    if (outputs.strace) {
        if (auto problem = outputs.strace->finish()) problems.push_back(*std::move(problem));
    }
    if (outputs.dmesg) {
        if (auto problem = outputs.dmesg->finish()) problems.push_back(*std::move(problem));
    }
    for (const std::string& problem : machine.module_problems()) problems.push_back(problem);
    if (outputs.dump) {
        for (std::string& problem : outputs.dump->finish()) problems.push_back(std::move(problem));
    }
    const std::string& stopped = machine.policy_error().empty() ? machine.limit_reached() : machine.policy_error();
    const RunSummary summary{program.path, exit, machine.statistics(), options.clock, policy, stopped};
    if (outputs.report) {
        auto problem = outputs.report->finish(run_report_head(program.argv, summary));
        if (problem) problems.push_back(*std::move(problem));
    }
    if (auto problem = outputs.finish_statistics(summary)) problems.push_back(*std::move(problem));
    for (const std::string& problem : problems) report(problem);
    for (const std::string& broken : machine.broken_invariants()) report(fmt::format("internal error: {}", broken));
    if (!machine.broken_invariants().empty()) return exit_internal_error;
    return problems.empty() ? exit.status : exit_output_failed;
}

std::string module_help() {
    std::vector<std::string_view> names;
    for (const kernel::ModuleInfo* module : kernel::all_modules()) names.emplace_back(module->name);
    return fmt::format("Load a module, which speaks in the kernel's log: {}", fmt::join(names, ", "));
}

void add_options(CLI::App& subcommand, RunOptions& options) {
    // Said twice, the last time counts: scripts add to what they were given.
    let_last_count(subcommand);
    add_machine_options(subcommand, options.machine);
    add_optional_file(subcommand, "--trace", options.trace, "Report each page fault, to FILE or standard error");
    add_option(subcommand, "--trace-format", options.trace_format,
               "Lines for people (the default), JSON lines, a table, for ui.perfetto.dev, a database")
        .one_of(trace_format_names())
        .option_text(fmt::format("{}", fmt::join(trace_format_names(), "|")));
    add_selection_options(subcommand, options.selection);
    add_value_option(subcommand, "--report", options.report,
                     "Show the run as one HTML page: faults by time and address, memory, page tables", "FILE");
    add_optional_file(subcommand, "--stats", options.statistics,
                      "Sum up the run at its end: as text, or to FILE as JSON");
    add_optional_file(subcommand, "--dump-mm", options.dump_mm,
                      "Show the address space at the end: mm_struct, each VMA, the tree, beside /proc/PID/maps");
    add_value_option(subcommand, "--dump-at", options.dump_at,
                     "Show the address space once these page faults are handled", "N[,N...]");
    add_optional_file(subcommand, "--strace", options.strace,
                      "Report each system call and signal as strace -f does, to FILE or standard error");
    add_optional_file(subcommand, "--dmesg", options.dmesg,
                      "Show the kernel's log as dmesg does, on standard error or in FILE");
    add_value_option(subcommand, "--module", options.modules, module_help(), "NAME[,argument=N...]")
        .take_all()
        .allow_extra_args(false);
    add_value_option(subcommand, "--record", options.record,
                     "Keep every page reference in FILE, for replay, curve and sweep; slows the program down", "FILE");
    add_value_option(subcommand, "--max-instructions", options.max_instructions, "End with status 124 after so many",
                     "N");
    add_flag(subcommand, "--paranoid", options.paranoid,
             "Check all invariants of memory management after each system call and fault");
    add_flag(subcommand, "--check-walkers", options.check_walkers,
             "At each process's end, have Unicorn's MMU and KVM translate all that our page walker does");
}

}  // namespace

RunCommand::RunCommand(CLI::App& application)
    : subcommand_(add_subcommand(application, {.name = name,
                                               .meaning = "Run a static x86-64 Linux program on the emulated machine",
                                               .operands = "[OPTIONS] PROGRAM [ARGUMENTS...]",
                                               .footer = run_footer})) {
    add_options(subcommand_, options_);
}

int RunCommand::execute(const std::vector<std::string>& program_words) const {
    try {
        if (program_words.empty()) throw UsageError("run: PROGRAM is missing; see faultline run --help");
        const kernel::ProgramSpec program = program_from(program_words, options_.machine);
        RunOutputs outputs(options_, program_words);
        return run_program(machine_options(options_, outputs), program, outputs);
    } catch (const UsageError& error) {
        report(error.what());
        return exit_usage;
    } catch (const std::bad_alloc&) {
        return fail_to_start(fmt::format("{}: the host has too little memory for it", program_words.front()));
    }
}

}  // namespace fl::cli
