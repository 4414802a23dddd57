// Vdso: the shared object that the kernel maps into every program, and the page of time data that its code reads
// (Linux: arch/x86/entry/vdso/vma.c). The image is built from loader/vdso/ and is part of this library.
//
// From low to high: [vvar] (the time page is its first), [vvar_vclock], [vdso].
#pragma once

#include "loader/vdso/time_page.h"
#include "mm/mm_struct.hpp"
#include "mm/special_pages.hpp"

#include <cstddef>
#include <memory>
#include <span>

namespace fl::loader {

class Vdso {
public:
    // ENOMEM. Programs that map it do not outlive `memory`.
    static Result<Vdso> create(mm::PhysicalMemory& memory);

    // The ELF file, as it stands in [vdso].
    static std::span<const std::byte> image();

    // What the guest's clocks are computed from; see time_page.h. The kernel writes it.
    fl_time_page& time_page() { return *reinterpret_cast<fl_time_page*>(data_->bytes(0).data()); }

    // Maps all three ranges at the highest free place and returns where the image lies. ENOMEM.
    Result<VirtAddr> map(mm::MmStruct& mm) const;

private:
    Vdso(std::shared_ptr<mm::SpecialPages> image, std::shared_ptr<mm::SpecialPages> data)
        : image_(std::move(image)), data_(std::move(data)) {}

    std::shared_ptr<mm::SpecialPages> image_;
    std::shared_ptr<mm::SpecialPages> data_;
};

}  // namespace fl::loader
