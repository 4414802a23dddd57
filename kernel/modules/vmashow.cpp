// vmashow: the mappings of a process as the kernel has them: mm_struct, its list of VMAs and its tree of them, each
// beside its line of /proc/PID/maps, and whether the three agree.
#include "kernel/mm_dump.hpp"
#include "kernel/modules/built_in.hpp"
#include "kernel/proc_maps.hpp"

#include <array>

namespace fl::kernel::built_in {

namespace {

// The places in the tree's order, which are those in the list where nothing is wrong.
std::string place_in_tree(const mm::VmaTree::Node& node) {
    const char* side = node.side == mm::VmaTree::Side::left    ? "left child"
                       : node.side == mm::VmaTree::Side::right ? "right child"
                                                               : "root";
    return fmt::format("{}, depth {}, {}", side, node.depth, node.colour == mm::VmaTree::Colour::red ? "red" : "black");
}

class VmaShowModule final : public Module {
public:
    explicit VmaShowModule(const ModuleArguments& arguments) : pid_(arguments.find("pid")) {}

    tl::expected<void, std::string> init(ModuleContext& context) override {
        const Inspection machine = context.inspect();
        const auto process = machine.find_or_current(pid_);
        if (!process) return tl::unexpected(process.error());
        const mm::MmStruct& mm = *(*process)->mm;
        const std::uint32_t pid = (*process)->pid;
        context.print("process {} ({}): {} VMAs, mm_users {}, mm_count {}, pgd frame {:#x}", pid, (*process)->name,
                      mm.map_count(), mm.mm_users(), mm.mm_count(), mm.page_table().root().value());
        const std::string maps = proc_maps(mm);
        print_mappings(context, mm, maps);
        print_verdict(context, pid, mm, compare_views(mm, maps));
        return {};
    }

private:
    static void print_mappings(ModuleContext& context, const mm::MmStruct& mm, std::string_view maps) {
        const auto nodes = mm.vmas().nodes();
        std::size_t place = 0;
        for (const mm::Vma* vma = mm.vmas().first(); vma != nullptr; vma = vma->next(), ++place) {
            context.print("vma {}: {:x}-{:x} vm_flags {:#x} vm_pgoff {:#x}, in the tree: {}", place + 1,
                          vma->start().value(), vma->end().value(), vma->flags().bits(), vma->pgoff(),
                          place < nodes.size() ? place_in_tree(nodes[place]) : "nowhere");
            const std::string_view line = maps.substr(0, maps.find('\n'));
            context.print("  maps: {}", line);
            maps.remove_prefix(std::min(line.size() + 1, maps.size()));
        }
        // [vsyscall] belongs to no address space.
        while (!maps.empty()) {
            const std::string_view line = maps.substr(0, maps.find('\n'));
            context.print("no VMA");
            context.print("  maps: {}", line);
            maps.remove_prefix(std::min(line.size() + 1, maps.size()));
        }
    }

    static void print_verdict(ModuleContext& context, std::uint32_t pid, const mm::MmStruct& mm,
                              const std::vector<std::string>& differences) {
        if (differences.empty()) {
            context.print("the list, the tree and /proc/{}/maps agree: {} VMAs", pid, mm.map_count());
            return;
        }
        context.print("the list, the tree and /proc/{}/maps DO NOT agree:", pid);
        for (const std::string& difference : differences) context.print("  {}", difference);
    }

    std::optional<std::uint64_t> pid_;
};

constexpr std::array parameters{
    ModuleParameter{.name = "pid", .meaning = "of which process; the one whose turn it is", .least = 1},
};

}  // namespace

const ModuleInfo& vmashow() {
    static const ModuleInfo info{
        .name = "vmashow",
        .summary = "shows a process's mappings by list and tree, beside /proc/PID/maps",
        .parameters = parameters,
        .make = [](const ModuleArguments& arguments) -> std::unique_ptr<Module> {
            return std::make_unique<VmaShowModule>(arguments);
        },
    };
    return info;
}

}  // namespace fl::kernel::built_in
