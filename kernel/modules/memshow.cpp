// memshow: memory that the kernel takes for itself, and where it lies.
#include "kernel/modules/built_in.hpp"
#include "mm/kernel_layout.hpp"

namespace fl::kernel::built_in {

namespace {

class MemShowModule final : public Module {
public:
    tl::expected<void, std::string> init(ModuleContext& context) override {
        const auto page = context.memory.allocate(mm::FrameState::reserved, mm::Fill::zeroed);
        if (!page) return tl::unexpected(std::string("no frame is free for its page"));
        page_ = *page;
        const PhysAddr physical = page_.address();
        context.print("__get_free_page: va {:#x}, pa {:#x}, frame {:#x}", mm::direct_map_address(physical).value(),
                      physical.value(), page_.value());
        return {};
    }
    void exit(ModuleContext& context) override { context.memory.release(page_); }

private:
    Pfn page_{};
};

}  // namespace

const ModuleInfo& memshow() {
    static const ModuleInfo info{
        .name = "memshow",
        .summary = "takes memory from each of the kernel's allocators, and shows where it lies",
        .parameters = {},
        .make = [](const ModuleArguments&) -> std::unique_ptr<Module> { return std::make_unique<MemShowModule>(); },
    };
    return info;
}

}  // namespace fl::kernel::built_in
