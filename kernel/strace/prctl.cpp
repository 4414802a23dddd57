// prctl(2) and arch_prctl(2): what the arguments are depends on the option; see processes.hpp.
#include "kernel/strace/named.hpp"
#include "kernel/strace/processes.hpp"
#include "kernel/strace/scalars.hpp"

#include <fmt/format.h>
#include <sys/prctl.h>

namespace fl::kernel::strace {

namespace {

enum class Shape : std::uint8_t {
    nothing,
    number,
    hexadecimal,
    signal,
    dumpable,
    capability,
    name,
    four_numbers,
    ambient,
    area,       // PR_SET_VMA
    map_field,  // PR_SET_MM
    tracer,
    speculation,
    fills_signal,
    fills_number,
    fills_tsc,
    fills_address,
    fills_name,
};

struct Option {
    std::uint32_t number;
    const char* name;
    Shape shape;
};

#define OPTION(number, shape) \
    Option { number, #number, Shape::shape }
constexpr Option options[] = {
    OPTION(PR_SET_PDEATHSIG, signal),
    OPTION(PR_GET_PDEATHSIG, fills_signal),
    OPTION(PR_GET_DUMPABLE, nothing),
    OPTION(PR_SET_DUMPABLE, dumpable),
    OPTION(PR_GET_UNALIGN, fills_number),
    OPTION(PR_SET_UNALIGN, hexadecimal),
    OPTION(PR_GET_KEEPCAPS, nothing),
    OPTION(PR_SET_KEEPCAPS, number),
    OPTION(PR_GET_FPEMU, fills_number),
    OPTION(PR_SET_FPEMU, hexadecimal),
    OPTION(PR_GET_FPEXC, fills_number),
    OPTION(PR_SET_FPEXC, hexadecimal),
    OPTION(PR_GET_TIMING, nothing),
    OPTION(PR_SET_TIMING, number),
    OPTION(PR_SET_NAME, name),
    OPTION(PR_GET_NAME, fills_name),
    OPTION(PR_GET_ENDIAN, fills_number),
    OPTION(PR_SET_ENDIAN, hexadecimal),
    OPTION(PR_GET_SECCOMP, nothing),
    OPTION(PR_SET_SECCOMP, hexadecimal),
    OPTION(PR_CAPBSET_READ, capability),
    OPTION(PR_CAPBSET_DROP, capability),
    OPTION(PR_GET_TSC, fills_tsc),
    OPTION(PR_SET_TSC, hexadecimal),
    OPTION(PR_GET_SECUREBITS, nothing),
    OPTION(PR_SET_SECUREBITS, hexadecimal),
    OPTION(PR_SET_TIMERSLACK, number),
    OPTION(PR_GET_TIMERSLACK, nothing),
    OPTION(PR_TASK_PERF_EVENTS_DISABLE, nothing),
    OPTION(PR_TASK_PERF_EVENTS_ENABLE, nothing),
    OPTION(PR_MCE_KILL, four_numbers),
    OPTION(PR_MCE_KILL_GET, four_numbers),
    OPTION(PR_SET_MM, map_field),
    OPTION(PR_SET_PTRACER, tracer),
    OPTION(PR_SET_CHILD_SUBREAPER, number),
    OPTION(PR_GET_CHILD_SUBREAPER, fills_number),
    OPTION(PR_SET_NO_NEW_PRIVS, four_numbers),
    OPTION(PR_GET_NO_NEW_PRIVS, four_numbers),
    OPTION(PR_GET_TID_ADDRESS, fills_address),
    OPTION(PR_SET_THP_DISABLE, four_numbers),
    OPTION(PR_GET_THP_DISABLE, four_numbers),
    OPTION(PR_CAP_AMBIENT, ambient),
    OPTION(PR_GET_SPECULATION_CTRL, speculation),
    OPTION(PR_SET_IO_FLUSHER, four_numbers),
    OPTION(PR_GET_IO_FLUSHER, four_numbers),
    {0x5356'4d41, "PR_SET_VMA", Shape::area},
};
#undef OPTION

constexpr FlagName dumpables[] = {{0, "SUID_DUMP_DISABLE"}, {1, "SUID_DUMP_USER"}, {2, "SUID_DUMP_ROOT"}};
constexpr FlagName tsc_modes[] = {{1, "PR_TSC_ENABLE"}, {2, "PR_TSC_SIGSEGV"}};
constexpr FlagName ambients[] = {{1, "PR_CAP_AMBIENT_IS_SET"},
                                 {2, "PR_CAP_AMBIENT_RAISE"},
                                 {3, "PR_CAP_AMBIENT_LOWER"},
                                 {4, "PR_CAP_AMBIENT_CLEAR_ALL"}};
constexpr FlagName areas[] = {{0, "PR_SET_VMA_ANON_NAME"}};
constexpr FlagName map_fields[] = {
    {1, "PR_SET_MM_START_CODE"},  {2, "PR_SET_MM_END_CODE"},   {3, "PR_SET_MM_START_DATA"}, {4, "PR_SET_MM_END_DATA"},
    {5, "PR_SET_MM_START_STACK"}, {6, "PR_SET_MM_START_BRK"},  {7, "PR_SET_MM_BRK"},        {8, "PR_SET_MM_ARG_START"},
    {9, "PR_SET_MM_ARG_END"},     {10, "PR_SET_MM_ENV_START"}, {11, "PR_SET_MM_ENV_END"},   {12, "PR_SET_MM_AUXV"},
    {13, "PR_SET_MM_EXE_FILE"},   {14, "PR_SET_MM_MAP"},       {15, "PR_SET_MM_MAP_SIZE"}};
constexpr FlagName speculations[] = {
    {0, "PR_SPEC_STORE_BYPASS"}, {1, "PR_SPEC_INDIRECT_BRANCH"}, {2, "PR_SPEC_L1D_FLUSH"}};
constexpr FlagName secure_bits[] = {{1, "SECBIT_NOROOT"},          {2, "SECBIT_NOROOT_LOCKED"},
                                    {4, "SECBIT_NO_SETUID_FIXUP"}, {8, "SECBIT_NO_SETUID_FIXUP_LOCKED"},
                                    {16, "SECBIT_KEEP_CAPS"},      {32, "SECBIT_KEEP_CAPS_LOCKED"}};
constexpr std::size_t name_bytes = 15;

const Option* find_option(const Call& call) {
    const auto number = static_cast<std::uint32_t>(call.arguments[0]);
    for (const Option& option : options) {
        if (option.number == number) return &option;
    }
    return nullptr;
}

// "0, 0, 0" from argument `first` on.
std::string rest_text(const Call& call, std::size_t first) {
    std::string text;
    for (std::size_t i = first; i < 5; ++i) text += (i > first ? ", " : "") + hexadecimal_text(call.arguments.at(i));
    return text;
}

std::string area_text(const Call& call) {
    const auto& a = call.arguments;
    const std::string kind = value_text({areas, "PR_SET_VMA_???"}, a[1]);
    if (a[1] != 0) return kind + ", " + rest_text(call, 2);
    return fmt::format("{}, {}, {}, {}", kind, hexadecimal_text(a[2]), a[3], string_text(call, a[4], 80));
}

constexpr FlagName arch_options[] = {
    {0x1001, "ARCH_SET_GS"},         {0x1002, "ARCH_SET_FS"},         {0x1003, "ARCH_GET_FS"},
    {0x1004, "ARCH_GET_GS"},         {0x1011, "ARCH_GET_CPUID"},      {0x1012, "ARCH_SET_CPUID"},
    {0x1021, "ARCH_GET_XCOMP_SUPP"}, {0x1022, "ARCH_GET_XCOMP_PERM"}, {0x1023, "ARCH_REQ_XCOMP_PERM"},
    {0x2001, "ARCH_MAP_VDSO_X32"},   {0x2002, "ARCH_MAP_VDSO_32"},    {0x2003, "ARCH_MAP_VDSO_64"}};
constexpr std::uint64_t arch_get_fs = 0x1003, arch_get_gs = 0x1004, arch_get_cpuid = 0x1011;

bool arch_fills(const Call& call) {
    const std::uint64_t option = call.arguments[0] & 0xffff'ffff;
    return option == arch_get_fs || option == arch_get_gs;
}

}  // namespace

const Names arch_prctl_names{arch_options, "ARCH_???"};

std::string print_prctl_option(const Argument& a) {
    const Option* option = find_option(a.call);
    return option != nullptr ? option->name : fmt::format("{:#x} /* PR_??? */", a.unsigned_value());
}

std::string print_prctl_arguments(const Argument& a) {
    const auto& words = a.call.arguments;
    const Option* option = find_option(a.call);
    if (option == nullptr) return rest_text(a.call, 1);
    switch (option->shape) {
        case Shape::number: return std::to_string(words[1]);
        case Shape::hexadecimal: return hexadecimal_text(words[1]);
        case Shape::signal: return signal_text(int_argument(words[1]));
        case Shape::dumpable: return value_text({dumpables, "SUID_DUMP_???"}, words[1]);
        case Shape::capability: return capability_text(words[1]);
        case Shape::name: return string_text(a.call, words[1], name_bytes);
        case Shape::four_numbers: return rest_text(a.call, 1);
        case Shape::ambient:
            return fmt::format("{}, {}, {}", value_text({ambients, "PR_CAP_AMBIENT_???"}, words[1]),
                               words[1] == 4 ? hexadecimal_text(words[2]) : capability_text(words[2]),
                               rest_text(a.call, 3));
        case Shape::area: return area_text(a.call);
        case Shape::map_field: return value_text({map_fields, "PR_SET_MM_???"}, words[1]) + ", " + rest_text(a.call, 2);
        case Shape::tracer: return words[1] == ~std::uint64_t{0} ? "PR_SET_PTRACER_ANY" : std::to_string(words[1]);
        case Shape::speculation: return value_text({speculations, "PR_SPEC_???"}, words[1]);
        default: return "";
    }
}

std::string print_prctl_filled(const Argument& a) {
    const std::uint64_t address = a.call.arguments[1];
    const Option* option = find_option(a.call);
    if (option == nullptr || option->shape < Shape::fills_signal) return "";
    if (!a.call.succeeded()) return ", " + address_text(address);
    if (option->shape == Shape::fills_name) return ", " + string_text(a.call, address, name_bytes);
    if (option->shape == Shape::fills_number) return ", " + int_pointer_text(a.call, address);
    return ", " + pointed_to<std::uint64_t>(a.call, address, [option](std::uint64_t word) {
               const auto number = static_cast<std::uint32_t>(word);
               const std::string text = option->shape == Shape::fills_signal ? signal_text(static_cast<int>(number))
                                        : option->shape == Shape::fills_tsc
                                            ? value_text({tsc_modes, "PR_TSC_???"}, number)
                                            : address_text(word);
               return "[" + text + "]";
           });
}

std::string prctl_result(const Call& call) {
    switch (int_argument(call.arguments[0])) {
        case PR_GET_DUMPABLE:
            return fmt::format("{} ({})", call.value(), value_text({dumpables, "SUID_DUMP_???"}, call.value()));
        case PR_GET_SECUREBITS:
            if (call.value() == 0) return "0";
            return fmt::format("{:#x} ({})", call.value(), flags_text({secure_bits, nullptr}, call.value()));
        case PR_MCE_KILL_GET: return fmt::format("{} ({})", call.value(), "PR_MCE_KILL_DEFAULT");
        default: return std::to_string(static_cast<std::int64_t>(call.value()));
    }
}

std::string print_arch_prctl_argument(const Argument& a) {
    const bool takes_nothing = (a.call.arguments[0] & 0xffff'ffff) == arch_get_cpuid;
    return takes_nothing || arch_fills(a.call) ? "" : hexadecimal_text(a.value());
}

std::string print_arch_prctl_filled(const Argument& a) {
    if (!arch_fills(a.call)) return "";
    const std::uint64_t address = a.call.arguments[1];
    if (!a.call.succeeded()) return ", " + address_text(address);
    return ", " + pointed_to<std::uint64_t>(a.call, address,
                                            [](std::uint64_t word) { return "[" + address_text(word) + "]"; });
}

}  // namespace fl::kernel::strace
