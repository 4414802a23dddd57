// Our address space against the one of the kernel that this test runs on: the same calls in a window at the same
// addresses. Results, errno values, the window's lines of /proc/self/maps, signals, contents and the number of page
// faults must be equal.
//
// Some rules of merging changed with the years; where this kernel has others than ours, the test says so and is
// skipped.
#include "tests/unit/mm/machine.hpp"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include <fcntl.h>
#include <linux/magic.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <random>
#include <sstream>

namespace fl::mm {

using emu::Access;
using test::Machine;

namespace {

// Far from everything that a process has by itself, inside one page table, not on a huge-page boundary.
constexpr VirtAddr window_start{0x200000003000};
constexpr std::uint64_t window_pages = 40;
constexpr std::uint64_t file_pages = 24;

VirtAddr page(std::uint64_t index) { return window_start + index * page_size; }
void* pointer(VirtAddr address) { return reinterpret_cast<void*>(address.value()); }

// --- native accesses -------------------------------------------------------------------------------------------------

sigjmp_buf after_signal;
volatile int signal_number;
volatile int signal_code;

void on_signal(int number, siginfo_t* info, void*) {
    signal_number = number;
    signal_code = info->si_code;
    siglongjmp(after_signal, 1);
}

class SignalGuard {
public:
    SignalGuard() {
        struct sigaction action {};
        action.sa_sigaction = on_signal;
        action.sa_flags = SA_SIGINFO | SA_NODEFER;
        ::sigaction(SIGSEGV, &action, &old_segv_);
        ::sigaction(SIGBUS, &action, &old_bus_);
    }
    ~SignalGuard() {
        ::sigaction(SIGSEGV, &old_segv_, nullptr);
        ::sigaction(SIGBUS, &old_bus_, nullptr);
    }
    SignalGuard(const SignalGuard&) = delete;
    SignalGuard& operator=(const SignalGuard&) = delete;

private:
    struct sigaction old_segv_ {};
    struct sigaction old_bus_ {};
};

struct AccessOutcome {
    std::string refusal;  // empty: it worked
    std::uint8_t value = 0;
    std::uint64_t faults = 0;
    friend bool operator==(const AccessOutcome&, const AccessOutcome&) = default;
};

std::uint64_t minor_faults() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return static_cast<std::uint64_t>(usage.ru_minflt);
}

__attribute__((noinline, no_sanitize("address"))) AccessOutcome native_access(VirtAddr address, Access access,
                                                                              std::uint8_t value) {
    AccessOutcome outcome;
    if (sigsetjmp(after_signal, 0) != 0) {
        if (signal_number == SIGBUS) return {.refusal = "sigbus", .value = 0, .faults = 0};
        return {.refusal = signal_code == SEGV_MAPERR ? "segv_maperr" : "segv_accerr", .value = 0, .faults = 0};
    }
    auto* byte = static_cast<volatile std::uint8_t*>(pointer(address));
    const std::uint64_t before = minor_faults();
    if (access == Access::write) {
        *byte = value;
        outcome.value = value;
    } else {
        outcome.value = *byte;
    }
    outcome.faults = minor_faults() - before;
    return outcome;
}

// The window's lines of /proc/self/maps: start page, end page, rights, offset.
std::string native_layout() {
    static std::array<char, 1 << 20> buffer;
    const int maps = ::open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    std::size_t size = 0;
    for (ssize_t got = 1; got > 0 && size < buffer.size() - 1; size += static_cast<std::size_t>(got)) {
        got = ::read(maps, buffer.data() + size, buffer.size() - 1 - size);
        if (got < 0) break;
    }
    ::close(maps);
    buffer[size] = 0;
    std::ostringstream layout;
    for (const char* line = buffer.data(); line != nullptr && *line != 0;) {
        unsigned long start = 0;
        unsigned long end = 0;
        unsigned long offset = 0;
        char rights[5] = {};
        if (std::sscanf(line, "%lx-%lx %4s %lx", &start, &end, rights, &offset) == 4 && start >= window_start.value() &&
            end <= page(window_pages).value()) {
            layout << (start - window_start.value()) / page_size << "-" << (end - window_start.value()) / page_size
                   << " " << rights << " " << offset / page_size << "; ";
        }
        line = std::strchr(line, '\n');
        if (line != nullptr) ++line;
    }
    return layout.str();
}

// --- both sides
// --------------------------------------------------------------------------------------------------------

struct Operation {
    enum class Kind : std::uint8_t { map, unmap, protect, advise, load, store, lock, unlock, sync, mincore, remap };
    Kind kind{};
    std::uint64_t first = 0;         // page of the window
    std::uint64_t offset_bytes = 0;  // beside it: for unaligned addresses
    std::uint64_t length_bytes = 0;
    std::uint64_t prot = 0;
    std::uint64_t flags = 0;
    bool of_file = false;
    std::uint64_t pgoff = 0;
    int advice = 0;
    std::uint64_t new_bytes = 0;  // of remap
    std::uint64_t target = 0;     // of remap: page of the window

    VirtAddr address() const { return page(first) + offset_bytes; }
    std::string text() const {
        static constexpr const char* names[] = {"mmap",   "munmap",  "mprotect", "madvise", "load",  "store",
                                                "mlock2", "munlock", "msync",    "mincore", "mremap"};
        std::ostringstream out;
        out << names[static_cast<int>(kind)] << "(page " << first;
        if (offset_bytes != 0) out << " + " << offset_bytes;
        if (length_bytes != 0) out << ", " << length_bytes / page_size << " pages";
        if (length_bytes % page_size != 0) out << " and " << length_bytes % page_size;
        if (kind == Kind::map || kind == Kind::protect) out << ", prot " << std::hex << prot << std::dec;
        if (kind == Kind::remap) out << " to " << new_bytes / page_size << " pages at " << target;
        if (kind == Kind::map || kind >= Kind::lock) out << ", flags " << std::hex << flags << std::dec;
        if (of_file) out << ", file at " << pgoff;
        if (kind == Kind::advise) out << ", advice " << advice;
        out << ")\n";
        return out.str();
    }
};

// What the file system under a file does when a shared mapping writes to it: one that writes back wants to know.
FileKind kind_on_host(int descriptor) {
    struct statfs status {};
    REQUIRE(::fstatfs(descriptor, &status) == 0);
    return status.f_type == TMPFS_MAGIC ? FileKind::shared_memory : FileKind::memory;
}

enum class HostFile : std::uint8_t { memfd, on_disk };

class Pair {
public:
    explicit Pair(HostFile host_file = HostFile::memfd) : machine_(2048) {
        const std::vector<std::byte> bytes = test::numbered_pages(file_pages * page_size, 100);
        descriptor_ = host_file == HostFile::memfd ? ::memfd_create("faultline-test", MFD_CLOEXEC)
                                                   : ::open("/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        REQUIRE(descriptor_ >= 0);
        REQUIRE(::write(descriptor_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
        file_ = machine_.files.create(FileIdentity{.path = "/file", .inode = 1}, kind_on_host(descriptor_));
        REQUIRE(file_->write(0, bytes) == bytes.size());
        machine_.mm->limits().privilege = ::geteuid() == 0 ? Privilege::root : Privilege::none;
        clear();
    }
    ~Pair() {
        clear();
        ::close(descriptor_);
    }
    Pair(const Pair&) = delete;
    Pair& operator=(const Pair&) = delete;

    // The window belongs to nobody else.
    static bool window_is_free() { return native_layout().empty(); }

    // The result as text, from the kernel and from ours.
    std::string on_host(const Operation& operation) {
        switch (operation.kind) {
            case Operation::Kind::map: {
                const void* at =
                    ::mmap(pointer(operation.address()), operation.length_bytes, static_cast<int>(operation.prot),
                           static_cast<int>(operation.flags), operation.of_file ? descriptor_ : -1,
                           static_cast<off_t>(operation.pgoff * page_size));
                return at == MAP_FAILED ? std::to_string(errno) : "ok";
            }
            case Operation::Kind::unmap:
                return native_result(::munmap(pointer(operation.address()), operation.length_bytes));
            case Operation::Kind::protect:
                return native_result(
                    ::mprotect(pointer(operation.address()), operation.length_bytes, static_cast<int>(operation.prot)));
            case Operation::Kind::advise:
                return native_result(::madvise(pointer(operation.address()), operation.length_bytes, operation.advice));
            case Operation::Kind::lock:
                return native_result(static_cast<int>(
                    ::syscall(SYS_mlock2, pointer(operation.address()), operation.length_bytes, operation.flags)));
            case Operation::Kind::unlock:
                // AddressSanitizer's own munlock() does nothing.
                return native_result(
                    static_cast<int>(::syscall(SYS_munlock, pointer(operation.address()), operation.length_bytes)));
            case Operation::Kind::sync:
                return native_result(
                    ::msync(pointer(operation.address()), operation.length_bytes, static_cast<int>(operation.flags)));
            case Operation::Kind::mincore: return native_residency(operation);
            case Operation::Kind::remap: {
                const long at = ::syscall(SYS_mremap, pointer(operation.address()), operation.length_bytes,
                                          operation.new_bytes, operation.flags, pointer(page(operation.target)));
                return at == -1 ? std::to_string(errno) : std::to_string(static_cast<std::uint64_t>(at));
            }
            case Operation::Kind::load: return describe(native_access(operation.address(), Access::read, 0));
            case Operation::Kind::store:
                return describe(native_access(operation.address(), Access::write, next_value_));
        }
        return "?";
    }
    std::string on_ours(const Operation& operation) {
        switch (operation.kind) {
            case Operation::Kind::map:
                return our_result(machine_.mm->map(MapRequest{.hint = operation.address(),
                                                              .length_bytes = operation.length_bytes,
                                                              .prot = operation.prot,
                                                              .flags = operation.flags,
                                                              .file = operation.of_file ? file_ : nullptr,
                                                              .pgoff = operation.pgoff}));
            case Operation::Kind::unmap:
                return our_result(machine_.mm->unmap(operation.address(), operation.length_bytes));
            case Operation::Kind::protect:
                return our_result(machine_.mm->protect(
                    operation.address(), operation.length_bytes, operation.prot, [this](VirtRange locked) {
                        (void)machine_.user().populate(locked, UserMemory::Failures::pass_over);
                    }));
            case Operation::Kind::advise: return our_advise(operation);
            case Operation::Kind::lock: return our_lock(operation);
            case Operation::Kind::unlock:
                return our_result(machine_.mm->unlock(operation.address(), operation.length_bytes));
            case Operation::Kind::sync:
                return our_result(machine_.mm->sync(operation.address(), operation.length_bytes, operation.flags));
            case Operation::Kind::mincore: return our_residency(operation);
            case Operation::Kind::remap: return our_remap(operation);
            case Operation::Kind::load: return describe(our_access(operation.address(), Access::read, 0));
            case Operation::Kind::store: return describe(our_access(operation.address(), Access::write, next_value_));
        }
        return "?";
    }
    std::string our_layout() const {
        std::ostringstream layout;
        for (const Vma* vma = machine_.mm->vmas().first(); vma != nullptr; vma = vma->next()) {
            layout << ((vma->start() - window_start) >> page_shift) << "-"
                   << ((vma->end() - window_start) >> page_shift) << " " << protection_string(vma->flags()) << " "
                   << (vma->file() != nullptr ? vma->pgoff() : 0) << "; ";
        }
        return layout.str();
    }

    // Empty where both sides agree.
    std::string step(const Operation& operation) {
        history_ += operation.text();
        const std::string host = on_host(operation);
        const std::string ours = on_ours(operation);
        machine_.observer.events.clear();
        if (operation.kind == Operation::Kind::store) next_value_ = static_cast<std::uint8_t>(next_value_ % 99 + 1);
        std::string difference;
        if (host != ours) difference = "the host answers " + host + ", we " + ours + "\n";
        if (const std::string native = native_layout(); native != our_layout()) {
            difference += "host: " + native + "\nours: " + our_layout() + "\n";
        }
        difference += machine_.broken();
        return difference.empty() ? "" : difference + "after\n" + history_;
    }
    std::string compare_contents() {
        std::string difference;
        for (std::uint64_t i = 0; i < window_pages && difference.empty(); ++i) {
            difference = step(Operation{.kind = Operation::Kind::load, .first = i});
        }
        return difference;
    }
    void clear() {
        ::munmap(pointer(window_start), window_pages * page_size);
        REQUIRE(machine_.mm->unmap(window_start, window_pages * page_size).has_value());
    }
    bool count_faults = true;

private:
    static std::string native_result(int result) { return result == 0 ? "ok" : std::to_string(errno); }
    template <class T>
    static std::string our_result(const Result<T>& result) {
        return result ? "ok" : std::to_string(static_cast<unsigned>(result.error()));
    }
    // What the kernel's part does after MmStruct's: bringing pages in.
    std::string our_advise(const Operation& operation) {
        const VirtAddr start = operation.address();
        const auto advised = machine_.mm->advise(start, operation.length_bytes, operation.advice);
        const bool populates = operation.advice == madv_populate_read || operation.advice == madv_populate_write;
        if (!advised || !populates) return our_result(advised);
        const VirtRange range{start, start + PageCount::of_bytes(operation.length_bytes).bytes()};
        const auto access = operation.advice == madv_populate_read ? Access::read : Access::write;
        return our_result(machine_.user().populate_for(range, access));
    }
    std::string our_lock(const Operation& operation) {
        const VmFlags flags = operation.flags != 0 ? vm_lockonfault : VmFlags();
        const auto locked = machine_.mm->lock(operation.address(), operation.length_bytes, flags);
        if (!locked) return our_result(locked);
        const VirtRange range{operation.address().page_floor(),
                              (operation.address() + operation.length_bytes).page_ceil()};
        const auto populated = machine_.user().populate(range, UserMemory::Failures::stop);
        return populated ? "ok" : std::to_string(ENOMEM);
    }
    std::string our_remap(const Operation& operation) {
        const auto remapped = machine_.mm->remap(RemapRequest{.address = operation.address(),
                                                              .old_bytes = operation.length_bytes,
                                                              .new_bytes = operation.new_bytes,
                                                              .flags = operation.flags,
                                                              .new_address = page(operation.target)});
        if (!remapped) return std::to_string(static_cast<unsigned>(remapped.error()));
        (void)machine_.user().populate(remapped->to_populate, UserMemory::Failures::pass_over);
        return std::to_string(remapped->start.value());
    }
    static std::string residency_text(std::span<const std::byte> pages) {
        std::string text;
        for (const std::byte page : pages) text += (page & std::byte{1}) != std::byte{0} ? '1' : '0';
        return text;
    }
    std::string our_residency(const Operation& operation) const {
        std::array<std::byte, 1> in{};
        const auto found = machine_.mm->mincore(operation.address().page_floor(), in);
        return found ? residency_text(in) : our_result(found);
    }
    static std::string native_residency(const Operation& operation) {
        std::array<std::byte, 1> in{};
        auto* answer = reinterpret_cast<unsigned char*>(in.data());
        const int result = ::mincore(pointer(operation.address().page_floor()), page_size, answer);
        return result == 0 ? residency_text(in) : native_result(result);
    }
    AccessOutcome our_access(VirtAddr address, Access access, std::uint8_t value) {
        const auto kinds = machine_.touch(address, access);
        if (!kinds.empty() && is_fatal(kinds.back())) {
            return {.refusal = fault_kind_name(kinds.back()), .value = 0, .faults = 0};
        }
        std::byte& byte = machine_.byte(address);
        if (access == Access::write) byte = static_cast<std::byte>(value);
        return {.refusal = "", .value = static_cast<std::uint8_t>(byte), .faults = kinds.size()};
    }
    std::string describe(const AccessOutcome& outcome) const {
        if (!outcome.refusal.empty()) return outcome.refusal;
        std::string text = "byte " + std::to_string(outcome.value);
        if (count_faults) text += " after " + std::to_string(outcome.faults) + " faults";
        return text;
    }

    Machine machine_;
    std::shared_ptr<File> file_;
    int descriptor_ = -1;
    std::uint8_t next_value_ = 1;
    std::string history_;
};

// --- what this kernel is like
// --------------------------------------------------------------------------------------------

Operation map_at(std::uint64_t first, std::uint64_t pages, std::uint64_t prot,
                 std::uint64_t flags = test::private_anonymous | map_fixed) {
    return {
        .kind = Operation::Kind::map, .first = first, .length_bytes = pages * page_size, .prot = prot, .flags = flags};
}
Operation protect(std::uint64_t first, std::uint64_t pages, std::uint64_t prot) {
    return {.kind = Operation::Kind::protect, .first = first, .length_bytes = pages * page_size, .prot = prot};
}
Operation store(std::uint64_t first) { return {.kind = Operation::Kind::store, .first = first}; }
Operation load(std::uint64_t first) { return {.kind = Operation::Kind::load, .first = first}; }

// The layout that a sequence leaves on the host.
std::string host_layout_after(const std::vector<Operation>& operations) {
    Pair pair;
    for (const Operation& operation : operations) pair.on_host(operation);
    return native_layout();
}

// Linux 6.7 and later: a range that was never written gives its promise of memory back when it becomes read-only, so
// that it can join one that was read-only from the start.
bool host_gives_promises_back() {
    return host_layout_after({map_at(0, 1, 3), map_at(1, 1, 1), protect(0, 1, 1)}) == "0-2 r--p 0; ";
}
// Linux 6.16 and later: a range with private pages joins one without.
bool host_merges_into_untouched() {
    return host_layout_after({map_at(0, 1, 3), map_at(1, 1, 3), protect(1, 1, 1), map_at(1, 1, 3), protect(1, 1, 7),
                              store(1), protect(1, 1, 3)}) == "0-2 rw-p 0; ";
}
// One fault brings one page of anonymous and of shared memory: no large folios.
bool host_faults_page_by_page() {
    for (const std::uint64_t flags : {std::uint64_t{map_private}, std::uint64_t{map_shared}}) {
        Pair pair;
        pair.on_host(map_at(0, 32, 3, flags | map_anonymous | map_fixed));
        for (std::uint64_t i = 0; i < 32; ++i) {
            if (native_access(page(i), Access::write, 1).faults != 1) return false;
        }
    }
    return true;
}

bool host_has_our_rules() {
    if (!Pair::window_is_free()) {
        MESSAGE("skipped: this process has memory in the window already");
        return false;
    }
    if (!host_gives_promises_back() || !host_merges_into_untouched()) {
        MESSAGE("skipped: this kernel merges mappings by older rules than those of Linux 6.16");
        return false;
    }
    return true;
}

Operation random_operation(std::mt19937_64& random, std::uint64_t pages) {
    using Kind = Operation::Kind;
    static constexpr Kind kinds[] = {Kind::map,     Kind::map,     Kind::map,    Kind::unmap, Kind::protect,
                                     Kind::protect, Kind::protect, Kind::advise, Kind::load,  Kind::load,
                                     Kind::store,   Kind::store,   Kind::store,  Kind::store, Kind::lock,
                                     Kind::unlock,  Kind::sync,    Kind::remap,  Kind::remap, Kind::mincore};
    // Not PROT_EXEC alone: processors with protection keys hide such memory from reads.
    static constexpr std::uint64_t prots[] = {0, 1, 1, 3, 3, 3, 3, 5, 7, 2};
    static constexpr int advices[] = {0,  1,  2,  3,  4,  4,  4,  10, 11,  12,  13, 14, 15,
                                      16, 17, 18, 19, 20, 22, 23, 24, 102, 103, 5,  99};
    Operation operation{.kind = kinds[random() % std::size(kinds)]};
    operation.first = random() % pages;
    const std::uint64_t count = 1 + random() % std::min<std::uint64_t>(6, pages - operation.first);
    operation.prot = prots[random() % std::size(prots)];
    operation.advice = advices[random() % std::size(advices)];
    if (operation.kind == Kind::load || operation.kind == Kind::store) return operation;
    operation.length_bytes = count * page_size;
    if (random() % 10 == 0) operation.length_bytes -= random() % page_size;
    if (random() % 40 == 0) operation.length_bytes = 0;
    if (random() % 40 == 0) operation.offset_bytes = 1 + random() % 4095;
    if (operation.kind == Kind::protect && random() % 40 == 0) operation.prot |= prot_growsdown;
    if (operation.kind == Kind::protect && random() % 60 == 0) operation.prot = 16;
    if (operation.kind == Kind::lock) operation.flags = random() % 3 == 0 ? 1 : 0;
    if (operation.kind == Kind::sync) operation.flags = random() % 9;
    if (operation.kind == Kind::remap) {
        // Nowhere but inside the window.
        static constexpr std::uint64_t flags[] = {0, 0, 3, 3, 3, 7, 2, 8};
        operation.flags = flags[random() % std::size(flags)];
        operation.target = random() % pages;
        operation.new_bytes = random() % 2 == 0 ? operation.length_bytes : page_size * (random() % 8);
        const std::uint64_t room = pages - std::max(operation.first, operation.target);
        operation.new_bytes = std::min(operation.new_bytes, room * page_size);
    }
    if (operation.kind != Kind::map) return operation;
    operation.flags = map_fixed | (random() % 4 == 0 ? map_shared : map_private);
    operation.of_file = random() % 4 == 0;
    if (operation.of_file) {
        operation.pgoff = random() % 3 == 0 ? random() % (file_pages + 2) : operation.first;
    } else {
        operation.flags |= map_anonymous;
    }
    if (random() % 8 == 0) operation.flags |= map_fixed_noreplace;
    if (random() % 12 == 0) operation.flags |= map_noreserve;
    if (random() % 30 == 0) operation.flags |= map_growsdown;
    if (random() % 60 == 0) operation.flags &= ~map_type_mask;
    return operation;
}

}  // namespace

TEST_CASE("host kernel: the rules of merging, one by one") {
    if (!host_has_our_rules()) return;
    const SignalGuard guard;
    const std::vector<std::vector<Operation>> sequences = {
        {map_at(0, 2, 3), map_at(2, 2, 3), map_at(6, 2, 3), map_at(4, 2, 3)},
        {map_at(0, 6, 3), protect(2, 2, 1), protect(1, 1, 1), protect(0, 6, 3)},
        // Families of private pages.
        {map_at(0, 1, 3), map_at(2, 1, 3), store(0), store(2), map_at(1, 1, 3)},
        {map_at(0, 1, 3), map_at(2, 1, 3), store(0), load(2), map_at(1, 1, 3)},
        {map_at(0, 3, 3), store(0), protect(1, 1, 1), store(2), protect(1, 1, 3)},
        {map_at(0, 1, 3), map_at(1, 1, 1), map_at(2, 1, 3), store(0), store(2), protect(1, 1, 3)},
        {map_at(0, 1, 3), map_at(1, 1, 7), store(0), store(1), protect(1, 1, 3)},
        {map_at(0, 1, 3), map_at(1, 1, 7), store(1), store(0), protect(0, 1, 7)},
        // Promises of memory.
        {map_at(0, 1, 3), map_at(1, 1, 1), protect(0, 1, 1)},
        {map_at(0, 1, 3), map_at(1, 1, 1), store(0), protect(0, 1, 1)},
        {map_at(0, 1, 3), map_at(1, 1, 1), protect(1, 1, 3)},
        {map_at(0, 1, 3), map_at(1, 1, 3, test::private_anonymous | map_fixed | map_noreserve)},
    };
    Pair pair;
    for (const auto& sequence : sequences) {
        for (const Operation& operation : sequence) CHECK(pair.step(operation) == "");
        pair.clear();
    }
}

TEST_CASE("host kernel: the first write to a clean page of a shared file is a fault where the file is written back") {
    if (!host_has_our_rules() || !host_faults_page_by_page()) return;
    const SignalGuard guard;
    for (const HostFile host_file : {HostFile::memfd, HostFile::on_disk}) {
        Pair pair(host_file);
        const auto shared = Operation{.kind = Operation::Kind::map,
                                      .first = 0,
                                      .length_bytes = page_size,
                                      .prot = 3,
                                      .flags = map_shared | map_fixed,
                                      .of_file = true,
                                      .pgoff = 2};
        CHECK(pair.step(shared) == "");
        CHECK(pair.step(Operation{.kind = Operation::Kind::load, .first = 0}) == "");
        CHECK(pair.step(Operation{.kind = Operation::Kind::store, .first = 0}) == "");
        CHECK(pair.step(Operation{.kind = Operation::Kind::store, .first = 0}) == "");
        for (const std::uint64_t prot : {1, 3}) {
            CHECK(pair.step(Operation{
                      .kind = Operation::Kind::protect, .first = 0, .length_bytes = page_size, .prot = prot}) == "");
        }
        CHECK(pair.step(Operation{.kind = Operation::Kind::store, .first = 0}) == "");
    }
}

TEST_CASE("host kernel: random sequences of mmap, munmap, mprotect, madvise and accesses") {
    if (!host_has_our_rules()) return;
    const SignalGuard guard;
    const bool count_faults = host_faults_page_by_page();
    if (!count_faults) MESSAGE("page faults are not compared: this kernel brings several pages at once");
    for (std::uint64_t seed = 1; seed <= 250; ++seed) {
        CAPTURE(seed);
        std::mt19937_64 random(seed);
        // Fresh pages of a disk file system are locked now and then, and faults around them pass them over.
        const HostFile host_file = seed % 2 == 0 ? HostFile::memfd : HostFile::on_disk;
        Pair pair(host_file);
        pair.count_faults = count_faults && host_file == HostFile::memfd;
        for (int i = 0; i < 60; ++i)
            REQUIRE(pair.step(random_operation(random, seed % 3 == 0 ? 8 : window_pages)) == "");
        REQUIRE(pair.compare_contents() == "");
    }
}

}  // namespace fl::mm
