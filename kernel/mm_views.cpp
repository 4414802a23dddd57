// mm_dump.hpp: whether maps, the list of VMAs and their tree say the same. What maps says is read back from its text,
// so that a mistake of its generator shows.
#include "kernel/mm_dump.hpp"
#include "kernel/proc_maps.hpp"

#include <fmt/format.h>

#include <optional>
#include <sstream>

namespace fl::kernel {

namespace {

struct MapsLine {
    VirtRange range;
    std::string protection;
    std::uint64_t offset_bytes = 0;
    std::uint32_t device_major = 0, device_minor = 0;
    std::uint64_t inode = 0;
    std::string name;
};

std::optional<MapsLine> parse_maps_line(const std::string& text) {
    MapsLine line;
    std::uint64_t start = 0, end = 0;
    char dash = 0, colon = 0;
    std::istringstream fields(text);
    fields >> std::hex >> start >> dash >> end >> line.protection >> line.offset_bytes;
    fields >> line.device_major >> colon >> line.device_minor >> std::dec >> line.inode;
    if (!fields || dash != '-' || colon != ':') return std::nullopt;
    line.range = VirtRange{VirtAddr(start), VirtAddr(end)};
    std::getline(fields >> std::ws, line.name);
    return line;
}

std::vector<std::string> lines_of(std::string_view text) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const std::size_t length = std::min(text.find('\n'), text.size());
        lines.emplace_back(text.substr(0, length));
        text.remove_prefix(std::min(length + 1, text.size()));
    }
    return lines;
}

std::string escaped(std::string name) {
    for (std::size_t at = name.find('\n'); at != std::string::npos; at = name.find('\n', at)) {
        name.replace(at, 1, "\\012");
    }
    return name;
}

// What differs between one VMA and its line; empty: nothing.
std::string difference(const mm::MmStruct& mm, const mm::Vma& vma, const MapsLine& line) {
    const mm::VmFlags flags = vma.flags();
    const auto letter = [flags](mm::VmFlags flag, char name) { return flags.has(flag) ? name : '-'; };
    const std::string rights{letter(mm::vm_read, 'r'), letter(mm::vm_write, 'w'), letter(mm::vm_exec, 'x')};
    const mm::File* file = vma.file();
    const mm::FileIdentity nobody;
    const mm::FileIdentity& identity = file != nullptr ? file->identity() : nobody;
    if (!(line.range == vma.range())) return "range";
    if (line.protection.substr(0, 3) != rights) return "rights";
    if (line.offset_bytes != (file != nullptr ? vma.pgoff() << page_shift : 0)) return "offset";
    if (line.device_major != identity.device_major || line.device_minor != identity.device_minor) return "device";
    if (line.inode != identity.inode) return "inode";
    if (line.name != escaped(mm.vma_name(vma))) return "name";
    return {};
}

void compare_tree(const mm::VmaTree& vmas, std::vector<std::string>& differences) {
    const auto nodes = vmas.nodes();
    std::size_t at = 0;
    for (const mm::Vma* vma = vmas.first(); vma != nullptr; vma = vma->next(), ++at) {
        if (at < nodes.size() && nodes[at].vma == vma) continue;
        differences.push_back(fmt::format("the tree has another VMA than the list in place {}", at + 1));
        return;
    }
    if (at != nodes.size()) {
        differences.push_back(fmt::format("the tree has {} VMAs, the list {}", nodes.size(), at));
    }
}

}  // namespace

std::vector<std::string> compare_views(const mm::MmStruct& mm, std::string_view maps) {
    std::vector<std::string> differences;
    std::vector<std::string> lines = lines_of(maps);
    // The page that belongs to no address space.
    if (!lines.empty() && lines.back().ends_with(vsyscall_name)) lines.pop_back();
    std::size_t at = 0;
    for (const mm::Vma* vma = mm.vmas().first(); vma != nullptr; vma = vma->next(), ++at) {
        if (at >= lines.size()) {
            differences.push_back(fmt::format("maps has no line for the VMA at {:#x}", vma->start().value()));
            continue;
        }
        const auto line = parse_maps_line(lines[at]);
        const std::string part = line ? difference(mm, *vma, *line) : "form of line";
        if (!part.empty()) {
            differences.push_back(fmt::format("VMA {} at {:#x}: not the same {}", at + 1, vma->start().value(), part));
        }
    }
    if (at < lines.size()) {
        differences.push_back(fmt::format("maps has {} lines for {} VMAs", lines.size(), at));
    }
    compare_tree(mm.vmas(), differences);
    return differences;
}

}  // namespace fl::kernel
