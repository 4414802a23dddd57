// memshow: memory that the kernel takes from each of its allocators, and the page-table entries behind it: a page of
// the buddy allocator and an object of kmalloc() lie in the direct map, what vmalloc() gathers lies in an area of its
// own.
#include "kernel/modules/built_in.hpp"
#include "mm/free_pages.hpp"
#include "mm/kernel_space.hpp"
#include "mm/page_walk_text.hpp"
#include "mm/slab/slab_allocator.hpp"

namespace fl::kernel::built_in {

namespace {

constexpr std::uint64_t kmalloc_bytes = 100, vmalloc_pages = 3;

class MemShowModule final : public Module {
public:
    tl::expected<void, std::string> init(ModuleContext& context) override {
        if (auto taken = take(context.memory); !taken) {
            give_back(context.memory);
            return taken;
        }
        show(context, fmt::format("__get_free_page: {} bytes", page_size), *page_);
        show_walk(context, *page_);
        if (object_) {
            show(context, fmt::format("kmalloc: {} bytes", kmalloc_bytes), *object_);
            show_walk(context, *object_);
        }
        if (area_) show_area(context);
        return {};
    }
    void exit(ModuleContext& context) override { give_back(context.memory); }

private:
    tl::expected<void, std::string> take(mm::PhysicalMemory& memory) {
        const auto page = mm::get_free_pages(memory, 0, mm::Fill::zeroed);
        if (!page) return tl::unexpected(std::string("no frame is free for its page"));
        page_ = *page;
        if (mm::SlabAllocator* slab = memory.slab()) {
            const auto object = slab->kmalloc(kmalloc_bytes);
            if (!object) return tl::unexpected(std::string("no memory is free for kmalloc"));
            object_ = *object;
        }
        if (mm::KernelSpace* space = memory.kernel_space()) {
            const auto area = space->vmalloc().allocate(
                {.size_bytes = vmalloc_pages * page_size, .caller = "memshow_init", .fill = mm::Fill::zeroed});
            if (!area) return tl::unexpected(std::string("no memory is free for vmalloc"));
            area_ = *area;
        }
        return {};
    }

    void give_back(mm::PhysicalMemory& memory) {
        if (area_) memory.kernel_space()->vmalloc().free(*std::exchange(area_, std::nullopt));
        if (object_) memory.slab()->kfree(*std::exchange(object_, std::nullopt));
        if (page_) mm::free_pages(memory, *std::exchange(page_, std::nullopt), 0);
    }

    // Its pages have one table, and frames of their own.
    void show_area(ModuleContext& context) const {
        for (std::uint64_t i = 0; i < vmalloc_pages; ++i) {
            show(context, fmt::format("vmalloc: page {} of {}", i + 1, vmalloc_pages), *area_ + i * page_size);
            if (i == 0) show_walk(context, *area_);
        }
    }

    static void show(ModuleContext& context, std::string_view what, VirtAddr address) {
        const mm::KernelSpace* space = context.memory.kernel_space();
        const auto physical =
            space != nullptr ? space->translate(address) : std::optional(mm::physical_address(address));
        FL_ASSERT(physical);
        context.print("{}: va {:#x}, pa {:#x}, frame {:#x}", what, address.value(), physical->value(),
                      physical->value() >> page_shift);
    }

    static void show_walk(ModuleContext& context, VirtAddr address) {
        const mm::KernelSpace* space = context.memory.kernel_space();
        if (space == nullptr) return;
        const mm::PageWalk walk = space->walk_to(address);
        unsigned level = walk.steps.size();
        for (const mm::WalkStep& step : walk.all()) {
            context.print("  {}  table {:#8x}  [{:>3}]  {:#018x}  {}", mm::level_name(level--), step.table.value(),
                          step.index, step.entry.raw(), mm::pte_text(step.entry));
        }
    }

    std::optional<VirtAddr> page_, object_, area_;
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
