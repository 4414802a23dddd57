#include "lab/recorder.hpp"

#include "mm/file_identity.hpp"
#include "mm/mm_struct.hpp"

#include <algorithm>

namespace fl::lab {

void Recorder::on_page(const mm::PageName& page) noexcept {
    tell();
    if (numbers_.size() <= page.id) numbers_.resize(page.id + std::size_t{1}, replacement::no_page);
    const PageId number = take_number();
    numbers_[page.id] = number;
    PageOrigin origin{.process = page.owner};
    if (page.file != nullptr) {
        origin.file = page.file->path;
        origin.page_number = page.file_page;
    } else if (page.address) {
        origin.page_number = page.address->vpn().value();
    }
    out_.on_page(number, origin);
}

PageId Recorder::take_number() {
    if (free_numbers_.empty()) return next_number_++;
    const PageId number = free_numbers_.top();
    free_numbers_.pop();
    return number;
}

void Recorder::on_page_reference(std::uint32_t page, emu::Access access, std::uint32_t count) noexcept {
    const PageId number = numbers_[page];
    const Touch touch = access == emu::Access::execute ? Touch::fetch
                        : access == emu::Access::write ? Touch::write
                                                       : Touch::read;
    references_ += count;
    if (count_ != 0 && number == page_ && touch == touch_) {
        count_ += count;
        return;
    }
    tell();
    page_ = number;
    touch_ = touch;
    count_ = count;
}

void Recorder::tell() {
    if (count_ != 0) out_.on_touch(page_, touch_, count_);
    count_ = 0;
}

void Recorder::on_page_held(std::uint32_t page) noexcept {
    tell();
    out_.on_page_needed(numbers_[page]);
}

void Recorder::on_page_gone(std::uint32_t page) noexcept {
    tell();
    const PageId number = std::exchange(numbers_[page], replacement::no_page);
    free_numbers_.push(number);
    out_.on_page_gone(number);
}

void Recorder::on_address_space(std::uint32_t process) noexcept {
    tell();
    out_.on_process(process);
}

void Recorder::on_fork(std::uint32_t parent, std::uint32_t child) noexcept {
    tell();
    mappings_[child] = mappings_[parent];
    out_.on_fork(parent, child);
}

void Recorder::on_exec(std::uint32_t process, const std::string& path) noexcept {
    tell();
    mappings_.erase(process);
    out_.on_exec(process, path);
}

void Recorder::on_exit(std::uint32_t process, const mm::ProcessEnd& /*end*/) noexcept {
    tell();
    mappings_.erase(process);
    out_.on_exit(process);
}

Recorder::Mappings Recorder::mappings_of(const mm::MmStruct& mm) {
    Mappings mappings;
    for (const mm::Vma* vma = mm.vmas().first(); vma != nullptr; vma = vma->next()) {
        const mm::VmFlags flags = vma->flags();
        const unsigned protection = (flags.has(mm::vm_read) ? 1U : 0U) | (flags.has(mm::vm_write) ? 2U : 0U) |
                                    (flags.has(mm::vm_exec) ? 4U : 0U);
        mappings.push_back({vma->start().vpn().value(), (vma->end() - 1).vpn().value() + 1,
                            static_cast<std::uint8_t>(protection), vma->is_shared()});
    }
    return mappings;
}

Recorder::Mappings Recorder::uncovered(const Mapping& mapping, const Mappings& others, Compare compare) {
    Mappings rest;
    std::uint64_t at = mapping.first_page;
    for (const Mapping& other : others) {
        if (other.end_page <= at) continue;
        if (other.first_page >= mapping.end_page) break;
        const bool same = other.protection == mapping.protection && other.shared == mapping.shared;
        if (compare == Compare::ranges_and_rights && !same) continue;
        if (other.first_page > at) rest.push_back({at, other.first_page, mapping.protection, mapping.shared});
        at = other.end_page;
    }
    if (at < mapping.end_page) rest.push_back({at, mapping.end_page, mapping.protection, mapping.shared});
    return rest;
}

void Recorder::on_mappings(std::uint32_t process, const mm::MmStruct& mm, VirtRange /*changed*/) noexcept {
    Mappings now = mappings_of(mm);
    Mappings& before = mappings_[process];
    if (now == before) return;
    tell();
    for (const Mapping& mapping : before) {
        for (const Mapping& lost : uncovered(mapping, now, Compare::ranges)) {
            out_.on_unmap(process, lost.first_page, lost.end_page - lost.first_page);
        }
    }
    for (const Mapping& mapping : now) {
        for (const Mapping& part : uncovered(mapping, before, Compare::ranges_and_rights)) {
            const mm::Vma* vma = mm.vmas().find(VirtAddr(part.first_page * page_size));
            out_.on_map({.process = process,
                         .first_page = part.first_page,
                         .page_count = part.end_page - part.first_page,
                         .protection = part.protection,
                         .shared = part.shared,
                         .name = vma != nullptr ? mm.vma_name(*vma) : std::string()});
        }
    }
    before = std::move(now);
}

}  // namespace fl::lab
