#include "mm/special_pages.hpp"

namespace fl::mm {

Result<std::shared_ptr<SpecialPages>> SpecialPages::create(PhysicalMemory& memory, PageCount page_count,
                                                           SpecialPageKind kind) {
    const FrameState state = kind == SpecialPageKind::counted ? FrameState::special : FrameState::reserved;
    // What was taken before memory ran out goes back with the object.
    std::shared_ptr<SpecialPages> pages(new SpecialPages(memory));
    while (pages->page_count() < page_count) {
        const auto pfn = memory.allocate(state, Fill::zeroed);
        if (!pfn) return fail(pfn.error());
        pages->frames_.push_back(*pfn);
    }
    return pages;
}

SpecialPages::~SpecialPages() {
    for (const Pfn pfn : frames_) memory_.release(pfn);
}

}  // namespace fl::mm
