#include "trace/fault_story.hpp"

#include "emu/page_fault.hpp"
#include "mm/file.hpp"
#include "mm/print_to.hpp"
#include "trace/fault_kind_text.hpp"
#include "trace/reclaim_text.hpp"
#include "trace/text_cell.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace fl::trace {

namespace {

using mm::FaultKind;

const char* level_span(unsigned level) {
    switch (level) {
        case 4: return "512 GiB";
        case 3: return "1 GiB";
        case 2: return "2 MiB";
        default: return "4 KiB";
    }
}

const char* verb(emu::Access access) {
    switch (access) {
        case emu::Access::read: return "read";
        case emu::Access::write: return "write";
        case emu::Access::execute: return "execute";
    }
    return "";
}

std::string plural(std::uint64_t count, const char* what) {
    return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string base_name(const std::string& path) { return printable(path.substr(path.rfind('/') + 1)); }

std::string kind_of_mapping(const mm::VmaSnapshot& vma) {
    const bool shared = vma.flags.has(mm::vm_shared);
    if (vma.file == nullptr) return vma.name.starts_with("[v") ? "the kernel's own" : "private memory without a file";
    switch (vma.file->kind) {
        case mm::FileKind::regular:
        case mm::FileKind::memory: return shared ? "a file, shared" : "a file, private: writes make copies";
        case mm::FileKind::shared_memory: return shared ? "shared memory" : "shared memory, mapped privately";
    }
    return "";
}

class Teller {
public:
    explicit Teller(const FaultStory& story) : story_(story), event_(story.event) {}

    std::string tell() {
        add("Page fault {} of this run: {}, in process {} ({})\n", event_.sequence, mm::fault_kind_name(event_.kind),
            event_.origin.pid, printable(story_.process));
        add_instruction();
        add_walk();
        add_mapping();
        add_kernel();
        add_cost();
        add_leavers();
        return std::move(text_);
    }

private:
    template <class... Values>
    void add(fmt::format_string<Values...> format, Values&&... values) {
        print_to(text_, format, std::forward<Values>(values)...);
    }
    void heading(const char* name) { add("\n{}\n", name); }

    bool in_exec() const { return event_.mode == emu::Mode::kernel && event_.origin.instruction == VirtAddr(); }

    std::string place() const {
        const Instruction& at = story_.instruction;
        std::string text = at.symbol.empty()
                               ? fmt::format("{:#x}", event_.origin.instruction.value())
                               : fmt::format("{} ({:#x})", printable(at.symbol), event_.origin.instruction.value());
        if (!at.source.empty()) text += ", " + printable(at.source);
        return text;
    }

    void add_instruction() {
        heading("What was wanted");
        const std::string access =
            fmt::format("{} {} {:#x}", verb(event_.access), event_.access == emu::Access::execute ? "what is at" : "at",
                        event_.address.value());
        if (in_exec()) {
            add("  exec, which was building the program's address space, wanted to {}.\n", access);
        } else if (event_.mode == emu::Mode::kernel) {
            add("  The kernel wanted to {}, for the system call made at\n    {}\n", access, place());
        } else {
            add("  The instruction at\n    {}\n", place());
            if (!story_.instruction.text.empty()) add("    {}\n", story_.instruction.text);
            add("  wanted to {}.\n", access);
        }
        const std::uint32_t code = event_.error_code;
        using Code = emu::PageFaultCode;
        add("  Error code {:#x}: {}, {} access{}{}.\n", code,
            (code & Code::present) != 0 ? "the page is there and does not allow it" : "no page is there",
            (code & Code::write) != 0         ? "a write"
            : (code & Code::instruction) != 0 ? "a fetch"
                                              : "a read",
            (code & Code::user) != 0 ? " in user mode" : " in kernel mode",
            (code & Code::reserved) != 0 ? ", a reserved bit is set" : "");
    }

    void add_walk() {
        heading("What the walk found");
        if (story_.walk_before.empty()) {
            add("  Nothing: the address is not one that page tables can hold.\n");
            return;
        }
        for (const mm::LevelStep& step : story_.walk_before) {
            add("  {}  table {:#x}, entry {}: {}", mm::level_name(step.level), step.table.value(), step.index,
                mm::pte_text(step.entry));
            if (step.entry.is_resident()) {
                add(" -> {} {:#x}", step.is_leaf() ? "frame" : "table", step.entry.pfn().value());
            }
            text_ += "\n";
        }
        const mm::LevelStep& last = story_.walk_before.back();
        if (!last.is_leaf()) {
            add("  It ended at the {}: there is no {} table for these {}.\n", mm::level_name(last.level),
                mm::level_name(last.level - 1), level_span(last.level));
        } else if (last.entry.is_present() && !last.entry.user()) {
            text_ += "  It reached a page of the kernel's, which is not for programs.\n";
        } else if (last.entry.is_present()) {
            add("  It reached a {}page, whose entry {} the {}.\n", last.level == 2 ? "large " : "",
                allows(last.entry) ? "allows" : "does not allow", verb(event_.access));
        } else {
            add("  It ended at the last level: {}.\n", absence(last.entry));
        }
    }

    bool allows(emu::Pte pte) const {
        if (event_.access == emu::Access::write) return pte.writable();
        return event_.access == emu::Access::read || pte.executable();
    }
    static std::string absence(emu::Pte pte) {
        switch (pte.kind()) {
            case emu::PteKind::none: return "the entry is empty";
            case emu::PteKind::swapped: return fmt::format("the page is in swap, slot {}", pte.slot().value());
            case emu::PteKind::guard: return "a guard, which is not to be touched";
            case emu::PteKind::write_protected: return "no page, and a userfaultfd is to hear of the first write";
            case emu::PteKind::poisoned: return "a page that a userfaultfd called unreadable";
            case emu::PteKind::prot_none: return "a page that PROT_NONE hides";
            case emu::PteKind::present: break;
        }
        return "";
    }

    static std::string vma_text(const mm::VmaSnapshot& vma) {
        return fmt::format("{:#x}-{:#x} {} {}", vma.range.start.value(), vma.range.end.value(),
                           mm::protection_string(vma.flags), vma.name.empty() ? "(no name)" : printable(vma.name));
    }

    void add_mapping() {
        heading("Which mapping holds the address");
        if (!event_.vma) {
            add("  None.");
            if (story_.below) {
                add(" The nearest below is {}, {} bytes away.", vma_text(*story_.below),
                    event_.address - story_.below->range.end);
            }
            if (story_.above) {
                add(" The nearest above is {}, {} bytes away.", vma_text(*story_.above),
                    story_.above->range.start - event_.address);
            }
            text_ += "\n";
            add_origin();
            return;
        }
        const mm::VmaSnapshot& vma = *event_.vma;
        const bool refused = event_.kind == FaultKind::segv_accerr;
        add("  {}\n  It is {}. It {} the {}.", vma_text(vma), kind_of_mapping(vma),
            refused ? "does not allow" : "allows", verb(event_.access));
        if (vma.file != nullptr) add(" The address is in page {} of the file.", file_page());
        text_ += "\n";
        add_origin();
    }

    static const char* effect_text(mm::MappingChange::Effect effect) {
        switch (effect) {
            case mm::MappingChange::Effect::mapped: return "mapped";
            case mm::MappingChange::Effect::unmapped: return "unmapped";
            case mm::MappingChange::Effect::moved_away: return "moved away";
            case mm::MappingChange::Effect::protected_: return "set the rights of";
        }
        return "";
    }

    void add_origin() {
        if (!story_.origin) {
            if (event_.vma) add("  No system call that is remembered made it: it is exec's, or older.\n");
            return;
        }
        const mm::MappingChange& change = *story_.origin;
        add("  The last system call that changed it is {}, called at {} after {} ns: it {} {:#x}-{:#x}.\n", change.call,
            story_.origin_place, change.time_ns, effect_text(change.effect), change.range.start.value(),
            change.range.end.value());
    }

    std::uint64_t file_page() const {
        const mm::VmaSnapshot& vma = *event_.vma;
        return vma.pgoff + ((event_.address - vma.range.start) >> page_shift);
    }
    std::string file_page_text() const {
        return event_.vma && event_.vma->file != nullptr
                   ? fmt::format("page {} of {}", file_page(), base_name(event_.vma->file->path))
                   : "the page";
    }
    std::string frame() const { return event_.pfn ? fmt::format("frame {:#x}", event_.pfn->value()) : "no frame"; }
    std::string frame_before() const {
        return event_.pte_before.is_resident() ? fmt::format("frame {:#x}", event_.pte_before.pfn().value())
                                               : file_page_text();
    }

    void add_kernel() {
        heading("What the kernel did");
        add("  {}: {}.\n", mm::fault_kind_name(event_.kind), explanation(event_.kind));
        const std::string did = deed();
        if (!did.empty()) add("  {}\n", did);
        if (event_.pages_around > 0) {
            add("  {} of the file around it, which were in memory, {} mapped as well.\n",
                plural(event_.pages_around, "page"), event_.pages_around == 1 ? "was" : "were");
        }
        if (event_.pte_after == event_.pte_before) {
            add("  The entry stayed as it was: {}.\n", mm::pte_text(event_.pte_after));
        } else {
            add("  The entry became: {}.\n", mm::pte_text(event_.pte_after));
        }
    }

    // What was done in this case, with its numbers.
    std::string deed() const {
        switch (event_.kind) {
            case FaultKind::demand_zero:
                if (event_.pte_after.is_large()) {
                    const std::uint64_t first = event_.pte_after.pfn().value();
                    return fmt::format("It took frames {:#x}-{:#x}, full of zeroes, for a large page of 2 MiB.", first,
                                       first + emu::large_page_frames - 1);
                }
                return fmt::format("It took {}, full of zeroes, for the page.", frame());
            case FaultKind::zero_page: return fmt::format("It mapped the shared page of zeroes, {}.", frame());
            case FaultKind::zero_upgrade:
                return fmt::format("It put {} in the place of the page of zeroes, {}.", frame(), frame_before());
            case FaultKind::file_minor: return fmt::format("It mapped {}, found in {}.", file_page_text(), frame());
            case FaultKind::file_major: return fmt::format("It read {} into {}.", file_page_text(), frame());
            case FaultKind::cow:
                return fmt::format("It copied {} to {}, which is the program's own.", frame_before(), frame());
            case FaultKind::cow_reuse: return fmt::format("It made {} writable, which has one owner.", frame());
            case FaultKind::write_notify:
                return fmt::format("It made {}, in {}, writable: from now on it may differ from the file.",
                                   file_page_text(), frame());
            case FaultKind::swap_in:
                return event_.slot
                           ? fmt::format("It brought the page from slot {} {} {}.", event_.slot->value(),
                                         event_.major ? "into" : "back without a read: it was still in", frame())
                           : fmt::format("It brought the page back into {}.", frame());
            case FaultKind::stack_grow:
                return event_.vma ? fmt::format("The stack begins at {:#x} now, and the page is {}.",
                                                event_.vma->range.start.value(), frame())
                                  : "";
            case FaultKind::userfault: return "The task waits until the userfaultfd's reader has answered.";
            case FaultKind::spurious:
            case FaultKind::segv_maperr:
            case FaultKind::segv_accerr:
            case FaultKind::sigbus:
            case FaultKind::poisoned:
            case FaultKind::oom: return "";
        }
        return "";
    }

    void add_cost() {
        heading("What it cost");
        if (mm::is_fatal(event_.kind)) {
            add("  It failed, and counts neither as a minor nor as a major fault.\n");
        } else {
            add("  A {} fault: {}", event_.major ? "major" : "minor",
                event_.major ? "something had to be read, or somebody asked" : "nothing had to be read");
            if (story_.costs_count) add("; {} ns under the cost model", story_.cost_ns);
            text_ += ".\n";
        }
        add("  {} allocated for page tables.\n", event_.tables_allocated == 0
                                                     ? "No frame was"
                                                     : fmt::format("{} {}", plural(event_.tables_allocated, "frame"),
                                                                   event_.tables_allocated == 1 ? "was" : "were"));
        if (event_.refault_distance) {
            add("  The page had been evicted before, and {} {} left since.\n",
                plural(*event_.refault_distance, "other page"), *event_.refault_distance == 1 ? "has" : "have");
        }
    }

    void add_leavers() {
        heading("Who left for it");
        if (story_.evictions.empty() && event_.reclaim.evicted == 0) {
            add("  Nobody.{}\n", event_.kind == FaultKind::oom ? " No page could be made to leave." : "");
            return;
        }
        for (const EvictionStory& eviction : story_.evictions) add_leaver(eviction);
        for (const mm::WriteBackEvent& event : story_.write_backs) {
            // What was written to leave has been told of.
            if (event.failed || !has_left(event.page)) {
                add("  Page {} {}: {}.\n", event.page.id,
                    event.failed ? "could not be written" : "was written, and stays", write_back_text(event));
            }
        }
        const mm::ReclaimWork& work = event_.reclaim;
        add("  {} evicted and {} written; the policy looked at {}.\n",
            work.evicted == 1 ? "1 page was" : fmt::format("{} pages were", work.evicted), work.written,
            plural(work.frames_looked_at, "page"));
        add("  The policy is {}.\n", story_.policy);
        if (!story_.policy_state.empty()) add("  Before the fault it said: {}.\n", printable(story_.policy_state));
    }

    bool has_left(const mm::PageName& page) const {
        return std::ranges::any_of(story_.evictions,
                                   [&](const EvictionStory& one) { return one.event.page.id == page.id; });
    }

    void add_leaver(const EvictionStory& eviction) {
        const mm::EvictionEvent& event = eviction.event;
        add("  Page {}", event.page.id);
        if (event.page.address) add(", at {:#x}", event.page.address->value());
        add(", {}: {}.\n", eviction_state(event), eviction_text(event));
        if (!eviction.described.empty()) {
            add("    Before the fault the policy said of it: {}.\n", printable(eviction.described));
        }
    }

    const FaultStory& story_;
    const mm::FaultEvent& event_;
    std::string text_;
};

}  // namespace

std::string tell(const FaultStory& story) { return Teller(story).tell(); }

}  // namespace fl::trace
