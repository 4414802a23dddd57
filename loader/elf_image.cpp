#include "loader/elf_image.hpp"

#include "mm/mm_struct.hpp"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <span>
#include <string_view>
#include <utility>

namespace fl::loader {

namespace {

template <class T>
using Parsed = tl::expected<T, std::string>;

template <class... Arguments>
tl::unexpected<std::string> refuse(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    return tl::unexpected<std::string>(fmt::format(format, std::forward<Arguments>(arguments)...));
}

// Whether [offset, offset + bytes) lies in a file of `file_bytes`, without wrapping.
bool inside_file(std::uint64_t offset, std::uint64_t bytes, std::uint64_t file_bytes) {
    return offset <= file_bytes && bytes <= file_bytes - offset;
}

// --- the ELF header ---------------------------------------------------------------------------------------------

// Linux reads no larger table (fs/binfmt_elf.c, load_elf_phdrs). That also keeps out PN_XNUM (0xffff), by which a core
// file says that the true count is elsewhere.
constexpr std::uint64_t max_table_bytes = 65536;

std::string machine_name(std::uint16_t machine) {
    switch (machine) {
        case EM_386: return "i386";
        case EM_ARM: return "ARM";
        case EM_AARCH64: return "AArch64";
        case EM_RISCV: return "RISC-V";
        case EM_PPC: return "PowerPC";
        case EM_PPC64: return "64-bit PowerPC";
        case EM_S390: return "S/390";
        case EM_MIPS: return "MIPS";
        case EM_SPARCV9: return "SPARC v9";
        case EM_LOONGARCH: return "LoongArch";
        default: return fmt::format("machine {}", machine);
    }
}

Parsed<void> check_ident(std::span<const unsigned char, EI_NIDENT> ident) {
    if (ident[EI_CLASS] == ELFCLASS32) return refuse("is a 32-bit ELF file; only 64-bit x86-64 programs run here");
    if (ident[EI_CLASS] != ELFCLASS64)
        return refuse("ELF header: class {} is neither 32-bit nor 64-bit", ident[EI_CLASS]);
    if (ident[EI_DATA] == ELFDATA2MSB) return refuse("is a big-endian ELF file; x86-64 is little-endian");
    if (ident[EI_DATA] != ELFDATA2LSB) return refuse("ELF header: unknown byte order {}", ident[EI_DATA]);
    if (ident[EI_VERSION] != EV_CURRENT) return refuse("ELF header: unknown version {}", ident[EI_VERSION]);
    return {};
}

Parsed<void> check_type(std::uint16_t type) {
    switch (type) {
        case ET_EXEC:
        case ET_DYN: return {};
        case ET_REL: return refuse("is a relocatable object file, not a program; link it first");
        case ET_CORE: return refuse("is a core dump, not a program");
        default: return refuse("ELF header: type {} is not that of a program", type);
    }
}

Parsed<void> check_table_place(const Elf64_Ehdr& header, std::uint64_t file_bytes) {
    if (header.e_phnum == 0) return refuse("has no program headers, so there is nothing to load");
    if (header.e_phentsize != sizeof(Elf64_Phdr)) {
        return refuse("ELF header: program headers of {} bytes instead of {}", header.e_phentsize, sizeof(Elf64_Phdr));
    }
    const std::uint64_t table_bytes = std::uint64_t{header.e_phnum} * sizeof(Elf64_Phdr);
    if (table_bytes > max_table_bytes) {
        return refuse("ELF header: {} program headers are more than the {} that Linux accepts", header.e_phnum,
                      max_table_bytes / sizeof(Elf64_Phdr));
    }
    if (!inside_file(header.e_phoff, table_bytes, file_bytes)) {
        return refuse("{} program headers at file offset {:#x} reach past the end of the file ({:#x} bytes)",
                      header.e_phnum, header.e_phoff, file_bytes);
    }
    return {};
}

Parsed<void> check_header(const Elf64_Ehdr& header, std::uint64_t file_bytes) {
    if (auto checked = check_ident(header.e_ident); !checked) return checked;
    if (auto checked = check_type(header.e_type); !checked) return checked;
    if (header.e_machine != EM_X86_64) {
        return refuse("is a program for {}, not for x86-64", machine_name(header.e_machine));
    }
    if (header.e_version != EV_CURRENT) return refuse("ELF header: unknown version {}", header.e_version);
    return check_table_place(header, file_bytes);
}

Parsed<void> check_magic(std::span<const std::byte> start) {
    const std::string_view text(reinterpret_cast<const char*>(start.data()), start.size());
    if (text.starts_with(ELFMAG)) return {};
    if (text.starts_with("#!")) return refuse("is a script, not an ELF program");
    return refuse("is not an ELF file");
}

Parsed<Elf64_Ehdr> read_header(const mm::File& file) {
    const std::uint64_t file_bytes = file.size_bytes();
    if (file_bytes == 0) return refuse("is empty");
    Elf64_Ehdr header{};
    const auto bytes = std::as_writable_bytes(std::span(&header, 1));
    const auto start = bytes.first(std::min<std::uint64_t>(file_bytes, bytes.size()));
    if (!file.read_uncached(0, start)) return refuse("cannot read the ELF header: Input/output error");
    if (auto checked = check_magic(start); !checked) return tl::unexpected(checked.error());
    if (start.size() < bytes.size()) {
        return refuse("is cut off: {} bytes of a {}-byte ELF header", start.size(), bytes.size());
    }
    if (auto checked = check_header(header, file_bytes); !checked) return tl::unexpected(checked.error());
    return header;
}

Parsed<std::vector<Elf64_Phdr>> read_program_headers(const mm::File& file, const Elf64_Ehdr& header) {
    std::vector<Elf64_Phdr> table(header.e_phnum);
    if (!file.read_uncached(header.e_phoff, std::as_writable_bytes(std::span(table)))) {
        return refuse("cannot read the program headers: Input/output error");
    }
    return table;
}

// --- program headers --------------------------------------------------------------------------------------------

// The path is the file's word: what could upset a terminal is left out of the message.
std::string printable(std::string_view text) {
    std::string result(text);
    std::replace_if(
        result.begin(), result.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return result;
}

std::string interpreter_path(const mm::File& file, const Elf64_Phdr& header) {
    std::array<char, 128> path{};
    const std::uint64_t count = std::min<std::uint64_t>(header.p_filesz, path.size() - 1);
    if (!inside_file(header.p_offset, count, file.size_bytes())) return {};
    if (!file.read_uncached(header.p_offset, std::as_writable_bytes(std::span(path)).first(count))) return {};
    return printable(path.data());
}

Parsed<void> check_static(const mm::File& file, std::span<const Elf64_Phdr> table) {
    const auto found = std::find_if(table.begin(), table.end(), [](const auto& h) { return h.p_type == PT_INTERP; });
    if (found == table.end()) return {};
    const std::string path = interpreter_path(file, *found);
    return refuse("is dynamically linked (interpreter {}); link it with -static", path.empty() ? "unknown" : path);
}

// What one program header describes, checked as far as it can be on its own.
class SegmentCheck {
public:
    SegmentCheck(std::size_t index, const Elf64_Phdr& header, std::uint64_t file_bytes)
        : index_(index), header_(header), file_bytes_(file_bytes) {}

    Parsed<ElfSegment> loadable(ElfType type) const {
        if (auto checked = common(); !checked) return tl::unexpected(checked.error());
        if (auto checked = file_offset(); !checked) return tl::unexpected(checked.error());
        if (type == ElfType::fixed && VirtAddr(header_.p_vaddr).page_floor() < mm::mmap_min_addr) {
            return fault("segment at {:#x} is below {:#x}, the lowest address that a program may map", header_.p_vaddr,
                         mm::mmap_min_addr.value());
        }
        return segment();
    }

    // A range that the C library reads: PT_TLS.
    Parsed<ElfSegment> template_range() const {
        if (auto checked = common(); !checked) return tl::unexpected(checked.error());
        return segment();
    }

    // A range of memory alone: PT_GNU_RELRO.
    Parsed<VirtRange> memory_range() const {
        if (auto checked = addresses(); !checked) return tl::unexpected(checked.error());
        return VirtRange{VirtAddr(header_.p_vaddr), VirtAddr(header_.p_vaddr + header_.p_memsz)};
    }

private:
    template <class... Arguments>
    tl::unexpected<std::string> fault(fmt::format_string<Arguments...> format, Arguments&&... arguments) const {
        return refuse("program header {}: {}", index_, fmt::format(format, std::forward<Arguments>(arguments)...));
    }

    Parsed<void> common() const {
        if (header_.p_filesz > header_.p_memsz) {
            return fault("{:#x} bytes in the file but only {:#x} in memory", header_.p_filesz, header_.p_memsz);
        }
        if (!inside_file(header_.p_offset, header_.p_filesz, file_bytes_)) {
            return fault("segment at file offset {:#x} of {:#x} bytes reaches past the end of the file ({:#x} bytes)",
                         header_.p_offset, header_.p_filesz, file_bytes_);
        }
        if (header_.p_align > 1 && !std::has_single_bit(header_.p_align)) {
            return fault("alignment {:#x} is not a power of two", header_.p_align);
        }
        return addresses();
    }

    Parsed<void> addresses() const {
        const std::uint64_t limit = mm::task_size.value();
        if (header_.p_vaddr > limit || header_.p_memsz > limit - header_.p_vaddr) {
            return fault("segment at {:#x} of {:#x} bytes reaches past the end of the user address space ({:#x})",
                         header_.p_vaddr, header_.p_memsz, limit);
        }
        return {};
    }

    // Pages of the file become pages of memory, so both must agree on where in its page a byte lies. A segment without
    // file bytes has no such pages.
    Parsed<void> file_offset() const {
        if (header_.p_filesz == 0 || (header_.p_offset & page_mask) == (header_.p_vaddr & page_mask)) return {};
        return fault("file offset {:#x} and address {:#x} differ in their place within a page", header_.p_offset,
                     header_.p_vaddr);
    }

    ElfSegment segment() const {
        return ElfSegment{.address = VirtAddr(header_.p_vaddr),
                          .file_offset = header_.p_offset,
                          .file_bytes = header_.p_filesz,
                          .memory_bytes = header_.p_memsz,
                          .readable = (header_.p_flags & PF_R) != 0,
                          .writable = (header_.p_flags & PF_W) != 0,
                          .executable = (header_.p_flags & PF_X) != 0};
    }

    std::size_t index_;
    const Elf64_Phdr& header_;
    std::uint64_t file_bytes_;
};

// The pages that a segment takes. Its end is at most task_size, so rounding up cannot wrap.
VirtRange pages_of(const ElfSegment& segment) {
    return VirtRange{segment.address.page_floor(), (segment.address + segment.memory_bytes).page_ceil()};
}

class ImageBuilder {
public:
    ImageBuilder(const mm::File& file, const Elf64_Ehdr& header) : file_bytes_(file.size_bytes()) {
        image_.type = header.e_type == ET_EXEC ? ElfType::fixed : ElfType::position_independent;
        image_.entry = VirtAddr(header.e_entry);
        image_.max_alignment = page_size;
        image_.program_header_offset = header.e_phoff;
        image_.program_header_count = header.e_phnum;
        image_.program_header_entry_bytes = header.e_phentsize;
    }

    Parsed<void> add(std::size_t index, const Elf64_Phdr& header) {
        const SegmentCheck check(index, header, file_bytes_);
        switch (header.p_type) {
            case PT_LOAD: return add_loadable(index, header, check);
            case PT_TLS: return store(image_.tls, check.template_range());
            case PT_GNU_RELRO: return store(image_.relro, check.memory_range());
            case PT_GNU_STACK: image_.executable_stack = (header.p_flags & PF_X) != 0; return {};
            default: return {};
        }
    }

    Parsed<ElfImage> finish() && {
        if (image_.segments.empty()) return refuse("has no PT_LOAD program header, so there is nothing to load");
        // Linux asks the mmap area for room with the first segment's pages; one without file pages lands on page 0.
        if (image_.type == ElfType::position_independent && image_.segments.front().file_bytes == 0) {
            return refuse("program header {}: the first segment of a position-independent program is empty in the file",
                          first_index_);
        }
        return std::move(image_);
    }

private:
    template <class T>
    static Parsed<void> store(std::optional<T>& place, Parsed<T> value) {
        if (!value) return tl::unexpected(value.error());
        place = *value;
        return {};
    }

    Parsed<void> add_loadable(std::size_t index, const Elf64_Phdr& header, const SegmentCheck& check) {
        const auto segment = check.loadable(image_.type);
        if (!segment) return tl::unexpected(segment.error());
        if (segment->memory_bytes == 0) return {};  // takes no page; Linux maps nothing for it either
        if (auto checked = check_order(index, *segment); !checked) return checked;
        if (image_.segments.empty()) first_index_ = index;
        image_.segments.push_back(*segment);
        image_.max_alignment = std::max(image_.max_alignment, header.p_align);
        previous_index_ = index;
        return {};
    }

    Parsed<void> check_order(std::size_t index, const ElfSegment& segment) const {
        if (image_.segments.empty()) return {};
        const VirtRange low = pages_of(image_.segments.back());
        const VirtRange high = pages_of(segment);
        if (low.overlaps(high)) {
            return refuse(
                "program header {}: segment pages {:#x}-{:#x} overlap those of program header {} ({:#x}-{:#x})", index,
                high.start.value(), high.end.value(), previous_index_, low.start.value(), low.end.value());
        }
        if (high.start < low.start) {
            return refuse(
                "program header {}: segment at {:#x} comes after one at a higher address ({:#x}, program header {})",
                index, segment.address.value(), image_.segments.back().address.value(), previous_index_);
        }
        return {};
    }

    std::uint64_t file_bytes_;
    ElfImage image_{};
    std::size_t previous_index_ = 0;
    std::size_t first_index_ = 0;
};

}  // namespace

Parsed<ElfImage> parse_elf(const mm::File& file) {
    const auto header = read_header(file);
    if (!header) return tl::unexpected(header.error());
    const auto table = read_program_headers(file, *header);
    if (!table) return tl::unexpected(table.error());
    // First, because it is what a person most likely got wrong, whatever else is the matter.
    if (auto checked = check_static(file, *table); !checked) return tl::unexpected(checked.error());

    ImageBuilder builder(file, *header);
    for (std::size_t index = 0; index < table->size(); ++index) {
        if (auto added = builder.add(index, (*table)[index]); !added) return tl::unexpected(added.error());
    }
    return std::move(builder).finish();
}

}  // namespace fl::loader
