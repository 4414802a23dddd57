// Recorder: what a machine tells of its memory, as a recording.
//
// Rules, beside those of mm/memory_observer.hpp: a page is in the recording from its first reference on, under the
// lowest number that is free; references to what is no user page (the shared zero page, the vDSO) are not.
#pragma once

#include "lab/recording_visitor.hpp"
#include "mm/memory_observer.hpp"

#include <cstdint>
#include <map>
#include <queue>
#include <vector>

namespace fl::lab {

class Recorder final : public mm::MemoryObserver {
public:
    // `out` must outlive the recorder.
    explicit Recorder(RecordingVisitor& out) : out_(out) {}

    // The machine has stopped.
    void finish() { tell(); }
    // References that were recorded.
    std::uint64_t references() const { return references_; }
    // What the recording calls a page of the machine's; no_page: nothing has referenced it yet.
    PageId number_of(std::uint32_t page) const {
        return page < numbers_.size() ? numbers_[page] : replacement::no_page;
    }

    void on_page(const mm::PageName& page) noexcept override;
    void on_page_reference(std::uint32_t page, emu::Access access, std::uint32_t count) noexcept override;
    void on_page_held(std::uint32_t page) noexcept override;
    void on_page_gone(std::uint32_t page) noexcept override;
    void on_address_space(std::uint32_t process) noexcept override;
    void on_mappings(std::uint32_t process, const mm::MmStruct& mm, VirtRange changed) noexcept override;
    void on_fork(std::uint32_t parent, std::uint32_t child) noexcept override;
    void on_exec(std::uint32_t process, const std::string& path) noexcept override;
    void on_exit(std::uint32_t process, const mm::ProcessEnd& end) noexcept override;

private:
    // A mapping, for as much as a recording tells of it.
    struct Mapping {
        std::uint64_t first_page, end_page;
        std::uint8_t protection;
        bool shared;
        bool operator==(const Mapping&) const = default;
    };
    using Mappings = std::vector<Mapping>;  // by address

    void tell();
    PageId take_number();
    static Mappings mappings_of(const mm::MmStruct& mm);
    // What of `mapping` no one of `others` covers; with_rights: those with the same rights alone.
    enum class Compare : std::uint8_t { ranges, ranges_and_rights };
    static Mappings uncovered(const Mapping& mapping, const Mappings& others, Compare compare);

    RecordingVisitor& out_;
    // References in a row that have not been told of.
    PageId page_ = 0;
    Touch touch_ = Touch::read;
    std::uint64_t count_ = 0;

    std::vector<PageId> numbers_;  // of the recording, by the machine's
    PageId next_number_ = 0;
    std::priority_queue<PageId, std::vector<PageId>, std::greater<>> free_numbers_;
    std::map<std::uint32_t, Mappings> mappings_;  // by process
    std::uint64_t references_ = 0;
};

}  // namespace fl::lab
