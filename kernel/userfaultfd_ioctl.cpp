// What a program asks of a userfaultfd (Linux: fs/userfaultfd.c, userfaultfd_ioctl), in Linux's order of checks.
#include "kernel/path_argument.hpp"
#include "kernel/syscalls.hpp"
#include "kernel/userfaultfd.hpp"

#include <sys/ioctl.h>

#include <algorithm>
#include <array>

namespace fl::kernel {

namespace {

// struct uffdio_poison, which older headers do not have.
struct UserPoison {
    uffdio_range range;
    std::uint64_t mode;
    std::int64_t updated;
};
constexpr std::uint64_t request_poison_number = 0x08;
constexpr std::uint64_t request_poison = _IOWR(UFFDIO, request_poison_number, UserPoison);
constexpr std::uint64_t dont_wake = 1;     // UFFDIO_COPY_MODE_DONTWAKE and its like
constexpr std::uint64_t protect = 2;       // UFFDIO_COPY_MODE_WP, UFFDIO_CONTINUE_MODE_WP
constexpr std::uint64_t wp_dont_wake = 2;  // UFFDIO_WRITEPROTECT_MODE_DONTWAKE
constexpr std::uint64_t wp_protect = 1;    // UFFDIO_WRITEPROTECT_MODE_WP

// What a kernel without huge pages and UFFDIO_MOVE has.
constexpr std::uint64_t known_features =
    mm::uffd_feature_pagefault_flag_wp | mm::uffd_feature_event_fork | mm::uffd_feature_event_remap |
    mm::uffd_feature_event_remove | mm::uffd_feature_missing_shmem | mm::uffd_feature_event_unmap |
    mm::uffd_feature_sigbus | mm::uffd_feature_thread_id | mm::uffd_feature_minor_shmem |
    mm::uffd_feature_exact_address | mm::uffd_feature_wp_shmem | mm::uffd_feature_wp_unpopulated |
    mm::uffd_feature_poison | mm::uffd_feature_wp_async;

constexpr std::uint64_t ioctl_bit(std::uint64_t number) { return std::uint64_t{1} << number; }
constexpr std::uint64_t api_ioctls =
    ioctl_bit(_UFFDIO_API) | ioctl_bit(_UFFDIO_REGISTER) | ioctl_bit(_UFFDIO_UNREGISTER);
constexpr std::uint64_t range_ioctls =
    ioctl_bit(_UFFDIO_WAKE) | ioctl_bit(_UFFDIO_COPY) | ioctl_bit(_UFFDIO_ZEROPAGE) | ioctl_bit(request_poison_number);

// validate_unaligned_range()
bool is_valid_length(std::uint64_t start, std::uint64_t size_bytes) {
    const std::uint64_t end = mm::task_size.value();
    return (size_bytes & page_mask) == 0 && size_bytes != 0 && start >= mm::mmap_min_addr.value() && start < end &&
           size_bytes <= end - start;
}

// validate_range(). EINVAL.
Result<VirtRange> valid_range(const uffdio_range& range) {
    if ((range.start & page_mask) != 0 || !is_valid_length(range.start, range.len)) return fail(Errno::einval);
    return VirtRange{VirtAddr(range.start), VirtAddr(range.start) + range.len};
}

// userfaultfd_api(). What fails leaves zeroes behind.
Result<std::uint64_t> api(System& system, Userfaultfd& context, std::uint64_t argument) {
    auto request = system.user().read<uffdio_api>(VirtAddr(argument));
    if (!request) return fail(request.error());
    std::uint64_t features = request->features;
    const auto refuse = [&](Errno error) -> Result<std::uint64_t> {
        if (auto done = system.user().write(VirtAddr(argument), uffdio_api{}); !done) return fail(done.error());
        return fail(error);
    };
    if (request->api != UFFD_API) return refuse(Errno::einval);
    if ((features & mm::uffd_feature_event_fork) != 0 && !system.task.credentials.may(Capability::sys_ptrace)) {
        return refuse(Errno::eperm);
    }
    if ((features & mm::uffd_feature_wp_async) != 0) features |= mm::uffd_feature_wp_unpopulated;
    if ((features & ~known_features) != 0) return refuse(Errno::einval);
    request->features = known_features;
    request->ioctls = api_ioctls;
    if (auto done = system.user().write(VirtAddr(argument), *request); !done) return fail(done.error());
    if (context.is_initialised()) return refuse(Errno::einval);
    context.initialise(features);
    return 0;
}

Result<std::uint64_t> register_range(System& system, Userfaultfd& context, std::uint64_t argument) {
    struct {
        uffdio_range range;
        std::uint64_t mode;
    } request{};
    if (auto done = system.user().copy_from(VirtAddr(argument), std::as_writable_bytes(std::span(&request, 1)));
        !done) {
        return fail(done.error());
    }
    constexpr std::uint64_t mode_missing = 1, mode_wp = 2, mode_minor = 4;
    if (request.mode == 0 || (request.mode & ~(mode_missing | mode_wp | mode_minor)) != 0) return fail(Errno::einval);
    mm::VmFlags flags;
    if ((request.mode & mode_missing) != 0) flags = flags | mm::vm_uffd_missing;
    if ((request.mode & mode_wp) != 0) flags = flags | mm::vm_uffd_wp;
    if ((request.mode & mode_minor) != 0) flags = flags | mm::vm_uffd_minor;
    const auto range = valid_range(request.range);
    if (!range) return fail(range.error());
    const auto space = context.mm();
    if (space == nullptr) return fail(Errno::enomem);
    const auto self = context.shared_from_this();
    if (auto done = space->register_userfault(*range, flags, self); !done) return fail(done.error());
    std::uint64_t ioctls = range_ioctls;
    if ((request.mode & mode_wp) != 0) ioctls |= ioctl_bit(_UFFDIO_WRITEPROTECT);
    if ((request.mode & mode_minor) != 0) ioctls |= ioctl_bit(_UFFDIO_CONTINUE);
    const VirtAddr place = VirtAddr(argument) + offsetof(uffdio_register, ioctls);
    return answer(system.user().write(place, ioctls));
}

// UFFDIO_UNREGISTER and UFFDIO_WAKE take a range. EFAULT, EINVAL.
Result<VirtRange> read_range(System& system, std::uint64_t argument) {
    const auto range = system.user().read<uffdio_range>(VirtAddr(argument));
    if (!range) return fail(range.error());
    return valid_range(*range);
}

Result<std::uint64_t> unregister_range(System& system, Userfaultfd& context, std::uint64_t argument) {
    const auto range = read_range(system, argument);
    if (!range) return fail(range.error());
    const auto space = context.mm();
    if (space == nullptr) return fail(Errno::enomem);
    return answer(space->unregister_userfault(*range, context, [&context](VirtRange part) { context.wake(part); }));
}

Result<std::uint64_t> wake_range(System& system, Userfaultfd& context, std::uint64_t argument) {
    const auto range = read_range(system, argument);
    if (!range) return fail(range.error());
    context.wake(*range);
    return 0;
}

// mfill_atomic(): how many bytes were filled before the first page that could not be.
Result<std::uint64_t> fill(System& system, mm::MmStruct& space, const mm::MmStruct::FillRequest& request,
                           std::uint64_t source) {
    const bool copies = request.fill == mm::UserfaultFill::copy;
    if (auto fine = space.may_fill(request); !fine) return fail(fine.error());
    std::array<std::byte, page_size> bytes{};
    for (VirtAddr page = request.range.start; page < request.range.end; page = page + page_size) {
        const std::uint64_t done = page - request.range.start;
        auto filled = copies ? system.user().copy_from(VirtAddr(source) + done, bytes) : Result<void>{};
        if (filled) filled = space.fill_page(request, page, bytes);
        if (!filled) return done > 0 ? Result<std::uint64_t>(done) : fail(filled.error());
    }
    return request.range.size_bytes();
}

// What the four calls that fill pages have in common: where the count goes, and who is woken.
struct FillCall {
    mm::MmStruct::FillRequest request;
    std::uint64_t source = 0;
    bool wakes = true;
    VirtAddr count_place{};
};

Result<std::uint64_t> make_fill_call(System& system, Userfaultfd& context, const FillCall& call) {
    const auto space = context.mm();
    if (space == nullptr) return fail(Errno::esrch);
    const auto filled = fill(system, *space, call.request, call.source);
    const std::int64_t count = filled ? static_cast<std::int64_t>(*filled) : -static_cast<std::int64_t>(filled.error());
    if (auto done = system.user().write(call.count_place, count); !done) return fail(done.error());
    if (!filled) return filled;
    const VirtAddr start = call.request.range.start;
    if (call.wakes) context.wake(VirtRange{start, start + *filled});
    return *filled == call.request.range.size_bytes() ? Result<std::uint64_t>(0) : fail(Errno::eagain);
}

// While an event is on its way the reader is asked to look at it first.
Result<void> refuse_while_changing(System& system, const Userfaultfd& context, VirtAddr count_place) {
    if (!context.is_changing()) return {};
    const auto refused = -static_cast<std::int64_t>(Errno::eagain);
    if (auto done = system.user().write(count_place, refused); !done) return done;
    return fail(Errno::eagain);
}

Result<std::uint64_t> copy(System& system, Userfaultfd& context, std::uint64_t argument) {
    const VirtAddr count_place = VirtAddr(argument) + offsetof(uffdio_copy, copy);
    if (auto fine = refuse_while_changing(system, context, count_place); !fine) return fail(fine.error());
    uffdio_copy request{};
    const auto known = std::as_writable_bytes(std::span(&request, 1)).first(offsetof(uffdio_copy, copy));
    if (auto done = system.user().copy_from(VirtAddr(argument), known); !done) return fail(done.error());
    if (!is_valid_length(request.src, request.len)) return fail(Errno::einval);
    const auto range = valid_range({request.dst, request.len});
    if (!range) return fail(range.error());
    if ((request.mode & ~(dont_wake | protect)) != 0) return fail(Errno::einval);
    const auto protection = (request.mode & protect) != 0 ? mm::WriteProtection::on : mm::WriteProtection::none;
    return make_fill_call(system, context,
                          {.request = {*range, mm::UserfaultFill::copy, protection},
                           .source = request.src,
                           .wakes = (request.mode & dont_wake) == 0,
                           .count_place = count_place});
}

// UFFDIO_ZEROPAGE, _CONTINUE and _POISON are made alike: a range, a mode, the count.
Result<std::uint64_t> fill_range(System& system, Userfaultfd& context, std::uint64_t argument, mm::UserfaultFill what) {
    const VirtAddr count_place = VirtAddr(argument) + offsetof(uffdio_zeropage, zeropage);
    if (auto fine = refuse_while_changing(system, context, count_place); !fine) return fail(fine.error());
    uffdio_zeropage request{};
    const auto known = std::as_writable_bytes(std::span(&request, 1)).first(offsetof(uffdio_zeropage, zeropage));
    if (auto done = system.user().copy_from(VirtAddr(argument), known); !done) return fail(done.error());
    const auto range = valid_range(request.range);
    if (!range) return fail(range.error());
    const std::uint64_t modes = what == mm::UserfaultFill::from_cache ? dont_wake | protect : dont_wake;
    if ((request.mode & ~modes) != 0) return fail(Errno::einval);
    const auto protection = (request.mode & protect) != 0 ? mm::WriteProtection::on : mm::WriteProtection::none;
    return make_fill_call(
        system, context,
        {.request = {*range, what, protection}, .wakes = (request.mode & dont_wake) == 0, .count_place = count_place});
}

Result<std::uint64_t> write_protect(System& system, Userfaultfd& context, std::uint64_t argument) {
    if (context.is_changing()) return fail(Errno::eagain);
    const auto request = system.user().read<uffdio_writeprotect>(VirtAddr(argument));
    if (!request) return fail(request.error());
    const auto range = valid_range(request->range);
    if (!range) return fail(range.error());
    const bool protects = (request->mode & wp_protect) != 0, wakes = (request->mode & wp_dont_wake) == 0;
    if ((request->mode & ~(wp_protect | wp_dont_wake)) != 0 || (protects && !wakes)) return fail(Errno::einval);
    const auto space = context.mm();
    if (space == nullptr) return fail(Errno::esrch);
    const auto protection = protects ? mm::WriteProtection::on : mm::WriteProtection::none;
    if (auto done = space->write_protect(*range, protection); !done) return fail(done.error());
    if (!protects && wakes) context.wake(*range);
    return 0;
}

}  // namespace

Result<std::uint64_t> control_userfaults(System& system, Userfaultfd& context, std::uint64_t request,
                                         std::uint64_t argument) {
    request = static_cast<std::uint32_t>(request);
    if (request != UFFDIO_API && !context.is_initialised()) return fail(Errno::einval);
    switch (request) {
        case UFFDIO_API: return api(system, context, argument);
        case UFFDIO_REGISTER: return register_range(system, context, argument);
        case UFFDIO_UNREGISTER: return unregister_range(system, context, argument);
        case UFFDIO_WAKE: return wake_range(system, context, argument);
        case UFFDIO_COPY: return copy(system, context, argument);
        case UFFDIO_ZEROPAGE: return fill_range(system, context, argument, mm::UserfaultFill::zero);
        case UFFDIO_CONTINUE: return fill_range(system, context, argument, mm::UserfaultFill::from_cache);
        case request_poison: return fill_range(system, context, argument, mm::UserfaultFill::poison);
        case UFFDIO_WRITEPROTECT: return write_protect(system, context, argument);
        default: return fail(Errno::einval);
    }
}

// vm.unprivileged_userfaultfd is 0: only faults of its own code are anybody's to answer.
Result<std::uint64_t> sys_userfaultfd(System& system, const Arguments& a) {
    constexpr int user_mode_only = 1;  // UFFD_USER_MODE_ONLY
    const int flags = int_argument(a[0]);
    if ((flags & user_mode_only) == 0 && !system.task.credentials.may(Capability::sys_ptrace)) {
        return fail(Errno::eperm);
    }
    if ((flags & ~(O_CLOEXEC | O_NONBLOCK | user_mode_only)) != 0) return fail(Errno::einval);
    const auto fd = system.task.files->find_free(0, open_file_limit(system));
    if (!fd) return fail(Errno::emfile);
    auto context = std::make_shared<Userfaultfd>(flags);
    context->set_mm(system.task.mm);
    auto opened = std::make_shared<UserfaultDescription>(nameless_file(system, 0600), std::move(context));
    if (auto taken = opened->take_memory(system.memory, nameless_objects); !taken) return fail(taken.error());
    system.task.files->put(*fd, std::move(opened), (flags & O_CLOEXEC) != 0 ? OnExec::close : OnExec::keep);
    return *fd;
}

}  // namespace fl::kernel
