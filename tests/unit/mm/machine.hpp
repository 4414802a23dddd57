// A machine small enough to look at from all sides, for the tests of mm: RAM of a few frames, one address space, and
// a processor that is nothing but the page walker.
#pragma once

#include "emu/mmu.hpp"
#include "mm/fault_handler.hpp"
#include "mm/reclaimer.hpp"
#include "mm/slab/slab_allocator.hpp"
#include "mm/user_memory.hpp"
#include "mm/verify.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

namespace fl {

inline std::ostream& operator<<(std::ostream& out, VirtAddr address) {
    return out << std::hex << address.value() << std::dec;
}
inline std::ostream& operator<<(std::ostream& out, Pfn pfn) { return out << "pfn " << pfn.value(); }
inline std::ostream& operator<<(std::ostream& out, PageCount pages) { return out << pages.value() << " pages"; }
inline std::ostream& operator<<(std::ostream& out, Errno error) { return out << errno_name(error); }

}  // namespace fl

namespace fl::mm {

inline std::ostream& operator<<(std::ostream& out, FaultKind kind) { return out << fault_kind_name(kind); }

namespace test {

inline constexpr std::uint64_t read_write = prot_read | prot_write;
inline constexpr std::uint64_t private_anonymous = map_private | map_anonymous;
inline constexpr std::uint64_t anonymous_shared = map_shared | map_anonymous | map_fixed;
inline constexpr std::uint64_t file_private = map_private | map_fixed;
inline constexpr std::uint64_t file_shared = map_shared | map_fixed;

// madvise(2), Linux's values.
inline constexpr int madv_random = 1, madv_sequential = 2, madv_willneed = 3, madv_dontneed = 4, madv_free = 8,
                     madv_remove = 9, madv_dontfork = 10, madv_dofork = 11, madv_mergeable = 12, madv_unmergeable = 13,
                     madv_hugepage = 14, madv_nohugepage = 15, madv_dontdump = 16, madv_dodump = 17,
                     madv_wipeonfork = 18, madv_keeponfork = 19, madv_cold = 20, madv_pageout = 21,
                     madv_dontneed_locked = 24, madv_collapse = 25, madv_guard_install = 102, madv_guard_remove = 103;

// 0 where the call succeeded, the errno's value where it did not: what a test compares.
template <class T>
std::string outcome(const Result<T>& result) {
    return result ? "ok" : errno_name(result.error());
}

// Whether `action` ends in a failed FL_ASSERT. It runs in a child; nothing of it is seen here.
template <class Action>
bool asserts(Action&& action) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        std::signal(SIGABRT, SIG_DFL);
        if (std::freopen("/dev/null", "w", stderr) == nullptr) ::_exit(1);
        action();
        ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

class RecordingObserver final : public FaultObserver {
public:
    void on_fault(const FaultEvent& event) override { events.push_back(event); }
    void on_eviction(const EvictionEvent& event) override { evictions.push_back(event); }
    void on_write_back(const WriteBackEvent& event) override { write_backs.push_back(event); }
    void clear() {
        events.clear();
        evictions.clear();
        write_backs.clear();
    }
    std::vector<FaultEvent> events;
    std::vector<EvictionEvent> evictions;
    std::vector<WriteBackEvent> write_backs;
};

class FixedOrigin final : public FaultOriginSource {
public:
    FaultOrigin fault_origin(emu::Mode mode) const override {
        return FaultOrigin{
            .time_ns = 42, .pid = 7, .tid = 8, .instruction = VirtAddr(mode == emu::Mode::user ? 0x401000 : 0)};
    }
};

inline emu::Ram make_ram(std::uint64_t frames) {
    auto ram = emu::Ram::create(PageCount(frames));
    REQUIRE(ram.has_value());
    return std::move(*ram);
}

// A file whose byte i of page p is `first + p`.
inline std::vector<std::byte> numbered_pages(std::uint64_t size_bytes, unsigned first = 1) {
    std::vector<std::byte> bytes(size_bytes);
    for (std::uint64_t i = 0; i < size_bytes; ++i) bytes[i] = static_cast<std::byte>(first + i / page_size);
    return bytes;
}

inline replacement::PolicyChoice policy_named(std::string_view text) {
    const auto choice = replacement::parse_policy(text);
    REQUIRE_MESSAGE(choice.has_value(), choice.error());
    return *choice;
}

// How short of frames a machine is; without slots it has no swap.
struct Pressure {
    ReclaimOptions reclaim{};
    SwapOptions swap{};
};

class Machine {
public:
    // With `accounting` the kernel's own objects take frames as well.
    explicit Machine(std::uint64_t frames = 64, const ResourceLimits& limits = {},
                     std::optional<SlabChecks> accounting = std::nullopt)
        : ram(make_ram(frames)),
          memory(ram),
          slab(accounting ? std::make_unique<SlabAllocator>(memory, *accounting) : nullptr),
          files(memory),
          mmu(ram),
          handler(memory) {
        auto created = MmStruct::create(memory, files, limits);
        REQUIRE(created.has_value());
        mm = std::move(*created);
        handler.set_mm(mm.get());
        handler.observe(&observer, &origin);
    }

    // From here on pages leave when frames run short.
    void reclaim_under(const Pressure& pressure) {
        REQUIRE(reclaimer == nullptr);
        if (pressure.swap.slots > PageCount(0)) {
            auto created = SwapDevice::create(pressure.swap);
            REQUIRE_MESSAGE(created.has_value(), created.error());
            swap = *std::move(created);
        }
        auto created = Reclaimer::create(memory, swap.get(), pressure.reclaim);
        REQUIRE_MESSAGE(created.has_value(), created.error());
        reclaimer = *std::move(created);
        handler.set_mm(handler.mm());
        handler.observe(&observer, &origin);
    }

    UserMemory user() { return UserMemory(mmu, handler, *mm); }

    std::shared_ptr<File> open(std::vector<std::byte> bytes, const std::string& path = "/bin/example") {
        return files.open(memory_file_source(std::move(bytes)), FileIdentity{.path = path, .inode = 1});
    }

    Result<VirtAddr> map(VirtAddr at, std::uint64_t pages, std::uint64_t prot = read_write,
                         std::uint64_t flags = private_anonymous | map_fixed, std::shared_ptr<File> file = nullptr,
                         std::uint64_t pgoff = 0) const {
        return mm->map(MapRequest{.hint = at,
                                  .length_bytes = pages * page_size,
                                  .prot = prot,
                                  .flags = flags,
                                  .file = std::move(file),
                                  .pgoff = pgoff});
    }

    // What the processor does for one access: walk, ask the handler, walk again. The kinds of the faults it took.
    std::vector<FaultKind> touch(VirtAddr address, emu::Access access, emu::Mode mode = emu::Mode::user) {
        const std::size_t before = observer.events.size();
        for (unsigned faults = 0;; ++faults) {
            const auto translation = mmu.translate(handler.mm()->page_table().root(), address, access, mode);
            if (translation) break;
            REQUIRE(faults < emu::PageFaultHandler::max_faults_per_access);
            const emu::PageFault fault{address, access, mode, translation.error()};
            const emu::FaultOutcome outcome = handler.handle_page_fault(fault);
            if (outcome == emu::FaultOutcome::fatal) break;
            tlb_was_stale = tlb_was_stale || outcome == emu::FaultOutcome::retry_tlb_stale;
        }
        std::vector<FaultKind> kinds;
        for (std::size_t i = before; i < observer.events.size(); ++i) kinds.push_back(observer.events[i].kind);
        return kinds;
    }
    std::vector<FaultKind> read(VirtAddr address) { return touch(address, emu::Access::read); }
    std::vector<FaultKind> write(VirtAddr address) { return touch(address, emu::Access::write); }
    std::vector<FaultKind> fetch(VirtAddr address) { return touch(address, emu::Access::execute); }

    // Of the 4 KiB page at an address, in a large page too.
    emu::Pte pte(VirtAddr address) const { return mmu.peek(mm->page_table().root(), address).at(address); }
    // The byte behind an address, whatever the rights; the page is resident.
    // It is about to be stored to.
    std::byte& byte(VirtAddr address) {
        ram.written_frames().note_written(pte(address).pfn());
        return std::as_const(*this).byte(address);
    }
    std::byte& byte(VirtAddr address) const { return ram.frame(pte(address).pfn())[address.page_offset()]; }
    const FaultEvent& last_event() const {
        REQUIRE(!observer.events.empty());
        return observer.events.back();
    }

    // Each VMA as "start-end prot pgoff" in hexadecimal pages, relative to `base`.
    std::vector<std::string> layout(VirtAddr base = VirtAddr(0)) const {
        std::vector<std::string> lines;
        for (const Vma* vma = mm->vmas().first(); vma != nullptr; vma = vma->next()) {
            lines.push_back(std::to_string((vma->start() - base) >> page_shift) + "-" +
                            std::to_string((vma->end() - base) >> page_shift) + " " + protection_string(vma->flags()));
        }
        return lines;
    }

    // Broken invariants, one per line; empty when all is well.
    std::string broken(std::vector<const MmStruct*> others = {}) const {
        if (mm != nullptr) others.push_back(mm.get());
        const auto live = files.files();
        std::string text;
        for (const std::string& line : verify(memory, others, live)) text += line + "\n";
        return text;
    }
    PageCount free_frames() const { return memory.buddy().free_page_count(); }

    emu::Ram ram;
    PhysicalMemory memory;
    std::unique_ptr<SlabAllocator> slab;
    // nullptr where none was asked for. Whoever has pages goes before them.
    std::unique_ptr<SwapDevice> swap;
    std::unique_ptr<Reclaimer> reclaimer;
    FileRegistry files;
    std::unique_ptr<MmStruct> mm;
    emu::Mmu mmu;
    FaultHandler handler;
    RecordingObserver observer;
    FixedOrigin origin;
    bool tlb_was_stale = false;  // a fault said so
};

// In pages.
struct Sizes {
    std::uint64_t total = 0, data = 0, exec = 0, stack = 0, locked = 0;
    friend bool operator==(const Sizes&, const Sizes&) = default;
};
inline Sizes sizes(const MmStruct& mm) {
    const VmCounters& vm = mm.vm();
    return {vm.total.value(), vm.data.value(), vm.exec.value(), vm.stack.value(), vm.locked.value()};
}

using Kinds = std::vector<FaultKind>;
using Lines = std::vector<std::string>;

inline std::ostream& operator<<(std::ostream& out, const Sizes& sizes) {
    return out << sizes.total << ' ' << sizes.data << ' ' << sizes.exec << ' ' << sizes.stack << ' ' << sizes.locked;
}

inline constexpr VirtAddr base_address{0x10000000};
inline VirtAddr page(std::uint64_t index) { return base_address + index * page_size; }

}  // namespace test
}  // namespace fl::mm
