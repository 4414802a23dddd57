// One sequence of operations, done to the memory manager and to the oracle of model_oracle.hpp side by side.
#pragma once

#include "tests/unit/mm/machine.hpp"
#include "tests/unit/mm/model_oracle.hpp"

#include <array>
#include <random>
#include <string>

namespace fl::mm::test {

enum class Backing : std::uint8_t {
    anonymous,
    shared_anonymous,
    private_file,  // of a regular file
    shared_file,
    private_memory,  // of a file that is all in memory
    shared_memory,
};

// Pages are counted from the window's start; offsets and lengths of files in bytes.
struct Operation {
    enum class Kind : std::uint8_t {
        map,
        unmap,
        protect,
        advise,
        lock,
        unlock,
        sync,
        remap,
        brk,
        load,
        store,
        peek,  // by force, whatever the rights
        poke,
        fork,
        exit,
        file_read,
        file_write,
        file_resize,
        file_punch,
        file_write_back,
        drop_caches,
        compact,  // pages move: all that can, or as many as a block takes
    };
    Kind kind;
    std::uint64_t first = 0;
    std::uint64_t count = 1;
    std::uint64_t prot = prot_read | prot_write;
    Backing backing = Backing::anonymous;
    std::uint64_t pgoff = 0;
    int advice = 0;
    std::uint64_t new_count = 0;  // remap
    std::uint64_t flags = 0;
    std::uint64_t target = 0;
    std::uint64_t offset = 0;  // in the page or in the file
    std::uint64_t length = 0;
    std::size_t file = 0;   // 0: regular, 1: memory
    std::size_t space = 0;  // nothing happens where there is none

    std::string text() const;
};

// The heap starts here and grows towards the window's end.
inline constexpr std::uint64_t heap_page = 16;
inline constexpr std::uint64_t initial_file_pages = 3;

// The page of the window that an address lies in.
inline std::uint64_t page_of(VirtAddr address) { return (address - base_address) >> page_shift; }

// Bytes of private memory have the highest bit set, those of files and shared memory have not: what leaks shows.
inline constexpr std::uint8_t private_bit = 0x80;

class Twins {
public:
    explicit Twins(std::uint64_t frames, const std::optional<Pressure>& pressure = std::nullopt);

    // Applies the operation to both; empty where they agree.
    std::string step(const Operation& operation);
    // Every page of every address space, the files and what lies behind them; brings nothing in.
    std::string compare();
    std::string broken();
    // A page that is mapped in `space`, `otherwise` where none is.
    std::uint64_t some_mapped_page(std::mt19937_64& random, std::size_t space, std::uint64_t otherwise) const;
    bool alive(std::size_t space) const { return spaces_[space].mm != nullptr; }
    const MmStruct& mm(std::size_t space) const { return *spaces_[space].mm; }
    // What the processor would do before it runs on.
    void flush_tlb();
    void flush_stale_tlb();
    // Ends all address spaces and files; how many frames are in use then.
    PageCount used_frames_after_all();

    static constexpr std::size_t max_spaces = 3;
    Machine machine;
    bool starved = false;     // memory may run out
    std::size_t refused = 0;  // calls and accesses that it ran out for, or that swap could not be read for
    std::string history;

private:
    struct Space {
        std::unique_ptr<MmStruct> mm;
        OracleSpace oracle;
    };
    struct OpenFile {
        std::shared_ptr<File> file;
        std::shared_ptr<OracleObject> oracle;
        std::shared_ptr<Bytes> disk;  // what is behind it, if anything
    };

    std::string apply(const Operation& operation);
    std::string apply_to_file(const Operation& operation);
    // Whether a call that must answer `expected` has; ENOMEM instead of success is refused_ where memory may run out.
    std::string agree(const std::string& expected, const std::string& real);
    // Whether the present step has met a page in swap that could not be read.
    bool could_not_read() const {
        return machine.swap != nullptr && machine.swap->counters().read_errors > read_errors_;
    }
    static std::string agree_strictly(const std::string& expected, const std::string& real);

    std::string map(const Operation& operation);
    std::string protect(const Operation& operation);
    std::string advise(const Operation& operation);
    std::string lock(const Operation& operation);
    std::string sync(const Operation& operation);
    std::string brk(std::uint64_t wanted);
    std::string access(const Operation& operation, emu::Access access);
    std::string force(const Operation& operation, emu::Access access);
    std::string use_page(const Operation& operation, Pfn pfn, emu::Access access);
    std::string fork(std::size_t parent);
    std::string exit(std::size_t space);

    std::string remap(Operation operation);
    std::string remap_error(const Operation& operation) const;
    bool clears_itself(const Operation& operation) const;
    bool grows_in_place(const Operation& operation) const;
    void remap_pages(const Operation& operation, std::uint64_t start);
    void keep_what_moved(const Operation& operation);

    std::string read_file(const Operation& operation);
    std::string write_file(const Operation& operation);
    std::string resize_file(const Operation& operation);
    std::string punch_file(const Operation& operation);
    std::string write_back(const Operation& operation);
    void compact(const Operation& operation);
    // After a hole that could not be made whole: each page of it is as before or empty.
    static void take_over_holes(OpenFile& file, std::uint64_t offset, std::uint64_t length);
    OpenFile* file_of(const OracleObject* object);

    std::string compare_space(Space& space);
    std::string compare_page(const Vma& vma, std::uint64_t at, const OraclePage& known);
    Bytes peek(const Vma& vma, VirtAddr address) const;
    std::string compare_files() const;
    std::string compare_tlb() const;

    const Vma* vma_at(std::uint64_t at) const;
    bool locked(std::uint64_t at) const;
    std::uint8_t next_value() { return static_cast<std::uint8_t>(++last_value_ % 127 + 1); }
    OracleSpace& oracle() { return spaces_[current_].oracle; }
    const OracleSpace& oracle() const { return spaces_[current_].oracle; }
    MmStruct& mm() { return *spaces_[current_].mm; }

    std::array<Space, max_spaces> spaces_;
    std::array<OpenFile, 2> files_;
    struct TlbEntry {
        Pfn pfn;
        bool written;
    };
    std::map<std::uint64_t, TlbEntry> tlb_;  // of the current address space, by page
    std::size_t current_ = 0;
    bool refused_ = false;
    std::uint64_t read_errors_ = 0;  // of swap, before the present step
    unsigned last_value_ = 0;
};

}  // namespace fl::mm::test
