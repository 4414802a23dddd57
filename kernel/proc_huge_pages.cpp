#include "kernel/proc_huge_pages.hpp"

#include "kernel/processes.hpp"
#include "kernel/written_number.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace fl::kernel {

namespace {

constexpr std::uint32_t most_ptes = emu::large_page_frames;

std::string path_of(std::string_view file) { return fmt::format("kernel/mm/transparent_hugepage/{}", file); }
std::string path_of_khugepaged(std::string_view file) { return path_of(fmt::format("khugepaged/{}", file)); }

ProcGenerator line(std::string value) {
    return [value = std::move(value)](const System&) -> Result<std::string> { return value + "\n"; };
}

// Values of an enumeration from 0 on, and their names.
template <class Choice>
struct Words {
    std::size_t count;
    const char* (*name)(Choice);
};
constexpr Words<mm::ThpMode> modes{mm::thp_mode_count, mm::thp_mode_name};
constexpr Words<mm::ThpDefrag> defrags{mm::thp_defrag_count, mm::thp_defrag_name};

template <class Choice>
std::string all_words(const Words<Choice>& words, Choice chosen) {
    std::string text;
    for (std::size_t i = 0; i < words.count; ++i) {
        const auto choice = static_cast<Choice>(i);
        if (!text.empty()) text += ' ';
        text += choice == chosen ? fmt::format("[{}]", words.name(choice)) : words.name(choice);
    }
    return text + "\n";
}

// sysfs_streq(): with or without a line's end.
template <class Choice>
std::optional<Choice> choice_of(const Words<Choice>& words, std::string_view written) {
    if (written.ends_with('\n')) written.remove_suffix(1);
    for (std::size_t i = 0; i < words.count; ++i) {
        if (written == words.name(static_cast<Choice>(i))) return static_cast<Choice>(i);
    }
    return std::nullopt;
}

// start_stop_khugepaged(), or waking it.
void tell_khugepaged(const mm::Khugepaged& settings) {
    if (settings.changed) settings.changed();
}

template <class Choice>
void add_choice(ProcFs& proc, const char* file, const Words<Choice>& words, Choice mm::HugePages::*setting) {
    proc.add_writable_sys_file(
        path_of(file),
        [words, setting](const System& system) -> Result<std::string> {
            return all_words(words, system.memory.huge_pages().*setting);
        },
        [words, setting](System& system, std::string_view written) -> Result<void> {
            const auto choice = choice_of(words, written);
            if (!choice) return fail(Errno::einval);
            system.memory.huge_pages().*setting = *choice;
            tell_khugepaged(system.memory.huge_pages().khugepaged);
            return {};
        });
}

struct Bounds {
    std::uint32_t least = 0, most = std::numeric_limits<std::uint32_t>::max();
};
enum class Wakes : std::uint8_t { no, yes };

void add_number(ProcFs& proc, const char* file, std::uint32_t mm::Khugepaged::*setting, Bounds bounds, Wakes wakes) {
    proc.add_writable_sys_file(
        path_of_khugepaged(file),
        [setting](const System& system) -> Result<std::string> {
            return fmt::format("{}\n", system.memory.huge_pages().khugepaged.*setting);
        },
        [setting, bounds, wakes](System& system, std::string_view written) -> Result<void> {
            const auto value = written_decimal<std::uint32_t>(written);
            if (!value || *value < bounds.least || *value > bounds.most) return fail(Errno::einval);
            mm::Khugepaged& settings = system.memory.huge_pages().khugepaged;
            settings.*setting = *value;
            if (wakes == Wakes::yes) tell_khugepaged(settings);
            return {};
        });
}

void add_count(ProcFs& proc, const char* file, std::uint32_t mm::Khugepaged::*count) {
    proc.add_sys_file(path_of_khugepaged(file), [count](const System& system) -> Result<std::string> {
        return fmt::format("{}\n", system.memory.huge_pages().khugepaged.*count);
    });
}

// single_hugepage_flag_show() and _store()
void add_khugepaged_defrag(ProcFs& proc) {
    proc.add_writable_sys_file(
        path_of_khugepaged("defrag"),
        [](const System& system) -> Result<std::string> {
            return system.memory.huge_pages().khugepaged.defrag ? "1\n" : "0\n";
        },
        [](System& system, std::string_view written) -> Result<void> {
            const auto value = written_decimal<std::uint32_t>(written);
            if (!value || *value > 1) return fail(Errno::einval);
            system.memory.huge_pages().khugepaged.defrag = *value == 1;
            return {};
        });
}

}  // namespace

void add_huge_page_files(ProcFs& proc) {
    add_choice(proc, "enabled", modes, &mm::HugePages::mode);
    add_choice(proc, "defrag", defrags, &mm::HugePages::defrag);
    proc.add_sys_file(path_of("shmem_enabled"), line("always within_size advise [never] deny force"));
    proc.add_sys_file(path_of("hpage_pmd_size"), line(std::to_string(mm::huge_page_bytes)));
    // There is no large page of zeroes.
    proc.add_sys_file(path_of("use_zero_page"), line("0"));

    using K = mm::Khugepaged;
    add_number(proc, "scan_sleep_millisecs", &K::scan_sleep_millisecs, {}, Wakes::yes);
    add_number(proc, "alloc_sleep_millisecs", &K::alloc_sleep_millisecs, {}, Wakes::yes);
    add_number(proc, "pages_to_scan", &K::pages_to_scan, {.least = 1}, Wakes::no);
    add_number(proc, "max_ptes_none", &K::max_ptes_none, {.most = most_ptes - 1}, Wakes::no);
    add_number(proc, "max_ptes_swap", &K::max_ptes_swap, {.most = most_ptes - 1}, Wakes::no);
    add_number(proc, "max_ptes_shared", &K::max_ptes_shared, {.most = most_ptes - 1}, Wakes::no);
    add_count(proc, "pages_collapsed", &K::pages_collapsed);
    add_count(proc, "full_scans", &K::full_scans);
    add_khugepaged_defrag(proc);
}

}  // namespace fl::kernel
