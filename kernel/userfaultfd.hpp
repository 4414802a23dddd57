// userfaultfd(2): a program answers the page faults of its own memory (Linux: fs/userfaultfd.c). Who faults waits here
// until a reader was told and has put something into the page; who changes memory that is looked after waits until that
// was read.
#pragma once

#include "kernel/vfs/pipe.hpp"
#include "kernel/wait_queue.hpp"
#include "mm/mm_struct.hpp"

#include <linux/userfaultfd.h>

#include <list>
#include <memory>
#include <optional>

namespace fl::kernel {

// What the reader and the waiting tasks share (Linux: struct userfaultfd_ctx).
//
// Invariants: it holds on to the structure of its address space (mmgrab), whose VMAs hold on to it until release().
class Userfaultfd final : public mm::UserfaultContext, public std::enable_shared_from_this<Userfaultfd> {
public:
    // `flags` as userfaultfd(2) has them.
    explicit Userfaultfd(int flags);
    Userfaultfd(const Userfaultfd&) = delete;
    Userfaultfd& operator=(const Userfaultfd&) = delete;
    ~Userfaultfd() override;

    int flags() const { return flags_; }
    void set_mm(std::shared_ptr<mm::MmStruct> mm);
    // nullptr: nobody uses the address space any more (mmget_not_zero).
    std::shared_ptr<mm::MmStruct> mm() const;
    // UFFDIO_API has been made.
    bool is_initialised() const { return initialised_; }
    void initialise(std::uint64_t features);
    std::shared_ptr<mm::UserfaultContext> for_child() const override;

    // The faulting task waits. Returns whether the access is to be tried again: not where a signal came.
    bool wait(System& system, const mm::Userfault& fault);
    // The task that changed something waits until that was read; fatal signals end the wait.
    void tell(System& system, const mm::UserfaultEvent& event);
    // An event is on its way: what the reader knows is out of date.
    bool is_changing() const { return changing_ > 0; }

    bool has_message() const;
    // The next message, whose reader has it from now on; nullopt: none. Of a fork the new descriptor is opened here:
    // EMFILE leaves the message where it is.
    Result<std::optional<uffd_msg>> take_message(System& system);
    // Who waits for a page of the range tries again.
    void wake(VirtRange range);
    // The last descriptor is closed: nobody waits any more, and no VMA is its own.
    void release();

    WaitQueue& readable() { return readable_; }

private:
    struct Waiting {
        uffd_msg message;
        VirtAddr page;
        bool is_read = false;
        bool is_woken = false;
    };
    struct Announced {
        uffd_msg message;
        std::shared_ptr<Userfaultfd> child;  // of a fork
        bool is_read = false;
    };

    int flags_;
    bool initialised_ = false;
    bool released_ = false;
    std::shared_ptr<mm::MmStruct> mm_;
    std::list<Waiting> faults_;
    std::list<Announced> events_;
    unsigned changing_ = 0;
    WaitQueue readable_, answered_;
};

class UserfaultDescription final : public NamelessDescription {
public:
    UserfaultDescription(NamelessFile file, std::shared_ptr<Userfaultfd> context);
    UserfaultDescription(const UserfaultDescription&) = delete;
    UserfaultDescription& operator=(const UserfaultDescription&) = delete;
    ~UserfaultDescription() override { context_->release(); }

    std::string path() const override { return "anon_inode:[userfaultfd]"; }
    bool can_write() const override { return false; }
    Result<std::uint64_t> read(System& system, UserSegments& into, std::uint64_t& at) override;
    Result<std::uint64_t> control(System& system, std::uint64_t request, std::uint64_t argument) override;
    short ready_events() const override;
    std::vector<WaitQueue*> wait_queues() override { return {&context_->readable()}; }

private:
    std::shared_ptr<Userfaultfd> context_;
};

// ioctl(2) on a context: userfaultfd_ioctl.cpp.
Result<std::uint64_t> control_userfaults(System& system, Userfaultfd& context, std::uint64_t request,
                                         std::uint64_t argument);

// What the running task's call did to memory that somebody looks after is told, and the task waits until it was read.
void tell_userfault_events(System& system);
// Of a fork that has just been made: the child's contexts get their address space.
void tell_userfault_fork(System& parent, const std::shared_ptr<mm::MmStruct>& child);
// The same before it happens, for what madvise(2) is about to take out of the range.
void announce_removal(System& system, mm::MmStruct& mm, VirtRange range);

}  // namespace fl::kernel
