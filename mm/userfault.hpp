// Userfaults: what memory management knows of userfaultfd(2) (Linux: fs/userfaultfd.c, mm/userfaultfd.c). A VMA that is
// registered names the context that answers its faults; who reads the messages and who waits is the kernel's affair.
#pragma once

#include "emu/page_fault.hpp"

#include <cstdint>
#include <memory>
#include <variant>

namespace fl::mm {

// What a context was asked for (UFFDIO_API), Linux's values.
inline constexpr std::uint64_t uffd_feature_pagefault_flag_wp = 1 << 0, uffd_feature_event_fork = 1 << 1,
                               uffd_feature_event_remap = 1 << 2, uffd_feature_event_remove = 1 << 3,
                               uffd_feature_missing_shmem = 1 << 5, uffd_feature_event_unmap = 1 << 6,
                               uffd_feature_sigbus = 1 << 7, uffd_feature_thread_id = 1 << 8,
                               uffd_feature_minor_shmem = 1 << 10, uffd_feature_exact_address = 1 << 11,
                               uffd_feature_wp_shmem = 1 << 12, uffd_feature_wp_unpopulated = 1 << 13,
                               uffd_feature_poison = 1 << 14, uffd_feature_wp_async = 1 << 15;

class UserfaultContext {
public:
    explicit UserfaultContext(bool user_mode_only) : user_mode_only_(user_mode_only) {}
    UserfaultContext(const UserfaultContext&) = delete;
    UserfaultContext& operator=(const UserfaultContext&) = delete;
    virtual ~UserfaultContext() = default;

    bool has(std::uint64_t feature) const { return (features_ & feature) != 0; }
    std::uint64_t features() const { return features_; }
    void set_features(std::uint64_t features) { features_ = features; }
    // UFFD_USER_MODE_ONLY: the kernel's own accesses do not wait.
    bool is_user_mode_only() const { return user_mode_only_; }
    // The context of a process forked from this one's (dup_userfaultfd).
    virtual std::shared_ptr<UserfaultContext> for_child() const = 0;

private:
    std::uint64_t features_ = 0;
    bool user_mode_only_;
};

enum class UserfaultReason : std::uint8_t { missing, write_protected, minor };

// A fault that is not resolved until the context's reader says so.
struct Userfault {
    std::shared_ptr<UserfaultContext> context;
    UserfaultReason reason{};
    emu::Access access{};
    emu::Mode mode{};
    VirtAddr address;
};

// What happened to memory that a context looks after, and asked to be told of.
struct UserfaultEvent {
    struct Fork {
        std::shared_ptr<UserfaultContext> child;
    };
    struct Remap {
        VirtAddr from, to;
        std::uint64_t size_bytes;
    };
    struct Unmap {
        VirtRange range;
    };
    // Announced before it happens: MADV_DONTNEED, MADV_FREE, MADV_REMOVE.
    struct Remove {
        VirtRange range;
    };
    std::shared_ptr<UserfaultContext> context;
    std::variant<Fork, Remap, Unmap, Remove> what;
};

// Lets the running task wait. Returns whether the access is to be tried again; else it has failed.
class UserfaultWaiter {
public:
    virtual bool wait_for_userfault(const Userfault& fault) = 0;

protected:
    ~UserfaultWaiter() = default;
};

// What UFFDIO_COPY, _ZEROPAGE, _CONTINUE and _POISON put where no page is.
enum class UserfaultFill : std::uint8_t { copy, zero, from_cache, poison };
enum class WriteProtection : std::uint8_t { none, on };

}  // namespace fl::mm
