#include "kernel/strace/ioctl.hpp"

#include "kernel/strace/named.hpp"

#include <asm/ioctl.h>
#include <fmt/format.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <termios.h>

namespace fl::kernel::strace {

namespace {

enum class Shape : std::uint8_t {
    nothing,
    number,
    address,
    flush_queue,
    flow_action,
    takes_int,
    takes_terminal,
    takes_window,
    userfault_register,
    userfault_range,
    userfault_copy,
    userfault_zero,
    userfault_api,
    fills_int,
    fills_terminal,
    fills_window,
};

struct Request {
    std::uint32_t number;
    const char* name;
    Shape shape;
};
// Where several drivers use a number, strace names them all.
constexpr Request requests[] = {
    {TCGETS, "TCGETS", Shape::fills_terminal},
    {TCSETS, "SNDCTL_TMR_START or TCSETS", Shape::takes_terminal},
    {TCSETSW, "SNDCTL_TMR_STOP or TCSETSW", Shape::takes_terminal},
    {TCSETSF, "SNDCTL_TMR_CONTINUE or TCSETSF", Shape::takes_terminal},
    {0x802c'542a, "TCGETS2", Shape::fills_terminal},
    {0x402c'542b, "TCSETS2", Shape::takes_terminal},
    {TCSBRK, "TCSBRK", Shape::number},
    {TCXONC, "TCXONC", Shape::flow_action},
    {TCFLSH, "TCFLSH", Shape::flush_queue},
    {TIOCEXCL, "TIOCEXCL", Shape::nothing},
    {TIOCNXCL, "TIOCNXCL", Shape::nothing},
    {TIOCSCTTY, "TIOCSCTTY", Shape::number},
    {TIOCGPGRP, "TIOCGPGRP", Shape::fills_int},
    {TIOCSPGRP, "TIOCSPGRP", Shape::takes_int},
    {TIOCOUTQ, "TIOCOUTQ", Shape::fills_int},
    {TIOCGWINSZ, "TIOCGWINSZ", Shape::fills_window},
    {TIOCSWINSZ, "TIOCSWINSZ", Shape::takes_window},
    {FIONREAD, "FIONREAD", Shape::fills_int},
    {FIONBIO, "FIONBIO", Shape::takes_int},
    {TIOCNOTTY, "TIOCNOTTY", Shape::nothing},
    {TIOCGSID, "TIOCGSID", Shape::fills_int},
    {TIOCGPTN, "TIOCGPTN", Shape::fills_int},
    {TIOCSPTLCK, "TIOCSPTLCK", Shape::takes_int},
    {FIONCLEX, "FIONCLEX", Shape::nothing},
    {FIOCLEX, "FIOCLEX", Shape::nothing},
    {FIOASYNC, "FIOASYNC", Shape::takes_int},
    {FICLONE, "BTRFS_IOC_CLONE or FICLONE", Shape::number},
    {FS_IOC_GETFLAGS, "FS_IOC_GETFLAGS", Shape::address},
    {FS_IOC_SETFLAGS, "FS_IOC_SETFLAGS", Shape::address},
    {BLKGETSIZE64, "BLKGETSIZE64", Shape::address},
    {0xc018'aa3f, "UFFDIO_API", Shape::userfault_api},
    {0xc020'aa00, "UFFDIO_REGISTER", Shape::userfault_register},
    {0x8010'aa01, "UFFDIO_UNREGISTER", Shape::userfault_range},
    {0x8010'aa02, "UFFDIO_WAKE", Shape::userfault_range},
    {0xc028'aa03, "UFFDIO_COPY", Shape::userfault_copy},
    {0xc020'aa04, "UFFDIO_ZEROPAGE", Shape::userfault_zero},
    {0xc018'aa06, "UFFDIO_WRITEPROTECT", Shape::address},
    {0xc020'aa07, "UFFDIO_CONTINUE", Shape::address},
};

const Request* find_request(const Call& call) {
    const auto number = static_cast<std::uint32_t>(call.arguments[1]);
    for (const Request& request : requests) {
        if (request.number == number) return &request;
    }
    return nullptr;
}

// "_IOC(_IOC_READ, 0x56, 0x78, 0x1234)".
std::string unnamed_request_text(std::uint32_t request) {
    static constexpr std::array directions = {"_IOC_NONE", "_IOC_WRITE", "_IOC_READ", "_IOC_READ|_IOC_WRITE"};
    return fmt::format("_IOC({}, {}, {}, {})", directions.at(_IOC_DIR(request)), hexadecimal_text(_IOC_TYPE(request)),
                       hexadecimal_text(_IOC_NR(request)), hexadecimal_text(_IOC_SIZE(request)));
}

constexpr FlagName input_flags[] = {NAMED(IGNBRK), NAMED(BRKINT), NAMED(IGNPAR), NAMED(PARMRK),  NAMED(INPCK),
                                    NAMED(ISTRIP), NAMED(INLCR),  NAMED(IGNCR),  NAMED(ICRNL),   NAMED(IUCLC),
                                    NAMED(IXON),   NAMED(IXANY),  NAMED(IXOFF),  NAMED(IMAXBEL), NAMED(IUTF8)};
constexpr FlagName output_flags[] = {NAMED(OPOST), NAMED(OLCUC),  NAMED(ONLCR), NAMED(OCRNL),
                                     NAMED(ONOCR), NAMED(ONLRET), NAMED(OFILL), NAMED(OFDEL)};
constexpr FlagName control_flags[] = {NAMED(CSTOPB), NAMED(CREAD),  NAMED(PARENB),           NAMED(PARODD),
                                      NAMED(HUPCL),  NAMED(CLOCAL), {0x4000'0000, "CMSPAR"}, {0x8000'0000, "CRTSCTS"}};
constexpr FlagName speeds[] = {NAMED(B0),    NAMED(B50),   NAMED(B75),    NAMED(B110),   NAMED(B134),   NAMED(B150),
                               NAMED(B200),  NAMED(B300),  NAMED(B600),   NAMED(B1200),  NAMED(B1800),  NAMED(B2400),
                               NAMED(B4800), NAMED(B9600), NAMED(B19200), NAMED(B38400), NAMED(B57600), NAMED(B115200)};
constexpr FlagName sizes[] = {NAMED(CS5), NAMED(CS6), NAMED(CS7), NAMED(CS8)};
constexpr FlagName local_flags[] = {NAMED(ISIG),   NAMED(ICANON), NAMED(ECHO),   NAMED(ECHOE),   NAMED(ECHOK),
                                    NAMED(ECHONL), NAMED(NOFLSH), NAMED(IEXTEN), NAMED(ECHOCTL), NAMED(ECHOPRT),
                                    NAMED(ECHOKE), NAMED(FLUSHO), NAMED(PENDIN), NAMED(TOSTOP)};

// struct termios as the system calls pass it.
struct Terminal {
    std::uint32_t input, output, control, local;
};

std::string terminal_text(const Terminal& t) {
    const auto delay = [&t](const char* name, std::uint32_t mask, int shift) {
        return fmt::format("{}{}", name, (t.output & mask) >> shift);
    };
    std::string output = delay("NL", NLDLY, 8) + "|" + delay("CR", CRDLY, 9) + "|" + delay("TAB", TABDLY, 11) + "|" +
                         delay("BS", BSDLY, 13) + "|" + delay("VT", VTDLY, 14) + "|" + delay("FF", FFDLY, 15);
    constexpr std::uint32_t delays = NLDLY | CRDLY | TABDLY | BSDLY | VTDLY | FFDLY;
    if ((t.output & ~delays) != 0) output += "|" + flags_text({output_flags, nullptr}, t.output & ~delays);
    std::string control =
        value_text({speeds, "B???"}, t.control & CBAUD) + "|" + value_text({sizes, "CS?"}, t.control & CSIZE);
    const std::uint32_t rest = t.control & ~std::uint32_t{CBAUD | CSIZE};
    if (rest != 0) control += "|" + flags_text({control_flags, nullptr}, rest);
    return fmt::format("{{c_iflag={}, c_oflag={}, c_cflag={}, c_lflag={}, ...}}",
                       flags_text({input_flags, nullptr}, t.input), output, control,
                       flags_text({local_flags, nullptr}, t.local));
}

std::string window_text(const winsize& size) {
    return fmt::format("{{ws_row={}, ws_col={}, ws_xpixel={}, ws_ypixel={}}}", size.ws_row, size.ws_col, size.ws_xpixel,
                       size.ws_ypixel);
}

constexpr FlagName features[] = {{1 << 0, "UFFD_FEATURE_PAGEFAULT_FLAG_WP"},  {1 << 1, "UFFD_FEATURE_EVENT_FORK"},
                                 {1 << 2, "UFFD_FEATURE_EVENT_REMAP"},        {1 << 3, "UFFD_FEATURE_EVENT_REMOVE"},
                                 {1 << 4, "UFFD_FEATURE_MISSING_HUGETLBFS"},  {1 << 5, "UFFD_FEATURE_MISSING_SHMEM"},
                                 {1 << 6, "UFFD_FEATURE_EVENT_UNMAP"},        {1 << 7, "UFFD_FEATURE_SIGBUS"},
                                 {1 << 8, "UFFD_FEATURE_THREAD_ID"},          {1 << 9, "UFFD_FEATURE_MINOR_HUGETLBFS"},
                                 {1 << 10, "UFFD_FEATURE_MINOR_SHMEM"},       {1 << 11, "UFFD_FEATURE_EXACT_ADDRESS"},
                                 {1 << 12, "UFFD_FEATURE_WP_HUGETLBFS_SHMEM"}};
constexpr FlagName register_modes[] = {
    {1, "UFFDIO_REGISTER_MODE_MISSING"}, {2, "UFFDIO_REGISTER_MODE_WP"}, {4, "UFFDIO_REGISTER_MODE_MINOR"}};
constexpr FlagName copy_modes[] = {{1, "UFFDIO_COPY_MODE_DONTWAKE"}, {2, "UFFDIO_COPY_MODE_WP"}};
constexpr FlagName zero_modes[] = {{1, "UFFDIO_ZEROPAGE_MODE_DONTWAKE"}};
constexpr FlagName operations[] = {{0, "_UFFDIO_REGISTER"}, {1, "_UFFDIO_UNREGISTER"}, {2, "_UFFDIO_WAKE"},
                                   {3, "_UFFDIO_COPY"},     {4, "_UFFDIO_ZEROPAGE"},   {6, "_UFFDIO_WRITEPROTECT"},
                                   {7, "_UFFDIO_CONTINUE"}, {0x3f, "_UFFDIO_API"}};
constexpr Names feature_names{features, "UFFD_FEATURE_???"};

// "1<<_UFFDIO_REGISTER|...": the requests that may follow, a bit each.
std::string operations_text(std::uint64_t bits) {
    std::string text;
    for (const FlagName& operation : operations) {
        const std::uint64_t bit = std::uint64_t{1} << operation.value;
        if ((bits & bit) != 0) text += fmt::format("{}1<<{}", text.empty() ? "" : "|", operation.text);
        bits &= ~bit;
    }
    if (bits != 0) text += fmt::format("{}{:#x}", text.empty() ? "" : "|", bits);
    return text.empty() ? "0" : text;
}

using FiveWords = std::array<std::uint64_t, 5>;

// The words of a request's structure before the call; `closed` ends it there.
std::string userfault_text(const Call& call, Shape shape) {
    const std::uint64_t address = call.arguments[2];
    const auto words = [&](std::size_t count) {
        FiveWords w{};
        const auto bytes = std::as_writable_bytes(std::span(w)).first(count * sizeof(std::uint64_t));
        return address != 0 && call.read(address, bytes) == bytes.size() ? std::optional(w) : std::nullopt;
    };
    if (shape == Shape::userfault_range) {
        const auto w = words(2);
        return w ? fmt::format("{{start={}, len={}}}", hexadecimal_text((*w)[0]), hexadecimal_text((*w)[1]))
                 : address_text(address);
    }
    if (shape == Shape::userfault_copy) {
        const auto w = words(4);
        return w ? fmt::format("{{dst={}, src={}, len={}, mode={}", hexadecimal_text((*w)[0]),
                               hexadecimal_text((*w)[1]), hexadecimal_text((*w)[2]),
                               flags_text({copy_modes, "UFFDIO_COPY_???"}, (*w)[3]))
                 : address_text(address);
    }
    if (shape == Shape::userfault_api) {
        const auto w = words(2);
        return w ? fmt::format("{{api={}, features={}", hexadecimal_text((*w)[0]), flags_text(feature_names, (*w)[1]))
                 : address_text(address);
    }
    const auto w = words(3);
    if (!w) return address_text(address);
    const Names modes = shape == Shape::userfault_zero ? Names{zero_modes, "UFFDIO_ZEROPAGE_???"}
                                                       : Names{register_modes, "UFFDIO_REGISTER_MODE_???"};
    return fmt::format("{{range={{start={}, len={}}}, mode={}", hexadecimal_text((*w)[0]), hexadecimal_text((*w)[1]),
                       flags_text(modes, (*w)[2]));
}

// What the call added to the structure above, and its closing brace.
std::string userfault_filled_text(const Call& call, Shape shape) {
    const std::uint64_t address = call.arguments[2];
    constexpr std::uint64_t word = sizeof(std::uint64_t);
    const std::size_t place = shape == Shape::userfault_api ? 2 : shape == Shape::userfault_copy ? 4 : 3;
    const auto added = call.peek<std::uint64_t>(address + place * word);
    if (!call.peek<std::uint64_t>(address)) return "";
    if (!call.succeeded() || !added) return "}";
    if (shape == Shape::userfault_api) {
        const auto supported = call.peek<std::uint64_t>(address + word);
        return fmt::format(" => features={}, ioctls={}}}", flags_text(feature_names, supported.value_or(0)),
                           operations_text(*added));
    }
    if (shape == Shape::userfault_register) return fmt::format(", ioctls={}}}", operations_text(*added));
    const char* name = shape == Shape::userfault_copy ? "copy" : "zeropage";
    return fmt::format(", {}={}}}", name, hexadecimal_text(*added));
}

bool is_userfault_structure(Shape shape) {
    return shape == Shape::userfault_api || shape == Shape::userfault_register || shape == Shape::userfault_copy ||
           shape == Shape::userfault_zero;
}

}  // namespace

std::string print_ioctl_request(const Argument& a) {
    const Request* request = find_request(a.call);
    return request != nullptr ? request->name : unnamed_request_text(a.unsigned_value());
}

std::string print_ioctl_argument(const Argument& a) {
    static constexpr FlagName queues[] = {NAMED(TCIFLUSH), NAMED(TCOFLUSH), NAMED(TCIOFLUSH)};
    static constexpr FlagName actions[] = {NAMED(TCOOFF), NAMED(TCOON), NAMED(TCIOFF), NAMED(TCION)};
    const Request* request = find_request(a.call);
    if (request == nullptr) return hexadecimal_text(a.value());
    switch (request->shape) {
        case Shape::nothing:
        case Shape::fills_int:
        case Shape::fills_terminal:
        case Shape::fills_window: return "";
        case Shape::number: return std::to_string(a.int_value());
        case Shape::address: return address_text(a.value());
        case Shape::flush_queue: return value_text({queues, "TC?FLUSH"}, a.value());
        case Shape::flow_action: return value_text({actions, "TC???"}, a.value());
        case Shape::takes_int: return int_pointer_text(a.call, a.value());
        case Shape::takes_terminal: return pointed_to<Terminal>(a.call, a.value(), terminal_text);
        case Shape::takes_window: return pointed_to<winsize>(a.call, a.value(), window_text);
        default: return userfault_text(a.call, request->shape);
    }
}

std::string print_ioctl_filled(const Argument& a) {
    const Request* request = find_request(a.call);
    const std::uint64_t address = a.call.arguments[2];
    if (request == nullptr) return "";
    if (is_userfault_structure(request->shape)) return userfault_filled_text(a.call, request->shape);
    if (request->shape < Shape::fills_int) return "";
    if (!a.call.succeeded()) return ", " + address_text(address);
    switch (request->shape) {
        case Shape::fills_int: return ", " + int_pointer_text(a.call, address);
        case Shape::fills_terminal: return ", " + pointed_to<Terminal>(a.call, address, terminal_text);
        default: return ", " + pointed_to<winsize>(a.call, address, window_text);
    }
}

}  // namespace fl::kernel::strace
