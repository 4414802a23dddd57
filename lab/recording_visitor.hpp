// RecordingVisitor: what a recording tells, event by event: who writes recordings is one, and who reads them has one.
#pragma once

#include "lab/reference_string.hpp"

#include <cstdint>
#include <string>

namespace fl::lab {

// How a program referenced a page. A fetch is one translated block that was entered, not one instruction.
enum class Touch : std::uint8_t { fetch, read, write };

// What a page is: private memory of a process at an address, or a page of a file.
struct PageOrigin {
    std::uint32_t process = 0;      // who brought it in first; 0: not known
    std::uint64_t page_number = 0;  // of its virtual address, or within the file
    std::string file{};             // the file's name; empty: private memory

    friend bool operator==(const PageOrigin&, const PageOrigin&) = default;
};

// A range of a process's address space.
struct MappedRange {
    std::uint32_t process = 0;
    std::uint64_t first_page = 0;
    std::uint64_t page_count = 0;
    std::uint8_t protection = 0;  // PROT_READ 1, PROT_WRITE 2, PROT_EXEC 4
    bool shared = false;
    std::string name{};  // as /proc/PID/maps prints it

    friend bool operator==(const MappedRange&, const MappedRange&) = default;
};

class RecordingVisitor {
public:
    // Before all else: what was recorded ("program"), by whom ("recorder").
    virtual void on_about(const std::string& key, const std::string& value) = 0;
    // `count` (1 or more) references in a row to a page that exists, by the present process.
    virtual void on_touch(PageId page, Touch touch, std::uint64_t count) = 0;
    // The number means this page from here on. It is one that no page has, and the lowest that was never used or one
    // that was.
    virtual void on_page(PageId page, const PageOrigin& origin) = 0;
    virtual void on_page_gone(PageId page) = 0;
    // Run::needed().
    virtual void on_page_needed(PageId page) = 0;
    // Whose references follow.
    virtual void on_process(std::uint32_t process) = 0;
    virtual void on_fork(std::uint32_t parent, std::uint32_t child) = 0;
    virtual void on_exec(std::uint32_t process, const std::string& path) = 0;
    virtual void on_exit(std::uint32_t process) = 0;
    virtual void on_map(const MappedRange& range) = 0;
    virtual void on_unmap(std::uint32_t process, std::uint64_t first_page, std::uint64_t page_count) = 0;

protected:
    ~RecordingVisitor() = default;
};

// Looks at nothing; for who overrides a part.
class IdleVisitor : public RecordingVisitor {
public:
    void on_about(const std::string& /*key*/, const std::string& /*value*/) override {}
    void on_touch(PageId /*page*/, Touch /*touch*/, std::uint64_t /*count*/) override {}
    void on_page(PageId /*page*/, const PageOrigin& /*origin*/) override {}
    void on_page_gone(PageId /*page*/) override {}
    void on_page_needed(PageId /*page*/) override {}
    void on_process(std::uint32_t /*process*/) override {}
    void on_fork(std::uint32_t /*parent*/, std::uint32_t /*child*/) override {}
    void on_exec(std::uint32_t /*process*/, const std::string& /*path*/) override {}
    void on_exit(std::uint32_t /*process*/) override {}
    void on_map(const MappedRange& /*range*/) override {}
    void on_unmap(std::uint32_t /*process*/, std::uint64_t /*first_page*/, std::uint64_t /*page_count*/) override {}

protected:
    ~IdleVisitor() = default;
};

}  // namespace fl::lab
