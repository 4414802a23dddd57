#include "trace/table_tree.hpp"

#include <optional>

namespace fl::trace {

namespace {

constexpr unsigned table_bits = 9;
constexpr std::uint64_t task_bytes = std::uint64_t{1} << 47U;

// Whether the entry continues a run of `count` entries that `first` began.
bool continues(emu::Pte first, std::uint64_t count, emu::Pte next) {
    if (first.kind() != next.kind()) return false;
    if (first.is_resident() || first.is_swapped()) return next.raw() == first.raw() + (count << page_shift);
    return next == first;
}

class Builder {
public:
    Builder(const mm::PageTable& table, std::size_t max_rows) : table_(table), max_rows_(max_rows) {}

    TableTree build(std::uint32_t pid) {
        tree_.pid = pid;
        tree_.root = table_.root();
        tree_.table_count = table_.table_count().value();
        const VirtRange everything{VirtAddr(0), VirtAddr(task_bytes)};
        table_.for_each_leaf_table(everything, [this](VirtAddr start) { add_leaf_table(start); });
        return std::move(tree_);
    }

private:
    void add_leaf_table(VirtAddr start) {
        const mm::PageWalk walk = table_.walk_to(start);
        for (unsigned level = 4; level >= 2; --level) {
            const std::uint64_t page = start.value() >> page_shift >> (table_bits * (level - 1))
                                                                          << (table_bits * (level - 1));
            const std::size_t step = 4 - level;
            if (upper_[step] && tree_.rows[*upper_[step]].page == page) continue;
            for (std::size_t below = step; below < 3; ++below) upper_[below].reset();
            if (step > 0 && upper_[step - 1]) ++tree_.rows[*upper_[step - 1]].count;
            if (!add({static_cast<std::uint8_t>(level), page, 0, walk.steps[step].entry})) return;
            upper_[step] = tree_.rows.size() - 1;
        }
        const std::size_t holder = *upper_[2];
        if (walk.ends_large()) return;
        std::optional<std::size_t> run;
        const VirtRange range{start, start + mm::PageTable::leaf_table_bytes};
        table_.for_each(range, [&](VirtAddr at, const emu::Pte& entry) {
            ++tree_.rows[holder].count;
            const std::uint64_t page = at.value() >> page_shift;
            if (run) {
                TableRow& last = tree_.rows[*run];
                if (last.page + last.count == page && continues(last.entry, last.count, entry)) {
                    ++last.count;
                    return;
                }
            }
            run.reset();
            if (add({1, page, 1, entry})) run = tree_.rows.size() - 1;
        });
    }

    bool add(const TableRow& row) {
        if (tree_.rows.size() >= max_rows_) {
            ++tree_.left_out;
            return false;
        }
        tree_.rows.push_back(row);
        return true;
    }

    const mm::PageTable& table_;
    std::size_t max_rows_;
    TableTree tree_;
    // The rows of the upper entries that the last one lies below: level 4, 3, 2.
    std::optional<std::size_t> upper_[3];
};

}  // namespace

TableTree table_tree(const mm::PageTable& table, std::uint32_t pid, std::size_t max_rows) {
    return Builder(table, max_rows).build(pid);
}

}  // namespace fl::trace
