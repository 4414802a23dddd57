#include "kernel/mm_dump.hpp"

#include "kernel/proc_maps.hpp"
#include "kernel/proc_smaps.hpp"
#include "mm/print_to.hpp"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>

namespace fl::kernel {

namespace {

struct AuxiliaryName {
    std::uint64_t type;
    const char* name;
};
// As in /usr/include/elf.h, without AT_.
constexpr AuxiliaryName auxiliary_names[] = {
    {AT_IGNORE, "IGNORE"},
    {AT_PHDR, "PHDR"},
    {AT_PHENT, "PHENT"},
    {AT_PHNUM, "PHNUM"},
    {AT_PAGESZ, "PAGESZ"},
    {AT_BASE, "BASE"},
    {AT_FLAGS, "FLAGS"},
    {AT_ENTRY, "ENTRY"},
    {AT_UID, "UID"},
    {AT_EUID, "EUID"},
    {AT_GID, "GID"},
    {AT_EGID, "EGID"},
    {AT_PLATFORM, "PLATFORM"},
    {AT_HWCAP, "HWCAP"},
    {AT_CLKTCK, "CLKTCK"},
    {AT_SECURE, "SECURE"},
    {AT_RANDOM, "RANDOM"},
    {AT_HWCAP2, "HWCAP2"},
    {27, "RSEQ_FEATURE_SIZE"},
    {28, "RSEQ_ALIGN"},
    {29, "HWCAP3"},
    {30, "HWCAP4"},
    {AT_EXECFN, "EXECFN"},
    {AT_SYSINFO_EHDR, "SYSINFO_EHDR"},
    {AT_MINSIGSTKSZ, "MINSIGSTKSZ"},
};

std::string auxiliary_name(std::uint64_t type) {
    const auto* found = std::find_if(std::begin(auxiliary_names), std::end(auxiliary_names),
                                     [type](const AuxiliaryName& entry) { return entry.type == type; });
    return found != std::end(auxiliary_names) ? found->name : fmt::to_string(type);
}

class Dump {
public:
    Dump(const mm::MmStruct& mm, std::uint32_t pid)
        : mm_(mm), pid_(pid), maps_(proc_maps(mm)), differences_(compare_views(mm, maps_)) {}

    std::string run(std::string_view title) {
        add("{}\n\nmm_struct\n", title);
        add_places();
        add_counters();
        add_auxv();
        add_vmas();
        add_tree();
        add_verdict();
        return std::move(text_);
    }

private:
    template <class... Values>
    void add(fmt::format_string<Values...> format, Values&&... values) {
        print_to(text_, format, std::forward<Values>(values)...);
    }

    struct Field {
        const char* name;
        std::string value;
    };
    static std::string hex(std::uint64_t value) { return fmt::format("{:#x}", value); }
    static Field address(const char* name, VirtAddr value) { return {name, hex(value.value())}; }
    static Field number(const char* name, std::uint64_t value) { return {name, fmt::to_string(value)}; }

    void add_row(const Field& left, const Field& middle, const Field& right) {
        std::string row = fmt::format("  {:<16}{:<18}{:<13}{:<18}{:<12}{}", left.name, left.value, middle.name,
                                      middle.value, right.name, right.value);
        row.erase(row.find_last_not_of(' ') + 1);
        text_ += row + "\n";
    }

    void add_places() {
        const mm::ImageBounds& b = mm_.bounds();
        add_row(address("task_size", mm::task_size), address("start_code", b.start_code),
                number("mm_users", mm_.mm_users()));
        add_row(address("highest_vm_end", mm_.highest_vm_end()), address("end_code", b.end_code),
                number("mm_count", mm_.mm_count()));
        add_row(address("mmap_base", mm_.mmap_base()), address("start_data", b.start_data),
                number("map_count", mm_.map_count()));
        add_row(address("start_stack", b.start_stack), address("end_data", b.end_data),
                {"pgd", fmt::format("frame {:#x}", mm_.page_table().root().value())});
        add_row(address("arg_start", b.arg_start), address("start_brk", mm_.start_brk()),
                {"pgtables", fmt::format("{} bytes", mm_.pgtables_bytes())});
        add_row(address("arg_end", b.arg_end), address("brk", mm_.brk()), {"", ""});
        add_row(address("env_start", b.env_start), {"", ""}, {"def_flags", hex(mm_.def_flags().bits())});
        add_row(address("env_end", b.env_end), {"", ""}, {"", ""});
    }

    void add_counters() {
        const mm::VmCounters& vm = mm_.vm();
        const mm::RssCounters& rss = mm_.rss();
        add("\n  pages, mapped:    total_vm {}  hiwater_vm {}  data_vm {}  exec_vm {}  stack_vm {}  shared_vm {}  "
            "locked_vm {}  pinned_vm {}\n",
            vm.total.value(), mm_.hiwater_vm().value(), vm.data.value(), vm.exec.value(), vm.stack.value(),
            mm_.shared_vm().value(), vm.locked.value(), mm::MmStruct::pinned_vm().value());
        add("  pages, resident:  MM_ANONPAGES {}  MM_FILEPAGES {}  MM_SHMEMPAGES {}  MM_SWAPENTS {}  hiwater_rss {}\n",
            rss.anonymous.value(), rss.file.value(), rss.shared_memory.value(), mm_.swap_entries().value(),
            mm_.hiwater_rss().value());
        const mm::VmaTree::CacheCounters& cache = mm_.vmas().cache_counters();
        const mm::Vma* last_hit = mm_.vmas().last_hit();
        add("  find_vma:         {} calls, {} answered by the VMA found last ({})\n", cache.lookups, cache.hits,
            last_hit != nullptr ? hex(last_hit->start().value()) : "none now");
    }

    void add_auxv() {
        constexpr std::size_t width = 118;
        const std::string indent(20, ' ');
        std::string line = "  saved_auxv:       ";
        const auto& auxv = mm_.saved_auxv();
        for (std::size_t i = 0; i + 1 < auxv.size() && auxv[i] != AT_NULL; i += 2) {
            const std::string entry = fmt::format("{} {:#x}  ", auxiliary_name(auxv[i]), auxv[i + 1]);
            if (line.size() + entry.size() > width) {
                line.erase(line.find_last_not_of(' ') + 1);
                text_ += line + "\n";
                line = indent;
            }
            line += entry;
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text_ += line + "\n";
    }

    // Families of private pages by the order of their first VMA.
    std::string family_name(const mm::Vma& vma) {
        if (!vma.anon_vma()) return "-";
        const auto [found, added] = families_.try_emplace(vma.anon_vma(), families_.size() + 1);
        return fmt::format("#{}", found->second);
    }

    void add_vmas() {
        constexpr const char* row = "  {:<25} {:>6}  {:<22}  {:>16}  {:>9}  {:<8}  {}\n";
        add("\nvm_area_struct: the list, and under each VMA its line of /proc/{}/maps; hexadecimal but for the pages\n",
            pid_);
        add(row, "vm_start-vm_end", "pages", "vm_flags", "vm_page_prot", "vm_pgoff", "anon_vma", "vm_ops");
        std::string_view rest = maps_;
        for (const mm::Vma* vma = mm_.vmas().first(); vma != nullptr; vma = vma->next()) {
            const char* ops = vma->vm_ops();
            const std::string range = fmt::format("{:x}-{:x}", vma->start().value(), vma->end().value());
            const std::string prot = fmt::format("{:x}", mm::vm_page_prot(vma->flags()).raw());
            add(row, range, vma->page_count().value(), vm_flags_mnemonics(vma->flags()), prot,
                fmt::format("{:x}", vma->pgoff()), family_name(*vma), ops != nullptr ? ops : "-");
            const std::size_t length = std::min(rest.find('\n'), rest.size());
            add("    {}\n", rest.substr(0, length));
            rest.remove_prefix(std::min(length + 1, rest.size()));
        }
        // What maps has beyond the list.
        if (!rest.empty()) add("  no VMA\n    {}", rest);
    }

    void add_tree() {
        add("\nmm_rb: the tree, root at the left, with rb_subtree_gap: the largest gap before a VMA of the subtree\n");
        for (const mm::VmaTree::Node& node : mm_.vmas().nodes()) {
            const char* branch = node.side == mm::VmaTree::Side::left    ? "/-- "
                                 : node.side == mm::VmaTree::Side::right ? "\\-- "
                                                                         : "";
            const std::string indent(node.depth > 0 ? 4 * (node.depth - 1) : 0, ' ');
            add("  {}{}{:x}-{:x}  {}  {:#x}\n", indent, branch, node.vma->start().value(), node.vma->end().value(),
                node.colour == mm::VmaTree::Colour::red ? "red" : "black", node.subtree_gap_bytes);
        }
    }

    void add_verdict() {
        text_ += "\n";
        if (differences_.empty()) {
            add("The list, the tree and /proc/{}/maps agree: {} VMAs.\n", pid_, mm_.map_count());
            return;
        }
        add("The list, the tree and /proc/{}/maps DO NOT agree:\n", pid_);
        for (const std::string& difference : differences_) add("  {}\n", difference);
    }

    const mm::MmStruct& mm_;
    std::uint32_t pid_;
    std::string maps_;
    std::vector<std::string> differences_;
    std::map<decltype(std::declval<const mm::Vma&>().anon_vma()), std::size_t> families_;
    std::string text_;
};

}  // namespace

std::string dump_mm(const mm::MmStruct& mm, std::uint32_t pid, std::string_view title) {
    return Dump(mm, pid).run(title);
}

}  // namespace fl::kernel
