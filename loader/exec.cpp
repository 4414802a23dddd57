#include "loader/exec.hpp"

#include "loader/image_mapping.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

namespace fl::loader {

namespace {

template <class T>
using Loaded = tl::expected<T, std::string>;

// Room below the strings that exec maps at once (fs/exec.c, setup_arg_pages).
constexpr std::uint64_t stack_expand_bytes = 128ULL << 10;
// Where the heap of a position-independent program starts: not behind its image, which is at the top of the mmap area,
// but where Linux loads position-independent programs that have an interpreter (ELF_ET_DYN_BASE, two thirds of the
// user half).
constexpr VirtAddr position_independent_brk = VirtAddr(mm::task_size.value() / 3 * 2).page_ceil();

// Where the image lies in memory, as the rest of exec needs it.
struct ImageExtent {
    VirtAddr start_code, end_code;  // of the executable segments; both 0 where there is none
    VirtAddr start_data, end_data;  // the highest segment's start, and the highest end of file bytes
    VirtAddr end;                   // the highest end of memory bytes
    VirtAddr program_headers;       // the mapped copy of the table; 0 (plus the bias) where no segment holds it
};

// The file's addresses; fs/binfmt_elf.c computes the same in load_elf_binary, with minima and maxima where we have
// sorted segments.
ImageExtent extent_of(const ElfImage& image) {
    ImageExtent extent{};
    for (const ElfSegment& segment : image.segments) {
        const VirtAddr file_end = segment.address + segment.file_bytes;
        if (segment.executable) {
            if (extent.end_code == VirtAddr(0)) extent.start_code = segment.address;
            extent.end_code = file_end;
        }
        extent.start_data = segment.address;
        extent.end_data = file_end;
        extent.end = segment.address + segment.memory_bytes;
        const std::uint64_t table = image.program_header_offset;
        if (segment.file_offset <= table && table - segment.file_offset < segment.file_bytes) {
            extent.program_headers = segment.address + (table - segment.file_offset);
        }
    }
    return extent;
}

class ProgramLoader {
public:
    ProgramLoader(mm::MmStruct& mm, mm::UserMemory& user_memory, const std::shared_ptr<mm::File>& file,
                  const ElfImage& image, const Vdso& vdso, const ProgramArguments& arguments)
        : mm_(mm), user_memory_(user_memory), file_(file), image_(image), vdso_(vdso), arguments_(arguments) {}

    // The order of Linux, which decides who gets which address: stack, image, vDSO; then the vectors, which name
    // addresses in all of them.
    Loaded<LoadedProgram> run() {
        auto strings = lay_out_strings(arguments_, mm::stack_top, mm_.limits().stack_bytes);
        if (!strings) return tl::unexpected(strings.error());
        if (auto done = put_strings(*strings); !done) return tl::unexpected(done.error());

        const auto bias = map_image(mm_, user_memory_, file_, image_);
        if (!bias) return tl::unexpected(bias.error());
        const VirtAddr entry = biased(image_.entry, *bias);
        if (entry >= mm::task_size) {
            return tl::unexpected(
                fmt::format("the entry point {:#x} is outside of the user address space", image_.entry.value()));
        }
        const auto vdso = vdso_.map(mm_);
        if (!vdso) return no_memory("the vDSO");

        const auto stack_pointer = put_vectors(*strings, entry, *vdso, *bias);
        if (!stack_pointer) return tl::unexpected(stack_pointer.error());
        note_layout(*strings, *bias, *stack_pointer);
        return LoadedProgram{entry, *stack_pointer, *bias};
    }

private:
    // fs/exec.c, setup_arg_pages: the strings' own pages whatever the limit, the room below them within it.
    std::uint64_t first_stack_bytes(const StackStrings& strings) const {
        const std::uint64_t string_bytes = mm::stack_top - strings.content.start.page_floor();
        const std::uint64_t limit = mm_.limits().stack_bytes & ~page_mask;
        return std::max(string_bytes, std::min(limit, string_bytes + stack_expand_bytes));
    }

    Loaded<void> put_strings(const StackStrings& strings) {
        if (!mm_.map_stack(mm::stack_top, first_stack_bytes(strings), image_.executable_stack)) {
            return no_memory("the stack");
        }
        return put_downwards(strings.content);
    }

    // Linux copies the strings from the stack's top down, so that is the order in which its pages arrive.
    Loaded<void> put_downwards(const PlacedBytes& content) {
        std::span<const std::byte> rest(content.bytes);
        while (!rest.empty()) {
            const VirtAddr end = content.start + rest.size();
            const VirtAddr page = std::max((end - 1).page_floor(), content.start);
            const std::uint64_t before = page - content.start;
            if (!user_memory_.copy_to(page, rest.subspan(before))) return no_memory("the arguments");
            rest = rest.first(before);
        }
        return {};
    }

    Loaded<VirtAddr> put_vectors(const StackStrings& strings, VirtAddr entry, VirtAddr vdso, std::uint64_t bias) {
        const AuxiliaryFacts facts{.vdso = vdso,
                                   .program_headers = biased(extent_of(image_).program_headers, bias),
                                   .program_header_count = image_.program_header_count,
                                   .program_header_entry_bytes = image_.program_header_entry_bytes,
                                   .entry = entry,
                                   .rights = arguments_.rights};
        StackVectors vectors = lay_out_vectors(strings, facts, arguments_.random_bytes);
        const VirtAddr stack_pointer = vectors.vectors.start;
        if (!has_stack_at(stack_pointer)) {
            return tl::unexpected(fmt::format("no room for the argument vector on the stack (its limit is {} KiB)",
                                              mm_.limits().stack_bytes >> 10));
        }
        for (const PlacedBytes* part : {&vectors.identity, &vectors.vectors}) {
            if (!user_memory_.copy_to(part->start, part->bytes)) return no_memory("the argument vector");
        }
        mm_.set_saved_auxv(std::move(vectors.auxv));
        return stack_pointer;
    }

    // Many arguments need more room for their pointers than exec has mapped.
    bool has_stack_at(VirtAddr address) {
        const mm::Vma* vma = mm_.vmas().find(address);
        return (vma != nullptr && vma->range().contains(address)) || mm_.expand_stack(address).has_value();
    }

    void note_layout(const StackStrings& strings, std::uint64_t bias, VirtAddr stack_pointer) {
        const ImageExtent extent = extent_of(image_);
        mm_.set_bounds(mm::ImageBounds{.start_code = biased(extent.start_code, bias),
                                       .end_code = biased(extent.end_code, bias),
                                       .start_data = biased(extent.start_data, bias),
                                       .end_data = biased(extent.end_data, bias),
                                       .start_stack = stack_pointer,
                                       .arg_start = strings.arguments.start,
                                       .arg_end = strings.arguments.end,
                                       .env_start = strings.environment.start,
                                       .env_end = strings.environment.end,
                                       .load_bias = bias});
        mm_.set_exe_file(file_);
        const bool fixed = image_.type == ElfType::fixed;
        mm_.set_start_brk(fixed ? extent.end.page_ceil() : position_independent_brk);
    }

    tl::unexpected<std::string> no_memory(std::string_view what) const {
        return tl::unexpected(fmt::format("not enough memory for {} (the machine has {} KiB)", what,
                                          mm_.memory().total_page_count().bytes() >> 10));
    }

    mm::MmStruct& mm_;
    mm::UserMemory& user_memory_;
    const std::shared_ptr<mm::File>& file_;
    const ElfImage& image_;
    const Vdso& vdso_;
    const ProgramArguments& arguments_;
};

}  // namespace

tl::expected<LoadedProgram, std::string> load_program(mm::MmStruct& mm, mm::UserMemory& user_memory,
                                                      const std::shared_ptr<mm::File>& file, const ElfImage& image,
                                                      const Vdso& vdso, const ProgramArguments& arguments) {
    return ProgramLoader(mm, user_memory, file, image, vdso, arguments).run();
}

}  // namespace fl::loader
