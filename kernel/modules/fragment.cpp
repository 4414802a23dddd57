// fragment: takes blocks of one order, as a driver would that needs large buffers, and shows what that did to free
// memory.
#include "kernel/modules/built_in.hpp"
#include "kernel/proc_fragmentation.hpp"
#include "kernel/proc_meminfo.hpp"
#include "mm/fragmentation.hpp"

#include <fmt/format.h>

#include <vector>

namespace fl::kernel::built_in {

namespace {

constexpr std::uint64_t default_count = 4;

class FragmentModule final : public Module {
public:
    explicit FragmentModule(const ModuleArguments& arguments)
        : order_(static_cast<unsigned>(arguments.at("order"))),
          count_(arguments.find("count").value_or(default_count)),
          effort_(static_cast<mm::BlockEffort>(
              arguments.find("effort").value_or(static_cast<std::uint64_t>(mm::BlockEffort::compact)))) {}

    tl::expected<void, std::string> init(ModuleContext& context) override {
        show("before", context);
        while (blocks_.size() < count_ && take(context)) {
        }
        show("after", context);
        return {};
    }

    void exit(ModuleContext& context) override {
        for (const Pfn first : blocks_) context.memory.release_block(first, order_);
        context.print("{} blocks given back", blocks_.size());
    }

private:
    // False: there is none.
    bool take(ModuleContext& context) {
        const std::uint64_t migrated = context.memory.compaction().counters().migrated;
        const std::uint64_t evicted = evictions(context.memory);
        const auto first = context.memory.allocate_block(order_, mm::FrameState::reserved, mm::Fill::caller, effort_);
        const std::string cost =
            fmt::format("{} pages moved, {} left memory", context.memory.compaction().counters().migrated - migrated,
                        evictions(context.memory) - evicted);
        if (!first) {
            context.print("no {}block of order {}: {}", blocks_.empty() ? "" : "further ", order_, cost);
            return false;
        }
        blocks_.push_back(*first);
        context.print("block {} of order {} at frame {:#x}: {}", blocks_.size(), order_, first->value(), cost);
        return true;
    }

    static std::uint64_t evictions(const mm::PhysicalMemory& memory) {
        return memory.reclaimer() != nullptr ? memory.reclaimer()->counters().evicted() : 0;
    }

    void show(const char* when, ModuleContext& context) const {
        constexpr double one = 1000;
        const mm::BuddyAllocator& buddy = context.memory.buddy();
        context.print("{}: {} free frames; for order {} fragmentation index {:.3f}, unusable free index {:.3f}", when,
                      buddy.free_page_count().value(), order_, mm::fragmentation_index(buddy, order_) / one,
                      mm::unusable_free_index(buddy, order_) / one);
        context.print_lines(proc_buddyinfo(context.memory));
    }

    unsigned order_;
    std::uint64_t count_;
    mm::BlockEffort effort_;
    std::vector<Pfn> blocks_;
};

constexpr ModuleParameter parameters[] = {
    {.name = "order",
     .meaning = "blocks of 2^order frames",
     .is_required = true,
     .least = 1,
     .most = mm::BuddyAllocator::max_order},
    {.name = "count", .meaning = "so many, or as many as there are (4)", .least = 1},
    {.name = "effort", .meaning = "0 takes what is free, 1 has pages move (1), 2 has pages leave as well", .most = 2},
};

}  // namespace

const ModuleInfo& fragment() {
    static const ModuleInfo info{
        .name = "fragment",
        .summary = "takes blocks of 2^order frames, and shows how fragmented memory was before and is after",
        .parameters = parameters,
        .make = [](const ModuleArguments& arguments) -> std::unique_ptr<Module> {
            return std::make_unique<FragmentModule>(arguments);
        },
    };
    return info;
}

}  // namespace fl::kernel::built_in
