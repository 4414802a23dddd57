// The model tests' mremap: what it should answer, and where pages go.
#include "tests/unit/mm/model_support.hpp"

#include <algorithm>

namespace fl::mm::test {

std::string Twins::remap(Operation operation) {
    const bool fixed = (operation.flags & mremap_fixed) != 0, keep = (operation.flags & mremap_dontunmap) != 0;
    // With several VMAs it could not be told from outside which of them had moved when memory ran out.
    if (const Vma* vma = vma_at(operation.first); vma != nullptr && starved && fixed && keep) {
        const std::uint64_t count = std::min(operation.count, page_of(vma->end()) - operation.first);
        if (operation.new_count == operation.count) operation.new_count = count;
        operation.count = count;
    }
    const std::string expected = remap_error(operation);
    const bool in_place = grows_in_place(operation);
    const auto done = mm().remap(RemapRequest{.address = page(operation.first),
                                              .old_bytes = operation.count * page_size,
                                              .new_bytes = operation.new_count * page_size,
                                              .flags = operation.flags,
                                              .new_address = page(operation.target)});
    std::string difference = agree(expected, outcome(done));
    if (!difference.empty()) return difference;
    if (clears_itself(operation) && expected == "EFAULT") oracle().unmap(operation.target, operation.new_count);
    if (refused_) {
        if (fixed) keep_what_moved(operation);
        return "";
    }
    if (!done) return "";
    const std::uint64_t start = page_of(done->start);
    const bool stays = !fixed && !keep && (in_place || operation.new_count <= operation.count);
    if (stays && start != operation.first) return "moved without need";
    if (fixed && start != operation.target) return "moved to another place";
    if (!stays && !fixed && !oracle().has_none(start, operation.new_count)) return "moved onto something";
    remap_pages(operation, start);
    return "";
}

// Which pages are one VMA is asked of the memory manager, as the rules of merging are not the oracle's affair; that
// what is one VMA may be one, compare() says.
std::string Twins::remap_error(const Operation& operation) const {
    const bool may_move = (operation.flags & mremap_maymove) != 0;
    const bool named = (operation.flags & (mremap_fixed | mremap_dontunmap)) != 0;
    const bool grows = operation.new_count > operation.count;
    if (operation.new_count == 0) return "EINVAL";
    if (named) {
        const bool overlap = operation.first + operation.count > operation.target &&
                             operation.target + operation.new_count > operation.first;
        if (!may_move || overlap) return "EINVAL";
        if ((operation.flags & mremap_dontunmap) != 0 && operation.new_count != operation.count) return "EINVAL";
    }
    const Vma* vma = vma_at(operation.first);
    if (!oracle().has(operation.first)) return "EFAULT";
    const bool moves_range = (operation.flags & mremap_fixed) != 0 && operation.new_count == operation.count;
    if (moves_range || (!grows && !named)) return "ok";
    if (operation.count == 0 && !oracle().pages.at(operation.first).shared) return "EINVAL";
    if (std::min(operation.count, operation.new_count) > page_of(vma->end()) - operation.first) return "EFAULT";
    if (clears_itself(operation)) return "EFAULT";
    return named || may_move || grows_in_place(operation) ? "ok" : "ENOMEM";
}

// A mapping once more at its own place: the place is cleared first, and then there is nothing to map.
bool Twins::clears_itself(const Operation& operation) const {
    return oracle().has(operation.first) && operation.count == 0 && operation.target == operation.first &&
           (operation.flags & mremap_fixed) != 0;
}

bool Twins::grows_in_place(const Operation& operation) const {
    const Vma* vma = vma_at(operation.first);
    const std::uint64_t end = operation.first + operation.count;
    return vma != nullptr && operation.new_count > operation.count && page_of(vma->end()) == end &&
           oracle().has_none(end, operation.new_count - operation.count);
}

void Twins::remap_pages(const Operation& operation, std::uint64_t start) {
    OracleSpace& model = oracle();
    const bool fixed = (operation.flags & mremap_fixed) != 0, keep = (operation.flags & mremap_dontunmap) != 0;
    const std::uint64_t kept = std::min(operation.count, operation.new_count);
    OraclePage added = model.pages.at(operation.first);
    added.index += operation.count;
    // Several VMAs keep their distances, and what lies at the place of a hole between them stays.
    if (fixed && operation.count != operation.new_count) model.unmap(start, operation.new_count);
    model.unmap(operation.first + kept, operation.count - kept);
    for (std::uint64_t i = 0; i < kept && start != operation.first; ++i) {
        if (!model.has(operation.first + i)) continue;
        if (keep)
            model.move_and_keep(operation.first + i, start + i);
        else
            model.move(operation.first + i, start + i);
    }
    if (operation.new_count > kept) model.map(start + kept, operation.new_count - kept, added);
}

// Out of memory on the way: the place may have been cleared and what is behind the new size cut off; of several VMAs
// the first may have moved.
void Twins::keep_what_moved(const Operation& operation) {
    OracleSpace& model = oracle();
    const std::uint64_t kept = std::min(operation.count, operation.new_count);
    if (operation.count != operation.new_count) {
        model.unmap(operation.target, operation.new_count);
        model.unmap(operation.first + kept, operation.count - kept);
        return;
    }
    for (std::uint64_t i = 0; i < kept; ++i) {
        if (!model.has(operation.first + i)) continue;
        if (vma_at(operation.first + i) == nullptr)
            model.move(operation.first + i, operation.target + i);
        else if (vma_at(operation.target + i) == nullptr)
            model.unmap(operation.target + i, 1);
    }
}

}  // namespace fl::mm::test
