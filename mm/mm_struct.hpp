// MmStruct: one address space (Linux: struct mm_struct): its VMAs, its page table, its bounds and counters.
//
// Every mutator plans first (that part may fail, and then nothing has changed), then commits. What a commit leaves
// stale in the processor's TLB is collected in effects().
//
// Invariants: map_count = VMAs in the tree; every resident PTE lies in a VMA and grants no more than it; the counters
// equal a recount (verify.hpp).
#pragma once

#include "mm/fault_event.hpp"
#include "mm/mapping_history.hpp"
#include "mm/mm_objects.hpp"
#include "mm/page_table.hpp"
#include "mm/rmap.hpp"
#include "mm/vma_tree.hpp"

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace fl::mm {

// End of the user half (TASK_SIZE_MAX with four levels) and the fixed places of a layout without randomisation.
inline constexpr VirtAddr task_size{0x7ffffffff000};
inline constexpr VirtAddr stack_top{0x7ffffffff000};
inline constexpr VirtAddr mmap_min_addr{0x1'0000};
inline constexpr std::uint64_t max_map_count = 65530;

// prot and flags of mmap(2), Linux's values.
inline constexpr std::uint64_t prot_read = 1, prot_write = 2, prot_exec = 4;
inline constexpr std::uint64_t prot_growsdown = 0x01000000, prot_growsup = 0x02000000;
inline constexpr std::uint64_t map_shared = 0x1, map_private = 0x2, map_shared_validate = 0x3, map_droppable = 0x8,
                               map_type_mask = 0xf, map_fixed = 0x10, map_anonymous = 0x20, map_32bit = 0x40,
                               map_growsdown = 0x100, map_locked = 0x2000, map_noreserve = 0x4000,
                               map_populate = 0x8000, map_stack = 0x20000, map_fixed_noreplace = 0x100000;

// Whether the process has root's capabilities: with CAP_IPC_LOCK, RLIMIT_MEMLOCK does not count; with CAP_SYS_RAWIO it
// may map below mmap_min_addr.
enum class Privilege : std::uint8_t { none, root };

// madvise(2) advice that is not MmStruct's affair alone, and flags of mlockall(2) and msync(2), Linux's values.
inline constexpr int madv_populate_read = 22, madv_populate_write = 23;
inline constexpr std::uint64_t mcl_current = 1, mcl_future = 2, mcl_onfault = 4;
inline constexpr std::uint64_t ms_async = 1, ms_invalidate = 2, ms_sync = 4;

struct ResourceLimits {
    static constexpr std::uint64_t infinity = ~std::uint64_t{0};
    Privilege privilege = Privilege::none;
    std::uint64_t address_space_bytes = infinity;  // RLIMIT_AS
    std::uint64_t data_bytes = infinity;           // RLIMIT_DATA
    std::uint64_t data_hard_bytes = infinity;      // its hard limit
    std::uint64_t stack_bytes = 8ULL << 20;        // RLIMIT_STACK
    std::uint64_t locked_bytes = 8ULL << 20;       // RLIMIT_MEMLOCK
};

// What an open file allows its mappings.
struct FileAccess {
    bool readable = true;
    bool writable = true;
    bool executable = true;     // false: the file system is mounted noexec
    bool write_sealed = false;  // F_SEAL_WRITE, F_SEAL_FUTURE_WRITE: to be shared for reading alone
};

struct MapRequest {
    VirtAddr hint{};                 // where to map, or with MAP_FIXED the place
    std::uint64_t length_bytes = 0;  // rounded up to pages
    std::uint64_t prot = 0;          // prot_ bits
    std::uint64_t flags = 0;         // map_ bits
    std::shared_ptr<File> file{};    // nullptr: anonymous
    FileAccess file_access{};        // how the descriptor was opened
    std::uint64_t pgoff = 0;         // pages
    std::shared_ptr<MappingObserver> observer{};
};

// mremap(2); lengths are rounded up to pages.
inline constexpr std::uint64_t mremap_maymove = 1, mremap_fixed = 2, mremap_dontunmap = 4;
struct RemapRequest {
    VirtAddr address{};
    std::uint64_t old_bytes = 0;  // 0: a shared mapping once more
    std::uint64_t new_bytes = 0;
    std::uint64_t flags = 0;  // mremap_ bits
    VirtAddr new_address{};   // with mremap_fixed the place, with mremap_dontunmap a hint
};
struct Remapped {
    VirtAddr start;
    VirtRange to_populate{};  // pages to bring in now, if any
};

// What the kernel must do to the processor after mutators ran.
struct MmEffects {
    bool tlb_stale = false;  // a PTE that the TLB may hold lost rights or its frame
};

// Places that exec decides and /proc shows.
struct ImageBounds {
    VirtAddr start_code, end_code, start_data, end_data;
    VirtAddr start_stack;
    VirtAddr arg_start, arg_end, env_start, env_end;
    std::uint64_t load_bias = 0;  // what was added to the executable's addresses
};

// Resident pages by kind (MM_ANONPAGES, MM_FILEPAGES, MM_SHMEMPAGES). The zero page does not count.
struct RssCounters {
    PageCount anonymous;
    PageCount file;
    PageCount shared_memory;
    PageCount total() const { return anonymous + file + shared_memory; }
    friend bool operator==(const RssCounters&, const RssCounters&) = default;
};

// Virtual sizes, in pages, as Linux splits them (vm_stat_account).
struct VmCounters {
    PageCount total;   // total_vm
    PageCount data;    // data_vm: private writable, not stack
    PageCount exec;    // exec_vm: executable, not writable
    PageCount stack;   // stack_vm: grows down
    PageCount locked;  // locked_vm
    friend bool operator==(const VmCounters&, const VmCounters&) = default;
};

class MmStruct {
public:
    // ENOMEM where there is no frame for the page table's root.
    static Result<std::unique_ptr<MmStruct>> create(PhysicalMemory& memory, FileRegistry& files,
                                                    const ResourceLimits& limits);
    MmStruct(const MmStruct&) = delete;
    MmStruct& operator=(const MmStruct&) = delete;
    ~MmStruct();

    // --- system calls; errors as mmap(2), munmap(2), mprotect(2), madvise(2), brk(2) give them -----------------
    Result<VirtAddr> map(MapRequest request);
    Result<void> unmap(VirtAddr start, std::uint64_t length_bytes);
    // Called for each range of locked memory that has become writable: UserMemory::populate() brings it in.
    using Populate = std::function<void(VirtRange)>;
    Result<void> protect(VirtAddr start, std::uint64_t length_bytes, std::uint64_t prot, const Populate& populate = {});
    // mm_advise.cpp. madv_populate_read and _write are only checked; UserMemory::populate_for() does them.
    Result<void> advise(VirtAddr start, std::uint64_t length_bytes, int advice);
    // mm_remap.cpp
    Result<Remapped> remap(RemapRequest request);
    // remap_file_pages(2), whose flags mean nothing. What may be read gets `read_implies` (prot_ bits) as well.
    Result<Remapped> remap_file_pages(VirtAddr address, std::uint64_t length_bytes, std::uint64_t prot,
                                      std::uint64_t pgoff, std::uint64_t read_implies = 0);
    // mm_lock.cpp. The pages are brought in by UserMemory::populate(), afterwards.
    Result<void> lock(VirtAddr start, std::uint64_t length_bytes, VmFlags lock_flags);
    Result<void> unlock(VirtAddr start, std::uint64_t length_bytes);
    Result<void> lock_all(std::uint64_t flags);  // mcl_ bits
    void unlock_all();
    // Flags that every new mapping gets (def_flags): those of mlockall(MCL_FUTURE).
    VmFlags def_flags() const { return def_flags_; }
    // What membarrier(2) was told that will be used (membarrier_state): MEMBARRIER_CMD_REGISTER_ bits.
    std::uint32_t membarrier_registrations() const { return membarrier_registrations_; }
    void register_membarrier(std::uint32_t command) { membarrier_registrations_ |= command; }
    // mm_sync.cpp. Says of each page of one VMA whether it is in memory; returns of how many. ENOMEM: no VMA at
    // `start`.
    Result<PageCount> mincore(VirtAddr start, std::span<std::byte> pages) const;
    Result<void> sync(VirtAddr start, std::uint64_t length_bytes, std::uint64_t flags);  // ms_ bits
    // The break after the call; the old one where it could not be moved, as brk(2) answers. New memory gets the flags
    // of data and these.
    VirtAddr set_brk(VirtAddr wanted, VmFlags more_flags = VmFlags());

    // --- userfaultfd (mm_userfault.cpp) -----------------------------------------------------------------------------
    // Gives the VMAs of `range` to `context`, whom faults of these kinds (vm_uffd_flags) then go to. EINVAL for a kind
    // of VMA that cannot be had so, EPERM for one that may never be written, EBUSY for another's; ENOMEM. As on Linux,
    // the VMAs before one that failed for want of memory stay registered.
    Result<void> register_userfault(VirtRange range, VmFlags flags, const std::shared_ptr<UserfaultContext>& context);
    // Called for each part that is nobody's any more.
    using PartVisitor = std::function<void(VirtRange)>;
    Result<void> unregister_userfault(VirtRange range, const UserfaultContext& context, const PartVisitor& freed);
    // Every VMA that is the context's becomes nobody's.
    void release_userfault(const UserfaultContext& context);
    // One page of a registered VMA, in which all of `request` lies. ENOENT where there is none; EINVAL where its kind
    // does not take the filling; EEXIST, EFAULT (past the file's end; nothing is cached), ENOMEM. `bytes`: a page for
    // UserfaultFill::copy.
    struct FillRequest {
        VirtRange range;
        UserfaultFill fill{};
        WriteProtection protection{};
    };
    Result<void> may_fill(const FillRequest& request);
    Result<void> fill_page(const FillRequest& request, VirtAddr page, std::span<const std::byte> bytes = {});
    // UFFDIO_WRITEPROTECT. ENOENT where a VMA is not registered for it; ENOMEM.
    Result<void> write_protect(VirtRange range, WriteProtection protection);
    // What happened since the last call that a context wants to be told of.
    std::vector<UserfaultEvent> take_userfault_events() { return std::exchange(userfault_events_, {}); }
    bool has_userfault_events() const { return !userfault_events_.empty(); }

    // --- sealing (mm_seal.cpp) --------------------------------------------------------------------------------------
    // mseal(2): the mappings of the range stay as they are. ENOMEM for a hole, EINVAL, and then none is sealed.
    Result<void> seal(VirtAddr start, std::uint64_t length_bytes);

    // --- memory policy (mm_change.cpp) ------------------------------------------------------------------------------
    // mbind(2): every VMA of the range gets the policy. ENOMEM.
    Result<void> set_policy(VirtRange range, const MemoryPolicy& policy);

    // --- exec's part --------------------------------------------------------------------------------------------
    // Adds the part of bss that no file page covers, page aligned (vm_brk_flags).
    Result<void> map_bss(VirtRange range, bool executable);
    // The stack VMA right below `top`, `size_bytes` large, that grows down to the stack limit.
    Result<void> map_stack(VirtAddr top, std::uint64_t size_bytes, bool executable);
    // The highest free place of this size in the mmap area; ENOMEM.
    Result<VirtAddr> find_free_range(std::uint64_t size_bytes) const;
    // A free range that the kernel keeps for itself ([vvar], [vdso]); ENOMEM where the limits forbid it.
    Result<void> map_special(VirtRange range, VmFlags flags, SpecialBacking backing);
    void set_start_brk(VirtAddr start) { start_brk_ = brk_ = start; }
    void set_bounds(const ImageBounds& bounds) { bounds_ = bounds; }
    void set_exe_file(std::shared_ptr<const File> file) { exe_file_ = std::move(file); }
    // Pairs of (type, value) ending with (0, 0), as on the stack.
    void set_saved_auxv(std::vector<std::uint64_t> auxv) { saved_auxv_ = std::move(auxv); }

    // --- fork's part ------------------------------------------------------------------------------------------------
    // The same address space once more (dup_mmap): private pages are shared until one side writes to them, ranges under
    // MADV_DONTFORK stay behind, those under MADV_WIPEONFORK come empty, and what can be faulted in again is not
    // copied. ENOMEM, with this address space as it was but for rights that the next write regains.
    Result<std::unique_ptr<MmStruct>> fork();

    // --- fault path's part --------------------------------------------------------------------------------------
    // Extends the VM_GROWSDOWN VMA above `address` down to it: ENOMEM beyond RLIMIT_STACK, RLIMIT_AS or into the
    // guard gap of what lies below.
    Result<Vma*> expand_stack(VirtAddr address);
    // Whether it could be done.
    Result<void> check_stack_growth(VirtAddr address) const;
    // Puts a resident `pte` where none was, or in place of the entry that was there; counts RSS and mappings both
    // ways. The caller hands over one reference on the frame (none on the zero page).
    void install(emu::Pte* slot, emu::Pte pte);
    // Gives `vma` its family of private pages before the first one is made (anon_vma_prepare). What that takes is
    // reserved before; ENOMEM.
    Result<MmObjects::Reservation> reserve_anon_vma(const Vma& vma);
    void prepare_anon_vma(Vma& vma);
    // What changes of its mappings take of the machine's memory.
    MmObjects& objects() { return objects_; }
    void note_tlb_stale() { effects_.tlb_stale = true; }
    // The same for a page in swap: its entry becomes a resident one, whose reference the caller hands over.
    void install_swapped_in(emu::Pte* slot, emu::Pte pte);
    // Takes the page of a resident entry out: `left`, an entry without a frame, takes its place.
    void unmap_page(emu::Pte& slot, emu::Pte left);
    // Takes the pages of a file mapping out (zap_page_range): private copies stay or go as `copies` says.
    void unmap_pages(VirtRange range, PrivateCopies copies);

    // --- large pages (mm_huge.cpp) ----------------------------------------------------------------------------------
    // Whether a first touch of `address` in `vma` may bring a large page (thp_vma_allowable_order).
    bool allows_huge_page(const Vma& vma, VirtAddr address) const;
    // Whether one would fit anywhere in it: what THPeligible of smaps says.
    bool is_thp_eligible(const Vma& vma) const;
    // As install(), with the 512 frames from pte.pfn() on, and a table kept for the entry (PageTable::deposit).
    void install_large(emu::Pte* slot, emu::Pte pte);
    // The frames are this mapping's alone from here on; `start`: where the large page lies.
    void own_large_page(Pfn first, const Vma& vma, VirtAddr start);
    // Whether nobody else refers to any of the frames.
    bool is_sole_owner(emu::Pte large) const;
    // The large page at `address`, if there is one, is mapped by 4 KiB entries from here on (__split_huge_pmd).
    void split_large_page(VirtAddr address);
    // mm_collapse.cpp. How gathering the pages of one place for a large page came out.
    enum class Collapse : std::uint8_t {
        done,
        is_large,       // it is one already
        nothing_there,  // no table, or somebody answers for its faults
        refused,        // guards; what is in swap cannot be read
        busy,           // somebody beside the page tables holds one of the pages
        unfit,          // khugepaged's: more is missing, in swap or shared than it takes, or nobody uses the pages
        no_memory,
    };
    // khugepaged's: whether `vma` has a place for it at all, and whether the one at `start` is worth it; then gathers
    // it (hpage_collapse_scan_pmd).
    bool is_khugepaged_candidate(const Vma& vma) const;
    Collapse khugepaged_collapse(Vma& vma, VirtAddr start);
    // PR_SET_THP_DISABLE.
    enum class ThpDisabled : std::uint8_t { no, unless_advised, yes };
    ThpDisabled thp_disabled() const { return thp_disabled_; }
    void set_thp_disabled(ThpDisabled disabled) { thp_disabled_ = disabled; }

    // --- references ---------------------------------------------------------------------------------------------
    // Tasks that run in this address space and whoever works on it meanwhile, and how many hold on to the structure:
    // its users together are one of them, a kernel thread that borrows the page tables is another. The last user takes
    // the address space apart and drops that one reference (mm_put); whose drop was the last gives the structure back.
    enum class Last : std::uint8_t { no, yes };
    void mmget() { ++mm_users_; }
    Last mmput() { return drop(mm_users_); }
    void mmgrab() { ++mm_count_; }
    Last mmdrop() { return drop(mm_count_); }
    // exit_mmap(): every mapping and page goes, what is left is the root of the page tables.
    void exit_mmap();
    // mm_reclaim.cpp. __oom_reap_task_mm(): what a process that is ending holds alone goes before its end.
    void reap();
    // /proc/PID/clear_refs: pages of these kinds look as if nobody had touched them; the peak of the resident set is
    // the present.
    enum class Pages : std::uint8_t { all, anonymous, of_files };
    void clear_references(Pages which);
    void reset_hiwater_rss() { hiwater_rss_ = rss_.total(); }
    std::uint32_t mm_users() const { return mm_users_; }
    std::uint32_t mm_count() const { return mm_count_; }

    // --- views --------------------------------------------------------------------------------------------------
    std::uint32_t id() const { return id_; }
    VmaTree& vmas() { return vmas_; }
    const VmaTree& vmas() const { return vmas_; }
    PageTable& page_table() { return page_table_; }
    const PageTable& page_table() const { return page_table_; }
    PhysicalMemory& memory() { return memory_; }
    const PhysicalMemory& memory() const { return memory_; }
    std::uint64_t map_count() const { return vmas_.count(); }
    VirtAddr start_brk() const { return start_brk_; }
    VirtAddr brk() const { return brk_; }
    VirtAddr mmap_base() const { return mmap_base_; }
    VirtAddr highest_vm_end() const;
    const ImageBounds& bounds() const { return bounds_; }
    // What exec loaded; nullptr before that.
    const File* exe_file() const { return exe_file_.get(); }
    const std::vector<std::uint64_t>& saved_auxv() const { return saved_auxv_; }
    const RssCounters& rss() const { return rss_; }
    // Entries that name swap slots (MM_SWAPENTS).
    PageCount swap_entries() const { return swap_entries_; }
    const VmCounters& vm() const { return vm_; }
    // Of the locked pages those that no VMA locks any more (MREMAP_DONTUNMAP).
    PageCount locked_left_behind() const { return locked_left_behind_; }
    PageCount hiwater_rss() const { return std::max(hiwater_rss_, rss_.total()); }
    PageCount hiwater_vm() const { return std::max(hiwater_vm_, vm_.total); }
    // Tables of all levels but the root, which Linux does not count.
    std::uint64_t pgtables_bytes() const { return (page_table_.table_count() - PageCount(1)).bytes(); }
    // Nobody pins pages for a device here.
    static PageCount pinned_vm() { return PageCount(0); }
    // Pages of all mappings that have a file (Linux up to 4.5).
    PageCount shared_vm() const;
    ResourceLimits& limits() { return limits_; }
    const ResourceLimits& limits() const { return limits_; }
    // [heap], [stack], a file's path, [vdso], or empty, as /proc/PID/maps prints it.
    std::string vma_name(const Vma& vma) const;
    VmaSnapshot snapshot(const Vma& vma) const;
    // What system calls did to its mappings; the kernel writes it, nothing here depends on it.
    MappingHistory& history() { return history_; }
    const MappingHistory& history() const { return history_; }
    // What has to be done to the processor since the last call.
    MmEffects take_effects() {
        MmEffects effects = std::exchange(effects_, MmEffects{});
        if (memory_.take_tlb_stale()) effects.tlb_stale = true;
        return effects;
    }

private:
    MmStruct(PhysicalMemory& memory, FileRegistry& files, PageTable page_table, const ResourceLimits& limits);

    // A stack above `start`, and nothing in the way; and the limits.
    Result<void> stack_has_place(VirtAddr start) const;
    bool limits_allow_stack(const Vma& stack, VirtAddr start) const;
    Result<VirtAddr> get_unmapped_area(const MapRequest& request, std::uint64_t length_bytes) const;
    std::optional<VirtAddr> search_unmapped_area(std::uint64_t flags, std::uint64_t length_bytes) const;
    Result<VmFlags> map_flags(const MapRequest& request) const;
    static Result<VmFlags> anonymous_map_flags(const MapRequest& request, VmFlags flags);
    static Result<VmFlags> file_map_flags(const MapRequest& request, VmFlags flags);
    // Whether `pages` more of these flags fit under RLIMIT_AS and RLIMIT_DATA (may_expand_vm).
    bool may_expand(VmFlags flags, PageCount pages) const;
    bool may_commit(PageCount pages) const;
    // Whether RLIMIT_MEMLOCK allows locking anything (can_do_mlock), or `pages` more under `flags` (mlock_future_ok).
    bool may_lock() const;
    bool may_lock_more(VmFlags flags, PageCount pages) const;
    PageCount locked_pages_in(VirtAddr start, PageCount pages) const;
    Result<void> apply_lock_flags(VirtAddr start, std::uint64_t length_bytes, VmFlags lock_flags);
    void apply_lock_flags_everywhere(VmFlags lock_flags);
    Result<Vma*> lock_part(Vma& vma, VirtRange range, VmFlags lock_flags);
    PageCount pages_in(VirtRange range) const;
    bool unmap_splits_too_many(VirtRange range) const;
    // What cutting VMAs at both ends of `range` takes.
    MmObjectCounts objects_of_cuts(VirtRange range) const;
    bool unmap_splits_special(VirtRange range) const;
    void note_high_water();

    Vma* vma_at(VirtAddr address);
    Result<void> check_remap(const Vma& vma, const RemapRequest& request) const;
    Result<VirtAddr> remap_in_place(Vma& vma, const RemapRequest& request);
    Result<VirtAddr> remap_to(RemapRequest request);
    Result<Remapped> move_range(const RemapRequest& request);
    Result<VirtAddr> move_vma(Vma& source, const RemapRequest& request);
    bool may_extend(const Vma& vma, std::uint64_t bytes);
    Result<void> ensure_tables_for_move(VirtRange from, VirtRange to);
    bool moves_whole(VirtAddr start, VirtRange from, VirtAddr to) const;
    void move_pages(VirtRange from, VirtAddr to);
    void leave_behind(Vma& source, VirtRange from);

    void commit_unmap(VirtRange range);
    void leave_cuts(VirtRange range);
    // Where Linux does not look for neighbours: `vma` and those beside it that it could be one with stay apart.
    static void leave_apart(Vma& vma);
    // Frees the tables around `range`, where no VMA is left, that no VMA needs.
    void free_unused_tables(VirtRange range, const Vma* below, const Vma* above);
    // What happens to guard entries: they outlive MADV_DONTNEED.
    enum class Guards : std::uint8_t { keep, drop };
    void zap(const Vma& vma, VirtRange range, Guards guards);
    void forget_page(emu::Pte pte);
    // Of a resident or a swapped entry.
    void forget_entry(emu::Pte pte);
    PageCount& rss_of(Pfn pfn);
    Vma& insert(VirtRange range, VmaContent content);
    void remove(Vma& vma);
    void resize(Vma& vma, VirtRange range);
    Vma& merge_neighbours(Vma& vma);
    Vma& merge_with_next(Vma& vma);
    Vma& split_at(Vma& vma, VirtAddr address);
    // Gives the part of `vma` inside `range` other flags: split, set, merge. Returns the VMA that holds the part now.
    // ENOMEM where that would take more VMAs than there may be.
    Result<Vma*> change_flags(Vma& vma, VirtRange range, VmFlags flags);
    // The same with all that may differ inside of one mapping.
    struct VmaAttributes {
        VmFlags flags;
        std::shared_ptr<UserfaultContext> userfault;
        MemoryPolicy policy;
    };
    Result<Vma*> change_vma(Vma& vma, VirtRange range, VmaAttributes attributes);
    Vma* move_boundary(Vma& vma, VirtRange range, VmFlags flags);
    Result<Vma*> protect_part(Vma& vma, VirtRange range, std::uint64_t prot);
    Result<void> advise_part(Vma& vma, VirtRange part, int advice);
    Result<void> advise_pages(Vma& vma, VirtRange part, int advice);
    Result<void> install_guards(Vma& vma, VirtRange part);
    Result<void> read_ahead(const Vma& vma, VirtRange part);
    static Result<void> remove_pages(const Vma& vma, VirtRange part);
    // mm_collapse.cpp
    enum class CollapseBy : std::uint8_t { advice, khugepaged };
    Result<void> collapse(Vma& vma, VirtRange part);
    Collapse collapse_one(Vma& vma, VirtAddr start, CollapseBy by);
    Collapse examine_place(const Vma& vma, const emu::Pte* entries, CollapseBy by) const;
    bool is_young(emu::Pte pte) const;
    Result<void> gather_pages(Pfn first, VirtAddr start);
    // mm_huge.cpp
    bool thp_is_disabled(const Vma& vma) const;
    void split_large_pages(VirtRange range);
    void split_large_pages_across(VirtRange range);
    void split_large_page_across(VirtAddr boundary);
    void split(emu::Pte& large);
    void zap_large_page(emu::Pte& slot);
    // mm_reclaim.cpp
    void make_pages_old(VirtRange part);
    void mark_lazy_free(VirtRange part);
    void page_out(const Vma& vma, VirtRange part);
    bool is_reclaimable(emu::Pte pte) const;
    void apply_protection(const Vma& vma, VirtRange range);
    emu::Pte protected_pte(const Vma& vma, emu::Pte pte) const;
    static Last drop(std::uint32_t& references) {
        FL_ASSERT(references > 0);
        return --references == 0 ? Last::yes : Last::no;
    }
    enum class Change : std::uint8_t { add, remove };
    void account(VmFlags flags, PageCount pages, Change change);
    Result<void> fork_vma(Vma& vma, MmStruct& child);
    void fork_userfault(VmaContent& content);
    static void forget_userfault(VmaContent& content);
    void note_unmap(const Vma& vma, VirtRange range);
    Result<void> take_from_userfault(Vma& vma, VirtRange part);
    Result<void> set_write_protection(const Vma& vma, VirtRange part, WriteProtection protection);
    Result<Vma*> fill_target(const FillRequest& request);
    Result<emu::Pte> fill_private(const Vma& vma, const FillRequest& request, VirtAddr page,
                                  std::span<const std::byte> bytes);
    Result<emu::Pte> fill_shared(const Vma& vma, const FillRequest& request, VirtAddr page,
                                 std::span<const std::byte> bytes);
    bool has_sealed(VirtRange range) const;
    void remove_write_protection(VirtRange range);
    Result<void> fork_pages(const Vma& vma, MmStruct& child);
    Result<void> fork_small_pages(const Vma& vma, VirtRange range, MmStruct& child);
    Result<void> fork_large_page(VirtAddr start, MmStruct& child);
    void share_page(const Vma& vma, emu::Pte& slot);
    void write_protect_for_sharing(emu::Pte& slot);
    // Anonymous memory at a place that is free: brk and bss (do_brk_flags).
    Result<void> add_anonymous(VirtRange range, VmFlags flags);

    PhysicalMemory& memory_;
    FileRegistry& files_;
    SlabObject object_;
    MmObjects objects_{memory_};
    PageTable page_table_;
    VmaTree vmas_;
    ResourceLimits limits_;
    VmFlags def_flags_;
    std::uint32_t id_;
    std::uint32_t mm_users_ = 1;
    std::uint32_t mm_count_ = 1;
    std::uint32_t membarrier_registrations_ = 0;
    ThpDisabled thp_disabled_ = ThpDisabled::no;
    VirtAddr mmap_base_;
    VirtAddr start_brk_{};
    VirtAddr brk_{};
    ImageBounds bounds_{};
    std::shared_ptr<const File> exe_file_;
    std::vector<std::uint64_t> saved_auxv_;
    RssCounters rss_;
    PageCount swap_entries_;
    VmCounters vm_;
    PageCount locked_left_behind_;
    PageCount hiwater_rss_;
    PageCount hiwater_vm_;
    MmEffects effects_;
    std::vector<UserfaultEvent> userfault_events_;
    MappingHistory history_;
};

// What decides whether a VMA, or one that could be made, is one with its neighbour.
struct MergeSide {
    MergeSide(const Vma& vma);  // NOLINT(google-explicit-constructor): a VMA is one
    MergeSide(VirtRange at, const VmaContent& made_of, const AnonVma* family, bool forked)
        : range(at), content(made_of), anon_vma(family), fork_child(forked) {}

    VirtRange range;
    const VmaContent& content;
    const AnonVma* anon_vma;
    bool fork_child;
};

// Whether two neighbours are one mapping (Linux: can_vma_merge_after).
bool can_merge(const MergeSide& low, const MergeSide& high);
// The same where no VMA has to go for it: the boundary between them moves.
bool can_join(const MergeSide& low, const MergeSide& high);

// The rights that a PTE of this VMA may carry at most.
emu::PteAccess vma_access(VmFlags flags);

// The bits that an entry of this VMA starts with (vm_page_prot): no right to write where the first write copies, not
// present under PROT_NONE.
emu::Pte vm_page_prot(VmFlags flags);

// The entry of a new large page.
emu::Pte large_page_entry(const Vma& vma, Pfn first);

}  // namespace fl::mm
