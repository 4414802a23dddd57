#include "loader/stack_image.hpp"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>
#include <string_view>

namespace fl::loader {

namespace {

// --- facts of the machine that the auxiliary vector tells ---------------------------------------------------------

// CPUID.1:EDX of the processor that emu/ pins (Nehalem without VME, as Unicorn reports it): FPU to CLFLUSH, MMX, FXSR,
// SSE, SSE2.
constexpr std::uint64_t cpu_features = 0x78bfbfd;
// HWCAP2_RING3MWAIT and HWCAP2_FSGSBASE: Nehalem has neither.
constexpr std::uint64_t cpu_features_2 = 0;
// The largest signal frame of a processor without XSAVE (arch/x86/kernel/signal.c, init_sigframe_size): 736 bytes of
// sigframe_ia32, 512 of FXSAVE, 112 of FSAVE, 15 + 63 of padding, rounded up to 16.
constexpr std::uint64_t min_signal_stack_bytes = 1440;
constexpr std::uint64_t clock_ticks_per_second = 100;
// sizeof and alignof of what Linux 6.3 and later know of struct rseq.
constexpr std::uint64_t rseq_feature_bytes = 28;
constexpr std::uint64_t rseq_alignment_bytes = 32;
constexpr std::string_view platform("x86_64\0", 7);
// The toy OS has one user.

// Newer than the C library's <elf.h>.
constexpr std::uint64_t at_rseq_feature_size = 27;
constexpr std::uint64_t at_rseq_align = 28;

// --- limits -------------------------------------------------------------------------------------------------------

constexpr std::uint64_t word_bytes = 8;
constexpr std::uint64_t max_string_bytes = 32 * page_size;    // MAX_ARG_STRLEN, with the NUL
constexpr std::uint64_t least_argument_bytes = 128ULL << 10;  // ARG_MAX: allowed however small the stack is
constexpr std::uint64_t most_argument_bytes = 6ULL << 20;     // three quarters of _STK_LIM

tl::unexpected<std::string> too_long(std::uint64_t limit_bytes) {
    return tl::unexpected(fmt::format("arguments and environment are too long: the stack limit leaves {} KiB for them",
                                      limit_bytes >> 10));
}

// Puts strings below one another, downwards from an address; the bytes are collected in reverse.
class StringStack {
public:
    StringStack(VirtAddr top, std::uint64_t limit_bytes) : next_(top), left_bytes_(limit_bytes) {}

    // Where the string starts; nullopt where there is no room left.
    std::optional<VirtAddr> push(const std::string& text) {
        const std::uint64_t count = text.size() + 1;
        if (count > left_bytes_) return std::nullopt;
        left_bytes_ -= count;
        next_ = next_ - count;
        reversed_.push_back(std::byte{0});
        const auto bytes = std::as_bytes(std::span(text));
        reversed_.insert(reversed_.end(), bytes.rbegin(), bytes.rend());
        return next_;
    }

    // Ascending order in memory means that the last string is pushed first.
    bool push_all(const std::vector<std::string>& strings, std::vector<VirtAddr>& starts) {
        starts.resize(strings.size());
        for (std::size_t i = strings.size(); i-- > 0;) {
            const auto start = push(strings[i]);
            if (!start) return false;
            starts[i] = *start;
        }
        return true;
    }

    VirtAddr next() const { return next_; }
    PlacedBytes content() const { return PlacedBytes{next_, {reversed_.rbegin(), reversed_.rend()}}; }

private:
    VirtAddr next_;
    std::uint64_t left_bytes_;
    std::vector<std::byte> reversed_;
};

bool has_oversized(const std::vector<std::string>& strings) {
    return std::any_of(strings.begin(), strings.end(), [](const auto& s) { return s.size() >= max_string_bytes; });
}

std::vector<std::uint64_t> auxiliary_vector(const AuxiliaryFacts& facts, VirtAddr execfn, VirtAddr random,
                                            VirtAddr platform_string) {
    // The order and the number of entries are the host kernel's, so that all that lies below has the host's addresses.
    return {
        AT_SYSINFO_EHDR,
        facts.vdso.value(),
        AT_MINSIGSTKSZ,
        min_signal_stack_bytes,
        AT_HWCAP,
        cpu_features,
        AT_PAGESZ,
        page_size,
        AT_CLKTCK,
        clock_ticks_per_second,
        AT_PHDR,
        facts.program_headers.value(),
        AT_PHENT,
        facts.program_header_entry_bytes,
        AT_PHNUM,
        facts.program_header_count,
        AT_BASE,
        0,
        AT_FLAGS,
        0,
        AT_ENTRY,
        facts.entry.value(),
        AT_UID,
        facts.rights.uid,
        AT_EUID,
        facts.rights.effective_uid,
        AT_GID,
        facts.rights.gid,
        AT_EGID,
        facts.rights.effective_gid,
        AT_SECURE,
        facts.rights.is_secure ? 1U : 0U,
        AT_RANDOM,
        random.value(),
        AT_HWCAP2,
        cpu_features_2,
        AT_EXECFN,
        execfn.value(),
        AT_PLATFORM,
        platform_string.value(),
        at_rseq_feature_size,
        rseq_feature_bytes,
        at_rseq_align,
        rseq_alignment_bytes,
        AT_NULL,
        0,
    };
}

std::uint64_t align_down(std::uint64_t value, std::uint64_t alignment) { return value & ~(alignment - 1); }

// argc, argv, NULL, envp, NULL, auxv.
std::vector<std::uint64_t> vector_words(const StackStrings& strings, const std::vector<std::uint64_t>& auxv) {
    std::vector<std::uint64_t> words{strings.argv.size()};
    const auto append = [&words](const std::vector<VirtAddr>& pointers) {
        for (const VirtAddr pointer : pointers) words.push_back(pointer.value());
        words.push_back(0);
    };
    append(strings.argv);
    append(strings.envp);
    words.insert(words.end(), auxv.begin(), auxv.end());
    return words;
}

std::vector<std::byte> bytes_of(const std::vector<std::uint64_t>& words) {
    const auto bytes = std::as_bytes(std::span(words));
    return {bytes.begin(), bytes.end()};
}

PlacedBytes identity_bytes(VirtAddr strings_start, const std::array<std::byte, 16>& random_bytes) {
    const VirtAddr platform_start = VirtAddr(align_down(strings_start.value(), 16)) - platform.size();
    PlacedBytes identity{platform_start - random_bytes.size(), {random_bytes.begin(), random_bytes.end()}};
    const auto name = std::as_bytes(std::span(platform));
    identity.bytes.insert(identity.bytes.end(), name.begin(), name.end());
    return identity;
}

}  // namespace

tl::expected<StackStrings, std::string> lay_out_strings(const ProgramArguments& arguments, VirtAddr top,
                                                        std::uint64_t stack_limit_bytes) {
    const std::vector<std::string> argv = arguments.argv.empty() ? std::vector<std::string>{""} : arguments.argv;
    const std::uint64_t limit = std::max(std::min(most_argument_bytes, stack_limit_bytes / 4), least_argument_bytes);
    const std::uint64_t pointer_bytes = (argv.size() + arguments.envp.size()) * word_bytes;
    if (pointer_bytes >= limit) return too_long(limit);
    if (has_oversized(argv) || has_oversized(arguments.envp) || arguments.execfn.size() >= max_string_bytes) {
        return tl::unexpected(
            fmt::format("an argument or environment string is longer than {} KiB", max_string_bytes >> 10));
    }

    StackStrings strings;
    StringStack stack(top - word_bytes, limit - pointer_bytes);
    const auto execfn = stack.push(arguments.execfn);
    if (!execfn) return too_long(limit);
    strings.execfn = *execfn;
    if (!stack.push_all(arguments.envp, strings.envp)) return too_long(limit);
    const VirtAddr environment_start = stack.next();
    if (!stack.push_all(argv, strings.argv)) return too_long(limit);
    strings.content = stack.content();
    strings.arguments = VirtRange{stack.next(), environment_start};
    strings.environment = VirtRange{environment_start, *execfn};
    return strings;
}

StackVectors lay_out_vectors(const StackStrings& strings, const AuxiliaryFacts& facts,
                             const std::array<std::byte, 16>& random_bytes) {
    StackVectors result{.identity = identity_bytes(strings.content.start, random_bytes), .vectors = {}, .auxv = {}};
    const VirtAddr random = result.identity.start;
    result.auxv = auxiliary_vector(facts, strings.execfn, random, random + random_bytes.size());
    const auto words = vector_words(strings, result.auxv);
    // The ABI wants 16-byte alignment at argc.
    result.vectors.start = VirtAddr(align_down(random.value() - words.size() * word_bytes, 16));
    result.vectors.bytes = bytes_of(words);
    return result;
}

}  // namespace fl::loader
