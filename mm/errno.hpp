// Errno: what the kernel answers a guest that asked for something it cannot have. Values are Linux's (x86-64).
#pragma once

#include <tl/expected.hpp>

#include <cstdint>

namespace fl {

enum class Errno : std::uint16_t {
    eperm = 1,
    enoent = 2,
    esrch = 3,
    eintr = 4,
    eio = 5,
    enxio = 6,
    e2big = 7,
    enoexec = 8,
    ebadf = 9,
    echild = 10,
    eagain = 11,
    enomem = 12,
    eacces = 13,
    efault = 14,
    ebusy = 16,
    eexist = 17,
    exdev = 18,
    enodev = 19,
    enotdir = 20,
    eisdir = 21,
    einval = 22,
    enfile = 23,
    emfile = 24,
    enotty = 25,
    etxtbsy = 26,
    efbig = 27,
    enospc = 28,
    espipe = 29,
    erofs = 30,
    emlink = 31,
    epipe = 32,
    edom = 33,
    erange = 34,
    edeadlk = 35,
    enametoolong = 36,
    enolck = 37,
    enosys = 38,
    enotempty = 39,
    eloop = 40,
    enomsg = 42,
    eidrm = 43,
    enodata = 61,
    enopkg = 65,
    eoverflow = 75,
    enotsock = 88,
    edestaddrreq = 89,
    emsgsize = 90,
    eprototype = 91,
    enoprotoopt = 92,
    eprotonosupport = 93,
    esocktnosupport = 94,
    eopnotsupp = 95,
    eafnosupport = 97,
    eaddrinuse = 98,
    econnreset = 104,
    enobufs = 105,
    eisconn = 106,
    enotconn = 107,
    etoomanyrefs = 109,
    etimedout = 110,
    ecanceled = 125,
    econnrefused = 111,
};

// What a guest's request came to: a value, or the errno to answer with.
template <class T>
using Result = tl::expected<T, Errno>;

inline tl::unexpected<Errno> fail(Errno error) { return tl::unexpected<Errno>(error); }

// The symbolic name ("ENOMEM") and strerror's text, as strace prints them.
const char* errno_name(Errno error);
const char* errno_text(Errno error);

}  // namespace fl
