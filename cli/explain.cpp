#include "cli/explain.hpp"

#include "cli/exit_status.hpp"
#include "cli/machine_code.hpp"
#include "cli/messages.hpp"
#include "cli/option.hpp"
#include "cli/program_options.hpp"
#include "cli/stopped_run.hpp"
#include "mm/page_walk_text.hpp"
#include "mm/reclaimer.hpp"
#include "trace/code_names.hpp"
#include "trace/fault_story.hpp"
#include "trace/text_cell.hpp"

#include <fmt/format.h>

#include <unordered_map>
#include <utility>

namespace fl::cli {

namespace {

constexpr const char* explain_footer =
    R"(N is the number of a page fault, as run --trace counts them. The story goes to standard output, and what the program
prints to standard error; with --output it is the other way round. The program is not run any further.

Exit status: 0; 1: there is no such fault, or the story could not be written; 2, 125: as run.

  faultline run --trace ./program
  faultline explain 7 ./program)";

class StoryView final : public StopView {
public:
    explicit StoryView(bool costs_count) { story_.costs_count = costs_count; }

    void before_fault(const kernel::Machine& machine, const mm::MmStruct& mm, VirtAddr address) override {
        mm_ = &mm;
        described_.clear();
        story_.evictions.clear();
        story_.write_backs.clear();
        const kernel::Inspection standing = machine.inspection();
        if (address.canonical()) story_.walk_before = mm::walk_levels(mm.page_table(), address);
        const mm::Reclaimer* reclaimer = standing.memory.reclaimer();
        if (reclaimer == nullptr) return;
        story_.policy = fmt::format("{}: {}", reclaimer->policy_info().name, reclaimer->policy_info().title);
        story_.policy_state = reclaimer->policy_state();
        reclaimer->for_each_page([&](mm::PageId page, std::optional<Pfn> pfn) {
            if (pfn) described_.insert_or_assign(page, reclaimer->policy_says_of(page));
        });
    }
    void on_eviction(const mm::EvictionEvent& event) override {
        const auto found = described_.find(event.page.id);
        story_.evictions.push_back({event, found != described_.end() ? found->second : std::string()});
    }
    void on_write_back(const mm::WriteBackEvent& event) override { story_.write_backs.push_back(event); }

    std::string look(const kernel::Machine& machine, const StoppedAt& at) override {
        const kernel::Inspection standing = machine.inspection();
        const mm::FaultEvent* event = at.fault;
        story_.event = *event;
        const kernel::InspectedProcess* process = standing.find(event->origin.pid);
        story_.process = process != nullptr ? process->name : "";
        const MachineCode code(machine);
        trace::CodeNames names(code);
        const bool in_exec = event->mode == emu::Mode::kernel && event->origin.instruction == VirtAddr();
        if (!in_exec) story_.instruction = names.at(event->origin.instruction);
        if (event->address.canonical()) {
            story_.walk_after = mm::walk_levels(mm_->page_table(), event->address);
        }
        if (!mm::is_fatal(event->kind)) {
            story_.cost_ns = event->major ? standing.costs.major_fault_ns : standing.costs.minor_fault_ns;
        }
        story_.origin = mm_->history().last_at(event->address);
        if (story_.origin) story_.origin_place = place(names, story_.origin->instruction);
        if (!event->vma && event->address < mm::task_size) add_neighbours(event->address);
        return trace::tell(story_);
    }
    void forget() override { story_ = {}; }

private:
    static std::string place(trace::CodeNames& names, VirtAddr address) {
        const std::string symbol = names.locate(address).symbol;
        return symbol.empty() ? fmt::format("{:#x}", address.value()) : trace::printable(symbol);
    }

    void add_neighbours(VirtAddr address) {
        if (const mm::Vma* below = mm_->vmas().find_previous(address)) story_.below = mm_->snapshot(*below);
        if (const mm::Vma* above = mm_->vmas().find(address)) story_.above = mm_->snapshot(*above);
    }

    trace::FaultStory story_;
    const mm::MmStruct* mm_ = nullptr;
    std::unordered_map<mm::PageId, std::string> described_;
};

}  // namespace

ExplainCommand::ExplainCommand(CLI::App& application)
    : subcommand_(add_subcommand(application, {.name = name,
                                               .meaning = "Tell one page fault of a program as a story",
                                               .operands = "[OPTIONS] N PROGRAM [ARGUMENTS...]",
                                               .footer = explain_footer})) {
    let_last_count(subcommand_);
    add_value_option(subcommand_, "--output", output_, "Write the story to FILE", "FILE");
    add_machine_options(subcommand_, machine_);
}

int ExplainCommand::execute(const std::vector<std::string>& words) const {
    try {
        if (words.empty()) throw UsageError("explain: N is missing; see faultline explain --help");
        StopPoint point;
        point.fault = count_from("explain", words.front());
        if (words.size() < 2) throw UsageError("explain: PROGRAM is missing; see faultline explain --help");
        if (words[1].starts_with("-")) {
            throw UsageError(fmt::format("explain: options stand before N; '{}' is behind it", words[1]));
        }
        StoryView view(machine_.clock == "virtual");
        return run_to_stop(machine_, {words.begin() + 1, words.end()}, point, view, output_);
    } catch (const UsageError& error) {
        report(error.what());
        return exit_usage;
    }
}

}  // namespace fl::cli
