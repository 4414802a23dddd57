#include "kernel/clear_refs.hpp"

#include <charconv>

namespace fl::kernel {

Result<void> clear_refs(System&, Task& task, std::string_view text) {
    constexpr int all = 1, anonymous = 2, of_files = 3, soft_dirty = 4, peak = 5;
    // kstrtoint(strstrip())
    constexpr std::string_view space = " \t\n\v\f\r";
    const std::size_t first = text.find_first_not_of(space);
    if (first == std::string_view::npos) return fail(Errno::einval);
    text = text.substr(first, text.find_last_not_of(space) + 1 - first);
    int what = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), what);
    if (error != std::errc{} || end != text.data() + text.size()) return fail(Errno::einval);
    if (what < all || what > peak) return fail(Errno::einval);
    if (task.mm == nullptr) return {};
    using Pages = mm::MmStruct::Pages;
    switch (what) {
        case all: task.mm->clear_references(Pages::all); return {};
        case anonymous: task.mm->clear_references(Pages::anonymous); return {};
        case of_files: task.mm->clear_references(Pages::of_files); return {};
        case soft_dirty: return {};
        case peak: task.mm->reset_hiwater_rss(); return {};
        default: return fail(Errno::einval);
    }
}

}  // namespace fl::kernel
