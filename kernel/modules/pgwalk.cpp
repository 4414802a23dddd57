// pgwalk: the page tables' entries on the way to one address, level by level, and what they lead to.
#include "kernel/inspect.hpp"
#include "kernel/modules/built_in.hpp"

#include <array>

namespace fl::kernel::built_in {

namespace {

class PageWalkModule final : public Module {
public:
    explicit PageWalkModule(const ModuleArguments& arguments)
        : address_(arguments.at("va")), pid_(arguments.find("pid")) {}

    tl::expected<void, std::string> init(ModuleContext& context) override {
        const Inspection machine = context.inspect();
        const auto process = machine.find_or_current(pid_);
        if (!process) return tl::unexpected(process.error());
        context.print_lines(show_walk(machine, **process, address_));
        return {};
    }

private:
    VirtAddr address_;
    std::optional<std::uint64_t> pid_;
};

constexpr std::array parameters{
    ModuleParameter{.name = "va", .meaning = "the virtual address", .is_required = true},
    ModuleParameter{.name = "pid", .meaning = "of which process; the one whose turn it is", .least = 1},
};

}  // namespace

const ModuleInfo& pgwalk() {
    static const ModuleInfo info{
        .name = "pgwalk",
        .summary = "walks the page tables to one address, level by level",
        .parameters = parameters,
        .make = [](const ModuleArguments& arguments) -> std::unique_ptr<Module> {
            return std::make_unique<PageWalkModule>(arguments);
        },
    };
    return info;
}

}  // namespace fl::kernel::built_in
