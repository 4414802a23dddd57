// Vma: one range of an address space with one set of rights and one backing (Linux: struct vm_area_struct).
//
// Invariants: start and end are page aligned, start < end; pgoff counts pages and moves with start when a VMA is split.
#pragma once

#include "emu/address.hpp"
#include "mm/anon_vma.hpp"
#include "mm/file.hpp"
#include "mm/rb_tree.hpp"
#include "mm/special_pages.hpp"
#include "mm/userfault.hpp"

#include <list>
#include <memory>
#include <string>
#include <variant>

namespace fl::mm {

// vm_flags, with Linux's values (include/linux/mm.h).
class VmFlags {
public:
    constexpr VmFlags() = default;
    constexpr explicit VmFlags(std::uint64_t bits) : bits_(bits) {}

    constexpr std::uint64_t bits() const { return bits_; }
    constexpr bool has(VmFlags other) const { return (bits_ & other.bits_) == other.bits_; }
    constexpr bool has_any(VmFlags other) const { return (bits_ & other.bits_) != 0; }

    friend constexpr bool operator==(VmFlags, VmFlags) = default;
    friend constexpr VmFlags operator|(VmFlags a, VmFlags b) { return VmFlags(a.bits_ | b.bits_); }
    friend constexpr VmFlags operator&(VmFlags a, VmFlags b) { return VmFlags(a.bits_ & b.bits_); }
    friend constexpr VmFlags operator~(VmFlags a) { return VmFlags(~a.bits_); }

private:
    std::uint64_t bits_ = 0;
};

inline constexpr VmFlags vm_read{0x1};
inline constexpr VmFlags vm_write{0x2};
inline constexpr VmFlags vm_exec{0x4};
inline constexpr VmFlags vm_shared{0x8};
inline constexpr VmFlags vm_mayread{0x10};
inline constexpr VmFlags vm_maywrite{0x20};
inline constexpr VmFlags vm_mayexec{0x40};
inline constexpr VmFlags vm_mayshare{0x80};
inline constexpr VmFlags vm_growsdown{0x100};
inline constexpr VmFlags vm_uffd_missing{0x200};
inline constexpr VmFlags vm_pfnmap{0x400};
inline constexpr VmFlags vm_maybe_guard{0x800};
inline constexpr VmFlags vm_uffd_wp{0x1000};
inline constexpr VmFlags vm_locked{0x2000};
inline constexpr VmFlags vm_io{0x4000};
inline constexpr VmFlags vm_seq_read{0x8000};
inline constexpr VmFlags vm_rand_read{0x10000};
inline constexpr VmFlags vm_dontcopy{0x20000};
inline constexpr VmFlags vm_dontexpand{0x40000};
inline constexpr VmFlags vm_lockonfault{0x80000};
inline constexpr VmFlags vm_account{0x100000};
inline constexpr VmFlags vm_noreserve{0x200000};
inline constexpr VmFlags vm_wipeonfork{0x2000000};
inline constexpr VmFlags vm_dontdump{0x4000000};
inline constexpr VmFlags vm_hugepage{0x20000000};
inline constexpr VmFlags vm_nohugepage{0x40000000};
inline constexpr VmFlags vm_mergeable{0x80000000};
inline constexpr VmFlags vm_droppable{1ULL << 40};
inline constexpr VmFlags vm_uffd_minor{1ULL << 41};
inline constexpr VmFlags vm_sealed{1ULL << 42};

inline constexpr VmFlags vm_locked_mask = vm_locked | vm_lockonfault;
inline constexpr VmFlags vm_access_flags = vm_read | vm_write | vm_exec;
// Flags that two VMAs need not share to become one, which then has them (VM_STICKY).
inline constexpr VmFlags vm_sticky = vm_maybe_guard;
// Ranges that are not plain memory (VM_SPECIAL).
inline constexpr VmFlags vm_special = vm_io | vm_dontexpand | vm_pfnmap;
// What a userfaultfd wants to hear of (__VM_UFFD_FLAGS).
inline constexpr VmFlags vm_uffd_flags = vm_uffd_missing | vm_uffd_wp | vm_uffd_minor;
inline constexpr VmFlags vm_may_flags = vm_mayread | vm_maywrite | vm_mayexec;

struct AnonymousBacking {
    friend bool operator==(const AnonymousBacking&, const AnonymousBacking&) = default;
};

struct FileBacking {
    std::shared_ptr<File> file;
    friend bool operator==(const FileBacking&, const FileBacking&) = default;
};

// A range that the kernel keeps for itself ([vvar], [vdso]); touching it is SIGBUS where no page stands behind it. It
// is mapped and unmapped whole: nothing splits it.
struct SpecialBacking {
    const char* name;
    std::shared_ptr<const SpecialPages> pages;  // nullptr: none at all
    friend bool operator==(const SpecialBacking&, const SpecialBacking&) = default;
};

using VmaBacking = std::variant<AnonymousBacking, FileBacking, SpecialBacking>;

// Who wants to know how many VMAs map something of his (vm_ops->open and close): a System V segment. A VMA with one is
// not taken up by a neighbour, but it may give it a part, or take one.
class MappingObserver {
public:
    virtual ~MappingObserver() = default;
    virtual void vma_opened() = 0;
    virtual void vma_closed() = 0;
};

// On which nodes pages are to lie (struct mempolicy). There is but one node, so that it only has to be told again.
struct MemoryPolicy {
    std::uint32_t mode = 0;  // MPOL_ value with its MPOL_F_ flags; 0: the task's
    std::uint64_t nodes = 0;
    friend bool operator==(const MemoryPolicy&, const MemoryPolicy&) = default;
};

// What a VMA is made of, apart from its links in the tree.
struct VmaContent {
    VmFlags flags;
    VmaBacking backing;
    std::uint64_t pgoff = 0;                      // file: page index of start; anonymous: virtual page number of start
    std::shared_ptr<MappingObserver> observer{};  // nullptr: nobody
    std::shared_ptr<UserfaultContext> userfault{};  // who answers its faults (vm_userfaultfd_ctx); nullptr: nobody
    MemoryPolicy policy{};                          // of mbind(2)
};

// "rwxp" as in /proc/PID/maps.
std::string protection_string(VmFlags flags);

class MmStruct;

class alignas(64) Vma {
public:
    Vma(VirtRange range, VmaContent content) : range_(range), content_(std::move(content)) {
        FL_ASSERT(range.start < range.end && range.start.page_aligned() && range.end.page_aligned());
    }
    Vma(const Vma&) = delete;
    Vma& operator=(const Vma&) = delete;
    ~Vma();

    VirtAddr start() const { return range_.start; }
    VirtAddr end() const { return range_.end; }
    VirtRange range() const { return range_; }
    PageCount page_count() const { return range_.page_count(); }
    VmFlags flags() const { return content_.flags; }
    const VmaBacking& backing() const { return content_.backing; }
    const VmaContent& content() const { return content_; }
    std::uint64_t pgoff() const { return content_.pgoff; }
    bool is_anonymous() const { return std::holds_alternative<AnonymousBacking>(content_.backing); }
    bool is_special() const { return std::holds_alternative<SpecialBacking>(content_.backing); }
    // nullptr for a VMA without a file.
    File* file() const {
        const auto* backing = std::get_if<FileBacking>(&content_.backing);
        return backing != nullptr ? backing->file.get() : nullptr;
    }
    // What answers its faults, under Linux's name (vm_ops); nullptr for anonymous memory.
    const char* vm_ops() const;
    // nullptr for a VMA that is not the kernel's own.
    const SpecialBacking* special() const { return std::get_if<SpecialBacking>(&content_.backing); }
    bool is_shared() const { return content_.flags.has(vm_shared); }
    bool is_accessible() const { return content_.flags.has_any(vm_access_flags); }

    // The page of the backing file, or the virtual page number, behind an address of this VMA.
    std::uint64_t page_index(VirtAddr address) const {
        return content_.pgoff + ((address - range_.start) >> page_shift);
    }
    VirtAddr address_of(std::uint64_t page_index) const {
        return range_.start + ((page_index - content_.pgoff) << page_shift);
    }
    // The content that a VMA starting at `address` inside this one has.
    VmaContent content_from(VirtAddr address) const {
        VmaContent content = content_;
        content.pgoff = page_index(address);
        return content;
    }

    // Neighbours in address order.
    const Vma* next() const { return next_; }
    const Vma* previous() const { return previous_; }
    Vma* next() { return next_; }
    Vma* previous() { return previous_; }

    MappingObserver* observer() const { return content_.observer.get(); }
    const std::shared_ptr<UserfaultContext>& userfault() const { return content_.userfault; }

    void set_flags(VmFlags flags) { content_.flags = flags; }
    void set_userfault(std::shared_ptr<UserfaultContext> context) { content_.userfault = std::move(context); }
    const MemoryPolicy& policy() const { return content_.policy; }
    void set_policy(const MemoryPolicy& policy) { content_.policy = policy; }

    // It could be one with the VMA below it, and as on Linux is not: a refused mapping, MREMAP_DONTUNMAP or fork left
    // them apart. Only verify() wants to know.
    bool is_left_apart() const { return left_apart_; }
    void set_left_apart(bool left_apart) { left_apart_ = left_apart; }

    // The address space that it lies in (vm_mm). Only between attach() and detach().
    MmStruct& mm() const {
        FL_ASSERT(mm_ != nullptr);
        return *mm_;
    }
    bool lies_in(const MmStruct& mm) const { return mm_ == &mm; }
    // What it takes of the machine's memory.
    void hold(SlabObject object) { object_ = std::move(object); }
    bool is_accounted() const { return static_cast<bool>(object_); }
    // From here on the mappings of its frames can be found through it: it is in its file's i_mmap.
    void attach(MmStruct& mm);
    // Leaves every tree of the reverse mapping.
    void detach();
    // Around a change of bounds.
    void leave_rmap_trees();
    void join_rmap_trees();

    // The family of its private pages (vma->anon_vma); nullptr: it never had one.
    AnonVma* anon_vma() const { return anon_vma_.get(); }
    const std::shared_ptr<AnonVma>& shared_anon_vma() const { return anon_vma_; }
    // All families among which its pages may be, its own last (vma->anon_vma_chain).
    const std::list<AnonVmaLink>& anon_vma_chain() const { return anon_vma_chain_; }
    // Its pages may belong to an ancestor's family (vma_is_fork_child).
    bool is_fork_child() const { return anon_vma_ != nullptr && anon_vma_chain_.size() > 1; }
    // Joins one family as its own (anon_vma_prepare).
    void set_anon_vma(std::shared_ptr<AnonVma> anon_vma);
    // Leaves every family: none of its pages is left (unlink_anon_vmas).
    void forget_anon_vma();
    // Joins all families of a VMA of the same address space (anon_vma_clone).
    void clone_anon_vma(const Vma& source);
    // The same, in place of a VMA that is about to go.
    void take_over_anon_vma(Vma& source);
    // Joins the families of the VMA that this is the fork of, and one of its own (anon_vma_fork).
    void fork_anon_vma(const Vma& parent);

private:
    friend class VmaTree;

    // What a search in VmaTree looks at, on one line of the host's cache.
    VirtRange range_;
    RbLinks<Vma> links_;
    std::uint64_t gap_ = 0;          // bytes between the predecessor, or address 0, and this VMA
    std::uint64_t subtree_gap_ = 0;  // the largest gap_ of this subtree (rb_subtree_gap)

    VmaContent content_;
    Vma* next_ = nullptr;
    Vma* previous_ = nullptr;
    MmStruct* mm_ = nullptr;
    bool left_apart_ = false;
    std::shared_ptr<AnonVma> anon_vma_;
    std::list<AnonVmaLink> anon_vma_chain_;
    IntervalNode file_node_{*this};
    SlabObject object_;
};

}  // namespace fl::mm
