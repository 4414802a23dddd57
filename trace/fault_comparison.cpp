#include "trace/fault_comparison.hpp"

#include <algorithm>
#include <cstdint>
#include <sstream>

namespace fl::trace {

namespace {

// The lowest address that the mmap area reaches with any stack limit that we give.
constexpr VirtAddr mmap_area_start{0x7000'0000'0000};
// Entries of the table behind the longest common subsequence.
constexpr std::size_t most_table_entries = 16'000'000;

std::optional<VirtRange> range_of(const std::string& line) {
    std::uint64_t start = 0, end = 0;
    char dash = 0;
    std::istringstream fields(line);
    fields >> std::hex >> start >> dash >> end;
    if (!fields || dash != '-' || start >= end) return std::nullopt;
    return VirtRange{VirtAddr(start), VirtAddr(end)};
}

// The parts of both lists that differ, and the longest common subsequence of them (Cormen et al., ch. 15).
class Alignment {
public:
    Alignment(std::span<const UserFault> native, std::span<const UserFault> emulated, const VdsoBlock& block)
        : native_(native), emulated_(emulated), block_(block) {}

    std::vector<ComparedRow> rows() {
        std::size_t n = 0, e = 0;
        while (n < native_.size() && e < emulated_.size() && same(n, e)) add(n++, e++);
        std::size_t n_end = native_.size(), e_end = emulated_.size();
        while (n_end > n && e_end > e && same(n_end - 1, e_end - 1)) --n_end, --e_end;
        align(n, n_end, e, e_end);
        for (; n_end < native_.size(); ++n_end, ++e_end) add(n_end, e_end);
        return std::move(rows_);
    }

private:
    bool same(std::size_t n, std::size_t e) const {
        const UserFault &a = native_[n], &b = emulated_[e];
        const bool both_in_image = block_.image.contains(a.instruction) && block_.image.contains(b.instruction);
        const bool both_in_data = block_.data.contains(a.address) && a.address.page_floor() == b.address.page_floor();
        return (a.instruction == b.instruction || both_in_image) && (a.address == b.address || both_in_data);
    }
    void add(std::optional<std::size_t> n, std::optional<std::size_t> e) { rows_.push_back({n, e}); }

    void align(std::size_t n, std::size_t n_end, std::size_t e, std::size_t e_end) {
        const std::size_t width = e_end - e + 1;
        if ((n_end - n + 1) > most_table_entries / width) {
            for (; n < n_end; ++n) add(n, std::nullopt);
            for (; e < e_end; ++e) add(std::nullopt, e);
            return;
        }
        // longest[i * width + j]: of the lists from n + i and e + j on.
        std::vector<std::uint32_t> longest((n_end - n + 1) * width, 0);
        for (std::size_t i = n_end - n; i-- > 0;) {
            for (std::size_t j = width - 1; j-- > 0;) {
                longest[i * width + j] = same(n + i, e + j)
                                             ? longest[(i + 1) * width + j + 1] + 1
                                             : std::max(longest[(i + 1) * width + j], longest[i * width + j + 1]);
            }
        }
        std::size_t i = 0, j = 0;
        while (n + i < n_end && e + j < e_end) {
            if (same(n + i, e + j)) {
                add(n + i++, e + j++);
            } else if (longest[(i + 1) * width + j] >= longest[i * width + j + 1]) {
                add(n + i++, std::nullopt);
            } else {
                add(std::nullopt, e + j++);
            }
        }
        while (n + i < n_end) add(n + i++, std::nullopt);
        while (e + j < e_end) add(std::nullopt, e + j++);
    }

    std::span<const UserFault> native_;
    std::span<const UserFault> emulated_;
    VdsoBlock block_;
    std::vector<ComparedRow> rows_;
};

}  // namespace

std::optional<VdsoBlock> find_vdso_block(const std::string& maps) {
    std::optional<VirtRange> data, image;
    std::istringstream lines(maps);
    for (std::string line; std::getline(lines, line);) {
        const auto range = range_of(line);
        if (!range) continue;
        if (line.ends_with("[vdso]")) image = range;
        if (line.ends_with("[vvar]") || line.ends_with("[vvar_vclock]")) {
            data = VirtRange{data ? data->start : range->start, range->end};
        }
    }
    if (!image) return std::nullopt;
    return VdsoBlock{data.value_or(VirtRange{image->start, image->start}), *image};
}

VirtAddr move_between_layouts(VirtAddr address, const VdsoBlock& from, const VdsoBlock& to) {
    if (from.image.contains(address)) return to.image.start + (address - from.image.start);
    if (from.data.contains(address)) return to.data.start + (address - from.data.start);
    if (address < mmap_area_start || address >= from.data.start) return address;
    return VirtAddr(to.data.start.value() - (from.data.start.value() - address.value()));
}

std::vector<ComparedRow> compare_faults(std::span<const UserFault> native, std::span<const UserFault> emulated,
                                        const VdsoBlock& block) {
    return Alignment(native, emulated, block).rows();
}

}  // namespace fl::trace
