#include "trace/reclaim_text.hpp"

#include "mm/file_identity.hpp"
#include "mm/print_to.hpp"
#include "trace/text_cell.hpp"

#include <fmt/format.h>

namespace fl::trace {

namespace {

// "hello page 3" of a file's page; empty for private memory.
std::string file_place(const mm::PageName& page) {
    if (page.file == nullptr) return {};
    const std::string_view path = page.file->path;
    return fmt::format("{} page {}", printable(path.substr(path.rfind('/') + 1)), page.file_page);
}

void print_owner(std::string& to, const mm::PageName& page) {
    if (page.owner != 0) print_to(to, ", of pid {}", page.owner);
}

void print_occasion(std::string& to, mm::ReclaimReason reason, std::uint64_t for_fault) {
    switch (reason) {
        case mm::ReclaimReason::fault: to += for_fault != 0 ? ", for" : ", for the kernel"; break;
        case mm::ReclaimReason::shrink: to += for_fault != 0 ? ", let go of at" : ", let go of"; break;
        case mm::ReclaimReason::ahead: to += for_fault != 0 ? ", at" : ""; break;
        case mm::ReclaimReason::kswapd: to += ", by kswapd"; return;
        case mm::ReclaimReason::advice: to += ", by MADV_PAGEOUT"; return;
    }
    if (for_fault != 0) print_to(to, " fault {}", for_fault);
}

void print_duration(std::string& to, std::uint64_t ns) {
    constexpr std::uint64_t ns_per_us = 1000, ns_per_ms = 1'000'000, ns_per_s = 1'000'000'000;
    const auto print_in = [&](std::uint64_t unit_ns, std::string_view unit) {
        print_to(to, "{}.{:03} {}", ns / unit_ns, ns % unit_ns / (unit_ns / 1000), unit);
    };
    if (ns < ns_per_ms) {
        print_in(ns_per_us, "us");
    } else if (ns < ns_per_s) {
        print_in(ns_per_ms, "ms");
    } else {
        print_in(ns_per_s, "s");
    }
}

}  // namespace

std::string_view eviction_state(const mm::EvictionEvent& event) {
    if (event.dropped) return "drop";
    return event.dirty ? "dirty" : "clean";
}

std::string eviction_text(const mm::EvictionEvent& event) {
    std::string text;
    if (event.slot) {
        // What is clean was written there before.
        print_to(text, "{} slot {}", event.dirty ? "->" : "in", event.slot->value());
        if (const std::string place = file_place(event.page); !place.empty()) print_to(text, ", {}", place);
    } else if (event.page.file != nullptr) {
        print_to(text, "{} {}", event.dirty ? "->" : "of", file_place(event.page));
    } else {
        text += "given up";
    }
    text += ", age ";
    print_duration(text, event.age_ns);
    print_owner(text, event.page);
    print_occasion(text, event.reason, event.for_fault);
    print_to(text, ", frame {:x}", event.pfn.value());
    return text;
}

std::string_view write_back_state(const mm::WriteBackEvent& event) { return event.failed ? "failed" : "ahead"; }

std::string write_back_text(const mm::WriteBackEvent& event) {
    std::string text;
    if (event.slot) {
        print_to(text, "-> slot {}", event.slot->value());
    } else if (event.page.file != nullptr) {
        print_to(text, "-> {}", file_place(event.page));
    } else {
        text += "no slot is free";
    }
    print_owner(text, event.page);
    print_occasion(text, event.reason, event.for_fault);
    print_to(text, ", frame {:x}", event.pfn.value());
    return text;
}

}  // namespace fl::trace
