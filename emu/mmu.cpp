#include "emu/mmu.hpp"

namespace fl::emu {

namespace {

WalkError error_code(Access access, Mode mode, WalkError reason) {
    WalkError code = reason;
    if (access == Access::write) code |= PageFaultCode::write;
    if (access == Access::execute) code |= PageFaultCode::instruction;
    if (mode == Mode::user) code |= PageFaultCode::user;
    return code;
}

}  // namespace

tl::expected<Translation, WalkError> Mmu::translate(Pfn root, VirtAddr address, Access access, Mode mode) {
    FL_ASSERT(address.canonical());
    bool writable = true;
    bool user = true;
    bool executable = true;
    Pfn table = root;
    Pte* path[4];
    unsigned leaf_level = 1;
    for (unsigned level = 4; level >= leaf_level; --level) {
        Pte& entry = ram_.table(table)[address.table_index(level)];
        if (!entry.is_present()) return tl::unexpected(error_code(access, mode, 0));
        if (entry.reserved_bits_set(level) || entry.pfn().value() >= ram_.page_count().value()) {
            return tl::unexpected(error_code(access, mode, PageFaultCode::present | PageFaultCode::reserved));
        }
        writable = writable && entry.writable();
        user = user && entry.user();
        executable = executable && entry.executable();
        path[level - 1] = &entry;
        table = entry.pfn();
        if (level == 2 && entry.is_large()) leaf_level = 2;
    }
    const bool allowed = (mode == Mode::kernel || user) && (access != Access::write || writable) &&
                         (access != Access::execute || executable);
    if (!allowed) return tl::unexpected(error_code(access, mode, PageFaultCode::present));

    for (unsigned level = 4; level > leaf_level; --level) *path[level - 1] = path[level - 1]->with_accessed();
    Pte& leaf = *path[leaf_level - 1];
    leaf = access == Access::write ? leaf.with_accessed().with_dirty() : leaf.with_accessed();
    const Pfn frame = leaf_level == 1 ? table : table + address.table_index(1);
    ram_.cached_translations().note_walked(frame);
    return Translation{frame, writable && leaf.dirty(), executable};
}

Pte Mmu::peek(Pfn root, VirtAddr address) const {
    Pfn table = root;
    for (unsigned level = 4; level >= 2; --level) {
        const Pte entry = ram_.table(table)[address.table_index(level)];
        if (!entry.is_present()) return Pte::none();
        if (level == 2 && entry.is_large()) return entry;
        table = entry.pfn();
    }
    return ram_.table(table)[address.table_index(1)];
}

}  // namespace fl::emu
