#include "cli/inspect.hpp"

#include "cli/exit_status.hpp"
#include "cli/inspect_json.hpp"
#include "cli/messages.hpp"
#include "cli/option.hpp"
#include "cli/program_options.hpp"
#include "cli/stopped_run.hpp"
#include "kernel/inspect.hpp"
#include "kernel/mm_dump.hpp"
#include "mm/file_identity.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <charconv>
#include <stdexcept>
#include <string_view>

namespace fl::cli {

namespace {

constexpr const char* inspect_footer =
    R"(Runs the program up to one point, shows the machine as it stands there, and ends. The views go to standard output, and
what the program prints goes to standard error; with --output it is the other way round: the views go to FILE, and
standard output is the program's.

Views: maps (mappings, and what of them is in memory), mm (mm_struct and its VMAs), pagetable (the tree), buddy (free
blocks), slab (the kernel's own objects), frames (the frame table), rmap (frames to addresses), swap (slots), lists (the
policy's), kernel (the kernel half of every address space), log (the kernel's), all. Without any of --show, --walk and
--phys: maps and pagetable.

Exit status: 0; 1: the point was never reached, or what was shown could not be written; 2, 125: as run.

  faultline inspect --at-fault 7 --show maps,pagetable ./program
  faultline inspect --at-exit --walk 0x404000 --walk 0x7fffffffe000 ./program
  faultline inspect --at-exit --show pagetable --json ./program | jq '.pagetable.tables'
  faultline inspect --at-instruction 10000 --frames 16 --show lists,swap ./program
  faultline inspect --at-eviction 3 --frames 32 --kswapd on --show mm ./program)";

constexpr std::array view_names = {"maps", "mm",   "pagetable", "buddy",  "slab", "frames",
                                   "rmap", "swap", "lists",     "kernel", "log"};

// "0x1234", or decimal.
std::uint64_t address_from(const char* option, const std::string& text) {
    const bool is_hex = text.starts_with("0x") || text.starts_with("0X");
    const char* first = text.data() + (is_hex ? 2 : 0);
    const char* last = text.data() + text.size();
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(first, last, value, is_hex ? 16 : 10);
    if (error != std::errc() || end != last) {
        throw UsageError(fmt::format("{}: '{}' is not an address; say 0x404000", option, text));
    }
    return value;
}

std::vector<std::string> views_from(const std::string& text) {
    std::vector<std::string> views;
    std::string_view rest = text;
    while (true) {
        const std::string word(rest.substr(0, rest.find(',')));
        const bool is_known = std::ranges::find(view_names, word) != view_names.end();
        if (word == "all") {
            views.insert(views.end(), view_names.begin(), view_names.end());
        } else if (is_known) {
            views.push_back(word);
        } else {
            throw UsageError(
                fmt::format("--show: there is no view '{}'; there are {}, all", word, fmt::join(view_names, ", ")));
        }
        if (word.size() == rest.size()) return views;
        rest.remove_prefix(word.size() + 1);
    }
}

std::string eviction_text(const mm::EvictionEvent& event) {
    const mm::PageName& page = event.page;
    const std::string what = page.file != nullptr ? fmt::format("page {} of {}", page.file_page, page.file->path)
                             : page.address
                                 ? fmt::format("the page at {:#x} of process {}", page.address->value(), page.owner)
                                 : "a page that nobody maps";
    if (event.for_fault != 0) return fmt::format("{} left memory for page fault {}", what, event.for_fault);
    return fmt::format("{} left memory; reason: {}", what, mm::reclaim_reason_name(event.reason));
}

std::string borrower_text(const kernel::Inspection& standing, const kernel::Borrower& borrower) {
    const std::string who = fmt::format("{} ({})", borrower.pid, borrower.name);
    if (borrower.active_mm == nullptr) return who + ", which has no active_mm";
    const kernel::InspectedProcess* lender = standing.find(standing.owner_of(*borrower.active_mm));
    if (lender == nullptr) return who + ", whose active_mm has no users any more";
    return fmt::format("{}, whose active_mm is that of process {} ({})", who, lender->pid, lender->name);
}

// What mm_count counts beside the users; empty: nobody runs on it who is none of them.
std::string loan_text(const kernel::Inspection& standing, const kernel::InspectedProcess& process) {
    if (!standing.borrower || standing.borrower->active_mm != process.mm) return "";
    return fmt::format("\nactive_mm of {} ({}): one of mm_count, none of mm_users\n", standing.borrower->pid,
                       standing.borrower->name);
}

class Views final : public StopView {
public:
    Views(const InspectOptions& options, const StopPoint& point) : point_(point), is_json_(options.json) {
        for (const std::string& text : options.walks) walks_.emplace_back(address_from("--walk", text));
        for (const std::string& text : options.physicals) physicals_.emplace_back(address_from("--phys", text));
        if (options.pid) pid_ = count_from("--pid", *options.pid);
        if (options.show) {
            views_ = views_from(*options.show);
        } else if (walks_.empty() && physicals_.empty()) {
            views_ = {"maps", "pagetable"};
        }
    }

    std::string look(const kernel::Machine& machine, const StoppedAt& at) override {
        const kernel::Inspection standing = machine.inspection();
        const kernel::InspectedProcess& process = process_of(standing);
        if (is_json_) return json(standing, process, at);
        std::string text = occasion(standing, at);
        for (const std::string& view : views_) text += "\n" + show(view, standing, process);
        for (const VirtAddr address : walks_) text += "\n" + kernel::show_walk(standing, process, address);
        for (const PhysAddr address : physicals_) text += "\n" + kernel::show_physical(standing, address);
        return text;
    }

private:
    std::string json(const kernel::Inspection& standing, const kernel::InspectedProcess& process,
                     const StoppedAt& at) const {
        Json all{{"stopped", json_standing(standing, at, point_)},
                 {"process", {{"pid", process.pid}, {"program", process.name}}}};
        for (const std::string& view : views_) all[view] = json_view(view, standing, process);
        for (const VirtAddr address : walks_) all["walks"].push_back(json_walk(standing, process, address));
        for (const PhysAddr address : physicals_) all["phys"].push_back(json_physical(standing, address));
        return json_line(all);
    }

    const kernel::InspectedProcess& process_of(const kernel::Inspection& standing) const {
        const std::uint64_t wanted = pid_.value_or(standing.current_pid);
        for (const kernel::InspectedProcess& process : standing.processes) {
            if (process.pid == wanted) return process;
        }
        std::vector<std::uint32_t> pids;
        for (const kernel::InspectedProcess& process : standing.processes) pids.push_back(process.pid);
        throw std::runtime_error(
            fmt::format("--pid {}: there is no such process then; there are {}", wanted, fmt::join(pids, ", ")));
    }

    std::string occasion(const kernel::Inspection& standing, const StoppedAt& at) const {
        std::string text = "stopped";
        if (at.eviction != nullptr) {
            text += fmt::format(" after eviction {} ({})", *point_.eviction, eviction_text(*at.eviction));
        }
        if (const mm::FaultEvent* event = at.fault) {
            text +=
                fmt::format(" after page fault {} ({}, {} {:#x})", event->sequence, mm::fault_kind_name(event->kind),
                            event->access == emu::Access::write     ? "a write to"
                            : event->access == emu::Access::execute ? "a fetch from"
                                                                    : "a read from",
                            event->address.value());
        }
        const kernel::InspectedProcess* current = standing.find(standing.current_pid);
        if (standing.borrower) {
            text += ", in " + borrower_text(standing, *standing.borrower);
        } else if (current != nullptr) {
            text += fmt::format(", in process {} ({})", current->pid, current->name);
        }
        if (standing.instructions > 0) text += fmt::format(", after {} instructions", standing.instructions);
        return text + fmt::format(", at {} ns\n", standing.time_ns);
    }

    static std::string show(const std::string& view, const kernel::Inspection& standing,
                            const kernel::InspectedProcess& process) {
        if (view == "maps") return kernel::show_maps(process);
        if (view == "mm") {
            return kernel::dump_mm(*process.mm, process.pid,
                                   fmt::format("mm: process {} ({})", process.pid, process.name)) +
                   loan_text(standing, process);
        }
        if (view == "pagetable") return kernel::show_page_table(process);
        if (view == "buddy") return kernel::show_buddy(standing.memory);
        if (view == "slab") return kernel::show_slab(standing.memory);
        if (view == "frames") return kernel::show_frames(standing);
        if (view == "rmap") return kernel::show_rmap(standing);
        if (view == "swap") return kernel::show_swap(standing);
        if (view == "kernel") return kernel::show_kernel_space(standing.memory);
        if (view == "log") return kernel::show_log(standing);
        return kernel::show_lists(standing);
    }

    const StopPoint& point_;
    bool is_json_;
    std::vector<std::string> views_;
    std::vector<VirtAddr> walks_;
    std::vector<PhysAddr> physicals_;
    std::optional<std::uint64_t> pid_;
};

StopPoint point_from(const InspectOptions& options) {
    const int points = (options.at_fault ? 1 : 0) + (options.at_instruction ? 1 : 0) + (options.at_eviction ? 1 : 0) +
                       (options.at_exit ? 1 : 0);
    if (points != 1) throw UsageError("inspect: say one of --at-fault, --at-instruction, --at-eviction and --at-exit");
    StopPoint point;
    if (options.at_fault) point.fault = count_from("--at-fault", *options.at_fault);
    if (options.at_instruction) point.instruction = count_from("--at-instruction", *options.at_instruction);
    if (options.at_eviction) point.eviction = count_from("--at-eviction", *options.at_eviction);
    point.exit = options.at_exit;
    return point;
}

}  // namespace

InspectCommand::InspectCommand(CLI::App& application)
    : subcommand_(add_subcommand(application, {.name = name,
                                               .meaning = "Show the machine, stopped at a page fault or elsewhere",
                                               .operands = "[OPTIONS] PROGRAM [ARGUMENTS...]",
                                               .footer = inspect_footer})) {
    let_last_count(subcommand_);
    add_value_option(subcommand_, "--at-fault", options_.at_fault, "Stop once the N-th page fault is handled", "N");
    add_value_option(subcommand_, "--at-instruction", options_.at_instruction,
                     "Stop once N instructions were executed, at the end of the block (up to a jump) of the N-th", "N");
    add_value_option(subcommand_, "--at-eviction", options_.at_eviction,
                     "Stop once the N-th page has left memory, for a page fault, by kswapd or on advice", "N");
    add_flag(subcommand_, "--at-exit", options_.at_exit, "Stop at the program's end, its memory still there");
    add_value_option(subcommand_, "--show", options_.show, "Which views", "VIEW[,VIEW...]");
    add_flag(subcommand_, "--json", options_.json, "The views as JSON, on one line (docs/inspect.md)");
    add_value_option(subcommand_, "--walk", options_.walks,
                     "Walk the page table for a virtual address, level by level; may be repeated", "ADDRESS")
        .take_all()
        .allow_extra_args(false);
    add_value_option(subcommand_, "--phys", options_.physicals,
                     "From a physical address to the virtual ones that lead there; may be repeated", "ADDRESS")
        .take_all()
        .allow_extra_args(false);
    add_value_option(subcommand_, "--pid", options_.pid, "The process to look at (the one whose turn it is)", "PID");
    add_value_option(subcommand_, "--output", options_.output, "Write the views to FILE", "FILE");
    add_machine_options(subcommand_, options_.machine);
}

int InspectCommand::execute(const std::vector<std::string>& program_words) const {
    try {
        if (program_words.empty()) throw UsageError("inspect: PROGRAM is missing; see faultline inspect --help");
        const StopPoint point = point_from(options_);
        Views views(options_, point);
        return run_to_stop(options_.machine, program_words, point, views, options_.output);
    } catch (const UsageError& error) {
        report(error.what());
        return exit_usage;
    }
}

}  // namespace fl::cli
