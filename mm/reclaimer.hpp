// Reclaimer: which user page leaves when frames run short (Linux: mm/vmscan.c, mm/workingset.c, mm/swap_state.c).
//
// It keeps a number for each user page, resident or not, under which a replacement policy knows it; tells the policy of
// pages that come and go; asks it for victims; and takes these out of every address space: anonymous pages and those of
// files that are only in memory to swap, those of other files back to them.
//
// A large page is one page to the policy, until somebody splits it (Linux: one folio on the LRU lists): the number is
// that of its first frame. Where a memory observer asks for them, its other frames have numbers that the policy hears
// nothing of.
//
// Invariants: every frame of a user page but those of FileKind::memory has a number, or its large page has; frames()
// counts them; the policy knows as resident exactly the numbered pages that are neither under resolution, nor about to
// leave, nor parts of another; a number lives for as long as the page has a frame, a swap slot or a place in its file's
// shadows.
#pragma once

#include "emu/reference_observer.hpp"
#include "mm/fault_event.hpp"
#include "mm/memory_observer.hpp"
#include "mm/physical_memory.hpp"
#include "mm/reclaim_event.hpp"
#include "mm/replacement/registry.hpp"
#include "mm/rmap.hpp"
#include "mm/swap_device.hpp"

#include <tl/expected.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace fl::replacement {
class CheckedPolicy;
}

namespace fl::mm {

class MmStruct;
class Vma;
class FaultOriginSource;

using replacement::PageId;

enum class ReclaimScope : std::uint8_t {
    global,       // every page is a candidate
    per_process,  // those of the process that needs a frame, while it has any
};

enum class PolicyChecks : std::uint8_t { off, on };

struct ReclaimOptions {
    std::optional<PageCount> frames{};  // that hold user pages at most; nullopt: as many as RAM has
    ReclaimScope scope = ReclaimScope::global;
    replacement::PolicyChoice policy{};
    PolicyChecks checks = PolicyChecks::off;
    std::uint64_t seed = 0;
    bool kswapd = false;
    // The present, in nanoseconds; nullptr: time stands still.
    std::function<std::uint64_t()> time_ns{};
    // Called when free frames fall below the low watermark; nullptr: nobody is told.
    std::function<void()> wake_kswapd{};
};

// Frames that are to stay free (Linux: struct zone, _watermark).
struct Watermarks {
    PageCount min;   // below, whoever needs a frame reclaims himself
    PageCount low;   // below, the background reclaimer wakes up
    PageCount high;  // up to here it works
};
// As Linux sets them for so many frames (min_free_kbytes, watermark_scale_factor), with at most an eighth kept free.
Watermarks watermarks_for(PageCount frames);

// Which list of Linux's a page would be on (folio_is_file_lru): of those that only swap can take, or of those that
// their file has or that may be given up.
enum class PageList : std::uint8_t { anonymous, file };

struct ByList {
    std::uint64_t anonymous = 0;
    std::uint64_t file = 0;
    std::uint64_t& of(PageList list) { return list == PageList::file ? file : anonymous; }
};

struct ReclaimCounters {
    std::array<std::uint64_t, reclaim_reason_count> evictions{};
    ByList reclaimed;                // evictions that made room: not on advice (pgsteal)
    std::uint64_t clean = 0;         // evictions without a write, what was given up included
    std::uint64_t dirty = 0;         // evictions with one
    std::uint64_t dropped = 0;       // of the clean ones: given up for good
    std::uint64_t lazily_freed = 0;  // of these: what MADV_FREE or MAP_DROPPABLE allows (pglazyfreed)
    std::uint64_t ahead = 0;         // pages written before they had to leave
    std::uint64_t admitted = 0;
    std::uint64_t refaults = 0;  // of the admitted: had been evicted
    ByList refaults_by_list;
    std::uint64_t direct_reclaims = 0;
    std::uint64_t kswapd_runs = 0;
    std::uint64_t looked_at = 0;  // evictable() asked by policies
    ByList scanned;               // of these, to make room: not on advice (pgscan)
    std::uint64_t scanned_by_kswapd = 0;
    std::uint64_t failed_writes = 0;  // pages that stayed because swap or their file did not take them
    std::uint64_t oom_kills = 0;      // processes
    std::uint64_t references = 0;     // reported; 0 unless the policy needs every one
    std::uint64_t evicted() const;
};

// How many pages were touched in each of equal stretches of time: the working set, as it was.
struct WorkingSetHistory {
    std::uint64_t interval_ns = 0;
    std::vector<std::uint32_t> pages;
};

// What a frame is needed for.
enum class RoomFor : std::uint8_t {
    user_page,
    kernel_page,    // page tables, and files that are in memory for ever: processes are killed for it
    kernel_memory,  // what pipes and sockets hold: who asks is refused
};

// The machine's part in running out of memory.
class OomHandler {
public:
    // Ends a process and takes its memory. False: there is none but the one that asks.
    virtual bool kill_for_memory() = 0;

protected:
    ~OomHandler() = default;
};

class Reclaimer final : private replacement::Pages, public emu::ReferenceObserver {
public:
    // The error is one line that names the policy. `swap` may be nullptr: there is none.
    static tl::expected<std::unique_ptr<Reclaimer>, std::string> create(PhysicalMemory& memory, SwapDevice* swap,
                                                                        const ReclaimOptions& options);
    ~Reclaimer();
    Reclaimer(const Reclaimer&) = delete;
    Reclaimer& operator=(const Reclaimer&) = delete;

    SwapDevice* swap() { return swap_; }
    const SwapDevice* swap() const { return swap_; }
    const replacement::PolicyInfo& policy_info() const { return *options_.policy.info; }
    const ReclaimOptions& options() const { return options_; }
    PageCount frames() const { return frames_; }
    PageCount peak_frames() const { return peak_frames_; }
    // At most; nullopt: as many as RAM has.
    std::optional<PageCount> frame_limit() const { return options_.frames; }
    const Watermarks& watermarks() const { return watermarks_; }
    const ReclaimCounters& counters() const { return counters_; }
    // The machine's, when it ends a process for want of memory.
    void count_oom_kill() { ++counters_.oom_kills; }
    // What the policy has to say for itself. One line.
    std::string policy_state() const;
    // What the policy keeps of one page, by its number. A few words.
    std::string policy_says_of(PageId page) const { return pools_[pages_[page].pool].policy->describe(page); }
    // Calls visit(page, frame) for each page that the policy may know, in the order of their numbers; nullopt: it has
    // left memory.
    template <class Visitor>
    void for_each_page(Visitor&& visit) const {
        for (PageId page = kernel_page + 1; page < pages_.size(); ++page) {
            const Page& entry = pages_[page];
            const bool is_gone = entry.pfn == 0 && !entry.swapped && !entry.shadowed;
            if (is_gone || entry.extent == Extent::part) continue;
            visit(page, entry.pfn != 0 ? std::optional(Pfn(entry.pfn)) : std::nullopt);
        }
    }
    // Calls visit(address space, resident pages, what the policy has to say) for each set of pages that compete with
    // each other; nullptr: the one of all, or of what is nobody's.
    template <class Visitor>
    void for_each_pool(Visitor&& visit) const {
        for (const Pool& pool : pools_) {
            if (pool.alive) visit(pool.mm, pool.resident, pool.policy->state());
        }
    }
    // A policy that broke its contract; empty: none. From then on nobody is evicted.
    std::string policy_error() const;
    bool has_policy_error() const { return options_.checks == PolicyChecks::on && !policy_error().empty(); }

    void observe(FaultObserver* observer, const FaultOriginSource* origins) {
        observer_ = observer;
        origins_ = origins;
    }
    // Of all that happens from here on. It is told of references too, which slows programs down.
    void observe_memory(MemoryObserver* observer, const FaultOriginSource* origins) {
        memory_observer_ = observer;
        origins_ = origins;
    }
    MemoryObserver* memory_observer() const { return memory_observer_; }
    void set_oom_handler(OomHandler* handler) { oom_handler_ = handler; }
    // Whose memory grows from here on.
    void set_current(const MmStruct* mm);
    // The address space ends: its pages that stay are nobody's.
    void forget_mm(const MmStruct& mm);

    // --- allocation's part ------------------------------------------------------------------------------------------
    // The number of a page that is about to get a frame: `known`, or a new one.
    PageId number_for(PageId known);
    // Sees to it that a frame can be had, for a user page one within the limit.
    bool make_room(RoomFor use, PageId incoming);
    // reclaim_large.cpp. The same for so many user pages at once, for which nobody's page is taken.
    bool make_room_for_block(PageCount pages);
    // 2^order frames side by side for the kernel, as far as pages that leave can bring them about.
    bool make_room_for_kernel_block(unsigned order);
    // Whether a user page would find a frame without taking anybody's.
    bool has_room() const { return !is_short(true); }
    void on_allocated(Pfn pfn, PageId page);
    // reclaim_large.cpp. A new one of 512 frames, none of which has a number yet.
    void on_large_page_allocated(Pfn first);
    // An entry maps it no more as a whole: its frames are pages of their own.
    void on_split(Pfn first);
    void on_not_allocated(PageId page) { forget_if_gone(page); }
    // Its last reference is about to go.
    void on_freed(Pfn pfn);
    // Whether whoever brought the page in is done with it.
    bool is_settled(Pfn pfn) const { return pages_[memory_.frames()[pfn].page - 1].admitted; }
    // Whether the page was touched since the policy or a sample took its accessed bit (folio_test_young).
    bool is_young(Pfn pfn) const;
    // A page that has a number lies in another frame now, which the frame table knows already.
    void on_migrated(Pfn from, Pfn to);
    // Takes so many pages out of memory, as for a page of the kernel's; returns how many went.
    PageCount reclaim(PageCount wanted);
    // What stands for the kernel's own pages when a victim is chosen.
    static constexpr PageId kernel_page = 0;

    // --- the fault's part -------------------------------------------------------------------------------------------
    // A fault begins; `sequence` is the number under which it will be reported.
    // `locator` knows the instruction; nullptr: none of the program's.
    void begin_fault(std::uint64_t sequence, emu::Access access, const emu::FaultLocator* locator);
    void end_fault();
    // What is resident since the last call is the policy's to choose from now on.
    void settle();
    // The fault brought in the page that this frame is of, if it did: its access will be told of as a reference, and is
    // no hit.
    void expect_reference(Pfn pfn);
    const ReclaimWork& work() const { return work_; }
    const std::optional<EvictionEvent>& first_eviction() const { return first_eviction_; }
    // How many pages had been evicted between the eviction of the page in this frame and its return, if it was.
    std::optional<std::uint64_t> refault_distance(Pfn pfn) const;
    // How many pages have been evicted since one that has no frame.
    std::uint64_t evictions_since(PageId page) const { return evictions_ - pages_[page].evicted_at; }

    // --- swap's part (swap_cache.cpp) -------------------------------------------------------------------------------
    // The page of a slot in a frame, tied to the slot; whether it had to be read. ENOMEM, EIO.
    struct SwappedIn {
        Pfn pfn;
        bool was_read;
    };
    Result<SwappedIn> swap_in(SwapSlot slot);
    // The page gives up its slot unless others refer to it; the next eviction writes it again.
    void leave_swap_cache(Pfn pfn);
    // The books of an entry that named a slot.
    void drop_slot(SwapSlot slot);
    // --- what a file's cache tells ----------------------------------------------------------------------------------
    // A number for a page that has left, kept by its file until the page comes back or is no more.
    void drop_shadow(PageId page);

    // Takes a page out of memory, if it may go; whether it went.
    bool page_out(Pfn pfn);

    // --- the machine's part -----------------------------------------------------------------------------------------
    // The background reclaimer has been woken, and has not done its work yet.
    bool kswapd_is_awake() const { return kswapd_awake_; }
    // Works until the high watermark is reached, nothing can go, or so many pages went; in the last case it is still
    // awake. Returns how many went.
    PageCount run_kswapd(PageCount at_most = PageCount(~std::uint64_t{0}));
    // Called when one of the policy's ticks or a sample is due, or pages are to leave.
    void run_due_work();
    // When that is, in the options' time; the largest number: never.
    std::uint64_t next_due_ns() const;
    // From now on the working set is counted.
    void sample_working_set();
    const WorkingSetHistory& working_set() const { return history_; }

    // The processor's, and the kernel's for the program: for policies that need every reference, and for the memory
    // observer. What a policy of variable allocation lets go of before it leaves when the program is between two blocks
    // of code, or faults.
    bool needs_references() const { return policy_needs_references() || memory_observer_ != nullptr; }
    emu::AfterReference on_reference(Pfn pfn, emu::Access access, std::uint32_t count) noexcept override;
    // The kernel touches a page for the program.
    void note_kernel_access(Pfn pfn, emu::Access access) {
        if (fault_ == 0 && !pending_.empty()) settle_for_access(pfn);
        if (needs_references()) (void)on_reference(pfn, access, 1);
    }
    // The kernel reads a page to copy it to the one that is touched next.
    void note_copied_from(Pfn pfn);

    // For verify(): the frame has a number, and the number the frame.
    bool knows(Pfn pfn) const;
    std::optional<std::string> inconsistency() const;

private:
    enum class Extent : std::uint8_t {
        frame,
        large_page,  // all of its 512 frames, of which this is the first
        part,        // nothing: the large page's number stands for its frame
        split_off,   // its frame, of which the policy is still to hear
    };
    struct Page {
        std::uint32_t pfn = 0;  // 0: not resident
        std::uint32_t pool = 0;
        Extent extent = Extent::frame;
        bool admitted = false;  // the policy knows it as resident, or did until it let go of it
        bool leaving = false;   // the policy has let go of it
        bool faulted = false;   // the reference that faulted is still to be told of
        bool swapped = false;   // a slot holds it
        bool shadowed = false;  // its file remembers it
        bool evicted = false;
        bool accessed = false;  // the hardware's bit, where a sample has taken it
        bool touched = false;   // since the last sample, where the policy has taken the hardware's bit
        bool write_failed = false;
        bool told = false;  // the memory observer knows of it
        std::uint64_t since_ns = 0;
        std::uint64_t evicted_at = 0;  // in evictions
    };
    // Candidates that compete with each other.
    struct Pool {
        const MmStruct* mm = nullptr;  // nullptr: the pool of all, or of what is nobody's
        std::unique_ptr<replacement::Policy> policy;
        replacement::CheckedPolicy* checked = nullptr;
        std::uint64_t resident = 0;
        bool alive = false;
    };

    struct Refault {
        Pfn pfn;
        std::uint64_t distance;
    };
    // The pages that one try at one instruction has brought in: were they to make room for each other, the program
    // would not get any further.
    struct Pinned {
        static constexpr std::size_t most = 8;
        emu::InstructionAttempt attempt;
        const MmStruct* mm = nullptr;
        std::vector<PageId> pages{};  // the oldest first
        bool applies = false;         // to the present fault
    };

    // Faults one after the other of one instruction, all of which needed room. So many it takes to bring in what it
    // needs at once; then, while it changes no register either, it goes round among pages that do not fit together.
    struct Standstill {
        static constexpr unsigned patience = 32;
        VirtAddr address;
        std::uint32_t mm = 0;  // MmStruct::id()
        unsigned faults = 0;
        std::uint64_t registers_hash = 0;  // once it has had that many
        unsigned unchanged = 0;
    };

    Reclaimer(PhysicalMemory& memory, SwapDevice* swap, const ReclaimOptions& options);

    // replacement::Pages
    bool accessed(PageId page) const override;
    void clear_accessed(PageId page) override;
    bool dirty(PageId page) const override;
    bool evictable(PageId page) const override;
    void write_back(PageId page) override;
    std::uint64_t time() const override;

    std::uint64_t now() const { return options_.time_ns ? options_.time_ns() : 0; }
    tl::expected<std::uint32_t, std::string> make_pool(const MmStruct* mm);
    std::uint32_t pool_of_current();
    Pool& pool_for(PageId page) { return pools_[pages_[page].pool]; }
    static std::uint64_t frame_count(const Page& page) {
        return page.extent == Extent::large_page ? emu::large_page_frames : page.extent == Extent::part ? 0 : 1;
    }
    // The frame that bears the number under which the policy knows the page.
    Pfn numbered_frame(Pfn pfn) const;
    void number_parts(Pfn first);
    // Its frames get numbers, and have `extent` from now on.
    void break_up(Pfn first, Extent extent);
    bool evict_large_page(PageId page, ReclaimReason reason);
    void forget_if_gone(PageId page);
    void leave_frame(PageId page, Pfn pfn);
    void admit(Pfn pfn);
    void shrink(PageId incoming);
    void shrink_at_reference(PageId page);
    void let_go();
    bool may_leave(PageId page) const;
    bool is_short(bool user) const;
    bool kill_for_memory();
    PageCount free_frames(bool user) const;
    bool reclaim_one(PageId incoming, ReclaimReason reason);
    PageId choose_victim(PageId incoming);
    PageId ask_for_victim(PageId incoming);
    PageId ask_pool(std::uint32_t number, PageId incoming);
    std::optional<std::uint32_t> pool_after(std::optional<std::uint32_t> asked, std::uint32_t own) const;
    void pin_attempt();
    bool stands_still();
    bool is_pinned(PageId page) const;
    bool evict(PageId page, ReclaimReason reason);
    void leave_memory(PageId page, Pfn pfn, std::optional<SwapSlot> slot);
    void unmap_cached(Pfn pfn);
    void wake_kswapd_at(PageCount free);
    // A page is looked at by itself, and so it is mapped by itself (split_folio_to_list).
    void split_large_mappings(Pfn pfn);
    void leave_file(PageId page, Pfn pfn);
    std::optional<SwapSlot> ensure_slot(PageId page, Pfn pfn);
    // Its bytes to swap or to its file, so that it is clean. False: they could not be written.
    bool write_page(PageId page, Pfn pfn, ReclaimReason reason);
    bool is_locked(Pfn pfn) const;
    bool has_swap_for(const Frame& frame) const;
    void clear_failed_pages();
    bool is_lazily_free(Pfn pfn) const;
    bool was_touched(PageId page) const;
    template <class Visit>
    void visit_entries(Pfn pfn, Visit&& visit) const;
    PageName name_of(PageId page, Pfn pfn) const;
    bool policy_needs_references() const { return policy_info().needs == replacement::Needs::every_reference; }
    void settle_for_access(Pfn pfn);
    void tell_of(PageId page);
    void tell_gone(PageId page);
    void take_sample();
    void add_sample(std::uint32_t touched);

    PhysicalMemory& memory_;
    SwapDevice* swap_;
    ReclaimOptions options_;
    Watermarks watermarks_;
    std::vector<Page> pages_;
    std::vector<PageId> free_numbers_;
    std::vector<Pool> pools_;  // the first is the one of all
    std::map<const MmStruct*, std::uint32_t> pool_of_;
    const MmStruct* current_ = nullptr;
    std::vector<Pfn> pending_;
    std::vector<PageId> named_;    // by the policy, this moment
    std::vector<PageId> leaving_;  // named at references; of these, what is not `leaving` any more is gone already
    std::vector<PageId> brought_;  // by the present fault, where references are told of
    PageCount frames_;
    PageCount peak_frames_;
    std::uint64_t evictions_ = 0;
    std::uint64_t failed_pages_ = 0;
    // Who is asked about a page counts that.
    mutable ReclaimCounters counters_;
    mutable ReclaimWork work_;
    ReclaimReason looks_for_ = ReclaimReason::fault;
    std::optional<EvictionEvent> first_eviction_;
    std::uint64_t fault_ = 0;
    // Since when, where the policy looks at the time, and what all faults before took.
    mutable std::optional<std::uint64_t> fault_began_ns_;
    std::uint64_t in_faults_ns_ = 0;
    mutable bool policy_looks_at_time_ = false;
    const emu::FaultLocator* locator_ = nullptr;
    Pinned pinned_;
    Standstill standstill_;
    std::vector<Refault> refaults_;  // of the present fault
    emu::Access access_ = emu::Access::read;
    bool shrinks_ = false;  // the policy's allocation is variable
    bool shrink_due_ = false;
    std::uint64_t tick_interval_ = 0;
    std::uint64_t next_tick_ns_ = 0;
    bool kswapd_awake_ = false;
    bool killing_ = false;
    bool splits_for_policy_ = false;
    FaultObserver* observer_ = nullptr;
    MemoryObserver* memory_observer_ = nullptr;
    const FaultOriginSource* origins_ = nullptr;
    OomHandler* oom_handler_ = nullptr;
    WorkingSetHistory history_;
    std::uint64_t next_sample_ns_ = ~std::uint64_t{0};
    std::uint32_t touched_and_gone_ = 0;  // evicted since the last sample
};

template <class Visit>
void Reclaimer::visit_entries(Pfn pfn, Visit&& visit) const {
    const Frame& frame = memory_.frames()[pfn];
    if (frame.only_entry != nullptr) {
        visit(*frame.only_entry);
    } else if (frame.map_count > 0) {
        for_each_mapping(memory_, pfn, [&](Vma&, VirtAddr, emu::Pte& entry) { visit(entry); });
    }
}

}  // namespace fl::mm
