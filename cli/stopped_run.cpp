#include "cli/stopped_run.hpp"

#include "cli/enough_memory.hpp"
#include "cli/exit_status.hpp"
#include "cli/messages.hpp"
#include "cli/program_options.hpp"
#include "cli/standard_output.hpp"
#include "trace/text_cell.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string_view>

namespace fl::cli {

namespace {

// While it lives, descriptor 1 leads where 2 does: what the program prints does not get in among the views.
class OutputToStandardError {
public:
    OutputToStandardError() : saved_(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)) {
        if (saved_ >= 0) (void)::dup2(STDERR_FILENO, STDOUT_FILENO);
    }
    OutputToStandardError(const OutputToStandardError&) = delete;
    OutputToStandardError& operator=(const OutputToStandardError&) = delete;
    ~OutputToStandardError() {
        if (saved_ < 0) return;
        (void)::dup2(saved_, STDOUT_FILENO);
        (void)::close(saved_);
    }

private:
    int saved_;
};

// Names of files may hold anything.
std::string printable_lines(std::string_view text) {
    std::string lines;
    while (!text.empty()) {
        const std::size_t length = std::min(text.find('\n'), text.size());
        lines += trace::printable(text.substr(0, length)) + '\n';
        text.remove_prefix(std::min(length + 1, text.size()));
    }
    return lines;
}

class Stopper final : public mm::FaultObserver {
public:
    Stopper(const StopPoint& point, StopView& view) : point_(point), view_(view) {}

    StopView& view() const { return view_; }
    void attach(kernel::Machine& machine) { machine_ = &machine; }
    const std::optional<std::string>& text() const { return text_; }
    const std::string& failure() const { return failure_; }

    void before_fault(std::uint64_t sequence, const mm::MmStruct& mm, VirtAddr address) override {
        if (is_due(sequence)) guard([&] { view_.before_fault(*machine_, mm, address); });
    }
    void on_eviction(const mm::EvictionEvent& event) override {
        if (event.for_fault != 0 && is_due(event.for_fault)) guard([&] { view_.on_eviction(event); });
        if (++evictions_ == point_.eviction) look({.fault = nullptr, .eviction = &event});
    }
    void on_write_back(const mm::WriteBackEvent& event) override {
        if (event.for_fault != 0 && is_due(event.for_fault)) guard([&] { view_.on_write_back(event); });
    }
    void on_fault(const mm::FaultEvent& event) override {
        if (is_due(event.sequence)) look({.fault = &event, .eviction = nullptr});
    }
    void look(const StoppedAt& at) {
        if (text_ || machine_ == nullptr) return;
        guard([&] { text_ = view_.look(*machine_, at); });
        machine_->stop();
    }

private:
    bool is_due(std::uint64_t sequence) const { return !text_ && point_.fault == sequence; }

    // No exception may reach the emulator.
    template <class Call>
    void guard(Call&& call) noexcept {
        if (!failure_.empty()) return;
        try {
            call();
        } catch (const std::exception& error) {
            failure_ = error.what();
            machine_->stop();
        }
    }

    const StopPoint& point_;
    StopView& view_;
    kernel::Machine* machine_ = nullptr;
    std::uint64_t evictions_ = 0;
    std::optional<std::string> text_;
    std::string failure_;
};

void set_stop(kernel::MachineOptions& options, const StopPoint& point, Stopper& stopper) {
    if (point.instruction && options.clock == kernel::ClockMode::host) {
        throw UsageError("--at-instruction: nothing counts instructions under --clock host");
    }
    if (point.fault || point.eviction) options.fault_observer = &stopper;
    if (point.exit) options.at_end = [&stopper] { stopper.look({}); };
    options.stop_at_instruction = point.instruction;
    options.at_stop = [&stopper] { stopper.look({}); };
}

std::string never_happened(const char* what, std::uint64_t wanted, std::uint64_t count) {
    return fmt::format("{0} {1} did not happen; there {2} {3} {0}{4}", what, wanted, count == 1 ? "was" : "were", count,
                       count == 1 ? "" : "s");
}

std::string never_reached(const StopPoint& point, const kernel::MachineStatistics& run) {
    if (point.fault) return never_happened("page fault", *point.fault, run.faults.total());
    if (point.eviction) return never_happened("eviction", *point.eviction, run.reclaim.evicted());
    if (point.instruction) {
        return fmt::format("instruction {} was never reached; there were {}", *point.instruction, run.instructions);
    }
    return "the program did not come to its end";
}

int write_text(const std::string& text, std::optional<OutputFile>& file) {
    if (!file) return print_output(text) ? 0 : exit_output_failed;
    std::optional<int> error = file->write(text);
    const std::optional<int> close_error = file->close();
    if (!error) error = close_error;
    if (!error) return 0;
    report(fmt::format("{}: could not be written: {}", file->name(), std::strerror(*error)));
    return exit_output_failed;
}

int fail_to_start(const std::string& message) {
    report(message);
    return exit_not_started;
}

std::optional<OutputFile> open_file(const std::optional<std::string>& path, const std::string& program) {
    if (!path) return std::nullopt;
    tl::expected<OutputFile, std::string> file = OutputFile::open(*path);
    if (!file) throw UsageError(file.error());
    if (file->is_same_file(program)) throw UsageError(fmt::format("{}: is the program itself", *path));
    return *std::move(file);
}

// What views have kept of a machine goes before it.
class ForgottenAtEnd {
public:
    explicit ForgottenAtEnd(StopView& view) : view_(view) {}
    ForgottenAtEnd(const ForgottenAtEnd&) = delete;
    ForgottenAtEnd& operator=(const ForgottenAtEnd&) = delete;
    ~ForgottenAtEnd() { view_.forget(); }

private:
    StopView& view_;
};

int run_machine(kernel::MachineOptions options, const kernel::ProgramSpec& program, const StopPoint& point,
                Stopper& stopper, std::optional<OutputFile> file) {
    set_stop(options, point, stopper);
    std::unique_ptr<kernel::Machine> machine;
    const ForgottenAtEnd forgotten(stopper.view());
    {
        std::optional<OutputToStandardError> diverted;
        if (!file) diverted.emplace();
        auto created = kernel::Machine::create(options);
        if (!created) return fail_to_start(fmt::format("{}: {}", program.path, created.error()));
        machine = *std::move(created);
        stopper.attach(*machine);
        const auto started = machine->exec(program);
        want_enough_memory(started ? machine.get() : nullptr, options, program);
        if (!started) return fail_to_start(started.error());
        if (file) file->begin();
        (void)machine->run();
    }
    for (const std::string& broken : machine->broken_invariants()) report(fmt::format("internal error: {}", broken));
    if (!machine->broken_invariants().empty()) return exit_internal_error;
    if (!stopper.failure().empty()) {
        report(stopper.failure());
        return exit_output_failed;
    }
    if (stopper.text()) return write_text(printable_lines(*stopper.text()), file);
    const std::string& ended = machine->policy_error().empty() ? machine->limit_reached() : machine->policy_error();
    report(fmt::format("{}: {}{}{}", program.path, ended, ended.empty() ? "" : "; ",
                       never_reached(point, machine->statistics())));
    return exit_output_failed;
}

}  // namespace

int run_to_stop(const MachineTexts& texts, const std::vector<std::string>& program_words, const StopPoint& point,
                StopView& view, const std::optional<std::string>& output) {
    try {
        const kernel::ProgramSpec program = program_from(program_words, texts);
        Stopper stopper(point, view);
        return run_machine(machine_from(texts), program, point, stopper, open_file(output, program.path));
    } catch (const UsageError& error) {
        report(error.what());
        return exit_usage;
    } catch (const std::bad_alloc&) {
        return fail_to_start(fmt::format("{}: the host has too little memory for it", program_words.front()));
    }
}

}  // namespace fl::cli
