#include "mm/userfault.hpp"

#include "tests/unit/mm/machine.hpp"

#include <algorithm>

namespace fl::mm {

using namespace test;

namespace {

struct PlainContext final : UserfaultContext {
    explicit PlainContext(std::uint64_t features = 0, bool user_mode_only = false) : UserfaultContext(user_mode_only) {
        set_features(features);
    }
    std::shared_ptr<UserfaultContext> for_child() const override { return std::make_shared<PlainContext>(features()); }
};

// Answers what is asked as often as it is asked.
struct Answering final : UserfaultWaiter {
    explicit Answering(Machine& on) : machine(on) {}
    bool wait_for_userfault(const Userfault& fault) override {
        asked.push_back(fault.address);
        if (!answers) return false;
        const VirtAddr at = fault.address.page_floor();
        return machine.mm->fill_page({{at, at + page_size}, UserfaultFill::copy, {}}, at, bytes).has_value();
    }
    Machine& machine;
    bool answers = true;
    std::vector<std::byte> bytes = std::vector<std::byte>(page_size, std::byte{7});
    std::vector<VirtAddr> asked;
};

VirtRange pages(std::uint64_t first, std::uint64_t end) { return {page(first), page(end)}; }

std::string fill(Machine& machine, std::uint64_t at, UserfaultFill what, WriteProtection protection = {}) {
    const std::vector<std::byte> bytes(page_size, std::byte{9});
    return outcome(machine.mm->fill_page({pages(at, at + 1), what, protection}, page(at), bytes));
}

}  // namespace

TEST_CASE("userfault: what is registered splits and merges like any other flag, and belongs to one context") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    const auto mine = std::make_shared<PlainContext>(), other = std::make_shared<PlainContext>();
    REQUIRE(machine.map(page(0), 6).has_value());
    REQUIRE(machine.map(page(8), 2, prot_read, anonymous_shared).has_value());
    CHECK(outcome(mm.register_userfault(pages(20, 21), vm_uffd_missing, mine)) == "EINVAL");
    CHECK(outcome(mm.register_userfault(pages(0, 1), vm_uffd_minor, mine)) == "EINVAL");
    CHECK(outcome(mm.register_userfault(pages(1, 3), vm_uffd_missing, mine)) == "ok");
    CHECK(machine.layout(base_address) == Lines{"0-1 rw-p", "1-3 rw-p", "3-6 rw-p", "8-10 r--s"});
    CHECK(outcome(mm.register_userfault(pages(0, 6), vm_uffd_missing, other)) == "EBUSY");
    CHECK(outcome(mm.register_userfault(pages(3, 4), vm_uffd_missing, mine)) == "ok");
    CHECK(machine.layout(base_address) == Lines{"0-1 rw-p", "1-4 rw-p", "4-6 rw-p", "8-10 r--s"});
    CHECK(outcome(mm.register_userfault(pages(4, 6), vm_uffd_missing, other)) == "ok");
    CHECK(machine.layout(base_address) == Lines{"0-1 rw-p", "1-4 rw-p", "4-6 rw-p", "8-10 r--s"});
    CHECK(outcome(mm.register_userfault(pages(8, 10), vm_uffd_missing | vm_uffd_minor, mine)) == "ok");
    CHECK(machine.broken() == "");
    std::vector<VirtRange> freed;
    const auto note = [&freed](VirtRange part) { freed.push_back(part); };
    CHECK(outcome(mm.unregister_userfault(pages(0, 6), *mine, note)) == "EINVAL");
    CHECK(outcome(mm.unregister_userfault(pages(0, 4), *mine, note)) == "ok");
    CHECK(freed == std::vector<VirtRange>{pages(1, 4)});
    CHECK(machine.layout(base_address) == Lines{"0-4 rw-p", "4-6 rw-p", "8-10 r--s"});
    mm.release_userfault(*other);
    mm.release_userfault(*mine);
    CHECK(machine.layout(base_address) == Lines{"0-6 rw-p", "8-10 r--s"});
    CHECK(mine.use_count() == 1);
    CHECK(machine.broken() == "");
}

TEST_CASE("userfault: a fault is told once, resolves nothing, and the page that comes ends it") {
    Machine machine;
    const auto context = std::make_shared<PlainContext>();
    REQUIRE(machine.map(page(0), 4).has_value());
    REQUIRE(machine.mm->register_userfault(pages(0, 4), vm_uffd_missing, context).has_value());
    CHECK(machine.write(page(1)) == Kinds{FaultKind::userfault});
    CHECK(machine.handler.last_fatal() == FaultKind::userfault);
    CHECK(machine.handler.has_userfault());
    CHECK(machine.last_event().major);
    CHECK(machine.handler.counters().major == 1);
    CHECK(machine.pte(page(1)).is_none());
    CHECK_FALSE(machine.handler.wait_for_userfault());
    CHECK(fill(machine, 1, UserfaultFill::copy) == "ok");
    CHECK(machine.write(page(1)).empty());
    CHECK(machine.byte(page(1)) == std::byte{9});
    CHECK(fill(machine, 1, UserfaultFill::copy) == "EEXIST");
    CHECK(fill(machine, 2, UserfaultFill::zero) == "ok");
    CHECK(machine.write(page(2)) == Kinds{FaultKind::zero_upgrade});
    CHECK(fill(machine, 3, UserfaultFill::from_cache) == "EINVAL");
    CHECK(fill(machine, 3, UserfaultFill::poison) == "ok");
    CHECK(machine.read(page(3)) == Kinds{FaultKind::poisoned});
    CHECK(fill(machine, 3, UserfaultFill::zero) == "EEXIST");
    CHECK(fill(machine, 3, UserfaultFill::copy) == "ok");
    CHECK(fill(machine, 4, UserfaultFill::copy) == "ENOENT");
    CHECK(machine.broken() == "");
}

TEST_CASE("userfault: the kernel's own accesses wait as well, where the context lets them") {
    Machine machine;
    Answering waiter(machine);
    machine.handler.set_userfault_waiter(&waiter);
    const auto context = std::make_shared<PlainContext>(), for_user = std::make_shared<PlainContext>(0, true),
               refusing = std::make_shared<PlainContext>(uffd_feature_sigbus);
    REQUIRE(machine.map(page(0), 6).has_value());
    REQUIRE(machine.mm->register_userfault(pages(0, 3), vm_uffd_missing, context).has_value());
    REQUIRE(machine.mm->register_userfault(pages(3, 4), vm_uffd_missing, for_user).has_value());
    REQUIRE(machine.mm->register_userfault(pages(4, 5), vm_uffd_missing, refusing).has_value());
    CHECK(machine.user().read<std::uint8_t>(page(0) + 5).value() == 7);
    CHECK(waiter.asked == std::vector<VirtAddr>{page(0) + 5});
    std::array<std::byte, 1> byte{};
    CHECK(machine.user().copy_from_remote(page(1), byte, Rights::obeyed) == 1);
    CHECK(byte[0] == std::byte{7});
    // /proc/PID/mem does not wait.
    CHECK(machine.user().copy_from_remote(page(2), byte, Rights::overridden) == 0);
    CHECK(waiter.asked.size() == 2);
    waiter.answers = false;
    CHECK(outcome(machine.user().read<std::uint8_t>(page(2))) == "EFAULT");
    CHECK(outcome(machine.user().read<std::uint8_t>(page(3))) == "EFAULT");
    CHECK(machine.last_event().kind == FaultKind::sigbus);
    CHECK(machine.read(page(3)) == Kinds{FaultKind::userfault});
    CHECK(machine.read(page(4)) == Kinds{FaultKind::sigbus});
    CHECK(machine.broken() == "");
}

TEST_CASE("userfault: protected pages tell their first write, whatever mprotect and fork do meanwhile") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    const auto context = std::make_shared<PlainContext>(uffd_feature_wp_unpopulated);
    REQUIRE(machine.map(page(0), 4).has_value());
    machine.write(page(0));
    CHECK(outcome(mm.write_protect(pages(0, 1), WriteProtection::on)) == "ENOENT");
    REQUIRE(mm.register_userfault(pages(0, 4), vm_uffd_wp, context).has_value());
    REQUIRE(mm.write_protect(pages(0, 2), WriteProtection::on).has_value());
    CHECK(machine.broken() == "");
    CHECK(machine.read(page(0)).empty());
    CHECK(machine.write(page(0)) == Kinds{FaultKind::userfault});
    CHECK(machine.write(page(1)) == Kinds{FaultKind::demand_zero, FaultKind::userfault});
    REQUIRE(mm.protect(page(0), page_size, prot_read).has_value());
    REQUIRE(mm.protect(page(0), page_size, read_write).has_value());
    CHECK(machine.write(page(0)) == Kinds{FaultKind::userfault});
    {
        const auto child = mm.fork();
        REQUIRE(child.has_value());
        CHECK(machine.broken({child->get()}) == "");
        CHECK((*child)->vmas().find(page(0))->userfault() == nullptr);
    }
    REQUIRE(mm.write_protect(pages(0, 2), WriteProtection::none).has_value());
    CHECK(machine.write(page(0)) == Kinds{FaultKind::cow_reuse});
    REQUIRE(mm.write_protect(pages(0, 4), WriteProtection::on).has_value());
    mm.release_userfault(*context);
    CHECK(machine.pte(page(3)).is_none());
    CHECK(machine.broken() == "");
}

TEST_CASE("userfault: shared memory keeps its protection when its pages go, and is filled in the file") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    const auto context = std::make_shared<PlainContext>();
    REQUIRE(machine.map(page(0), 4, read_write, anonymous_shared).has_value());
    REQUIRE(mm.register_userfault(pages(0, 4), vm_uffd_missing | vm_uffd_minor | vm_uffd_wp, context).has_value());
    CHECK(fill(machine, 0, UserfaultFill::from_cache) == "EFAULT");
    CHECK(fill(machine, 0, UserfaultFill::copy, WriteProtection::on) == "ok");
    CHECK(machine.write(page(0)) == Kinds{FaultKind::userfault});
    REQUIRE(mm.advise(page(0), page_size, madv_dontneed).has_value());
    CHECK(machine.pte(page(0)) == emu::Pte::write_protected());
    CHECK(machine.read(page(0)) == Kinds{FaultKind::userfault});
    CHECK(fill(machine, 0, UserfaultFill::copy) == "EEXIST");
    CHECK(fill(machine, 0, UserfaultFill::from_cache, WriteProtection::on) == "ok");
    CHECK(fill(machine, 0, UserfaultFill::from_cache) == "EEXIST");
    CHECK(machine.byte(page(0)) == std::byte{9});
    CHECK(machine.broken() == "");
    // What moves without its context is plain memory.
    REQUIRE(mm.remap({page(0), 4 * page_size, 4 * page_size, mremap_maymove | mremap_fixed, page(10)}).has_value());
    CHECK(mm.vmas().find(page(10))->userfault() == nullptr);
    CHECK(machine.write(page(10)).empty());
    CHECK(machine.broken() == "");
}

TEST_CASE("userfault: who asked for it hears of what is unmapped, moved and forked") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    const auto context =
        std::make_shared<PlainContext>(uffd_feature_event_unmap | uffd_feature_event_remap | uffd_feature_event_fork);
    REQUIRE(machine.map(page(0), 6).has_value());
    REQUIRE(mm.register_userfault(pages(0, 6), vm_uffd_missing, context).has_value());
    REQUIRE(mm.unmap(page(5), 3 * page_size).has_value());
    auto events = mm.take_userfault_events();
    REQUIRE(events.size() == 1);
    CHECK(std::get<UserfaultEvent::Unmap>(events[0].what).range == pages(5, 8));
    REQUIRE(mm.remap({page(0), page_size, page_size, mremap_maymove | mremap_fixed, page(20)}).has_value());
    events = mm.take_userfault_events();
    REQUIRE(events.size() == 2);
    CHECK(std::get<UserfaultEvent::Remap>(events[0].what).to == page(20));
    CHECK(std::holds_alternative<UserfaultEvent::Unmap>(events[1].what));
    {
        const auto child = mm.fork();
        REQUIRE(child.has_value());
        events = mm.take_userfault_events();
        REQUIRE(events.size() == 1);
        const auto& inherited = std::get<UserfaultEvent::Fork>(events[0].what).child;
        CHECK((*child)->vmas().find(page(20))->userfault() == inherited);
        CHECK((*child)->vmas().find(page(1))->userfault() == inherited);
        CHECK(machine.broken({child->get()}) == "");
    }
    CHECK_FALSE(mm.has_userfault_events());
}

TEST_CASE("userfault: each allocation of a filling fails in turn, and nothing has changed") {
    for (const UserfaultFill what : {UserfaultFill::copy, UserfaultFill::zero, UserfaultFill::poison}) {
        for (const std::uint64_t flags : {private_anonymous | map_fixed, anonymous_shared}) {
            bool succeeded = false;
            for (std::uint64_t successes = 0; !succeeded; ++successes) {
                CAPTURE(successes);
                Machine machine(16);
                const auto context = std::make_shared<PlainContext>();
                REQUIRE(machine.map(page(0), 1, read_write, flags).has_value());
                REQUIRE(machine.mm->register_userfault(pages(0, 1), vm_uffd_missing | vm_uffd_wp, context).has_value());
                machine.memory.buddy().fail_after(successes);
                const std::string result = fill(machine, 0, what);
                succeeded = result == "ok";
                CHECK((succeeded || result == "ENOMEM"));
                CHECK(machine.pte(page(0)).is_none() == !succeeded);
                CHECK(machine.broken() == "");
                succeeded = succeeded && outcome(machine.mm->write_protect(pages(0, 1), WriteProtection::on)) == "ok";
                CHECK(machine.broken() == "");
                REQUIRE(successes < 10);
            }
        }
    }
}

TEST_CASE("seals: what is sealed stays as it is, and parts beside it do not") {
    Machine machine;
    MmStruct& mm = *machine.mm;
    REQUIRE(machine.map(page(0), 6, prot_read).has_value());
    CHECK(outcome(mm.seal(page(0) + 1, page_size)) == "EINVAL");
    CHECK(outcome(mm.seal(page(4), 4 * page_size)) == "ENOMEM");
    CHECK(outcome(mm.seal(page(0), 0)) == "ok");
    CHECK(outcome(mm.seal(page(2), 2 * page_size)) == "ok");
    CHECK(machine.layout(base_address) == Lines{"0-2 r--p", "2-4 r--p", "4-6 r--p"});
    CHECK(outcome(mm.unmap(page(1), 2 * page_size)) == "EPERM");
    CHECK(outcome(mm.protect(page(2), page_size, 0)) == "EPERM");
    CHECK(outcome(machine.map(page(3), 2)) == "EPERM");
    CHECK(outcome(mm.remap({page(2), page_size, page_size, mremap_maymove | mremap_fixed, page(20)})) == "EPERM");
    CHECK(outcome(mm.advise(page(2), page_size, madv_dontneed)) == "EPERM");
    CHECK(outcome(mm.advise(page(2), page_size, madv_random)) == "ok");
    CHECK(outcome(mm.unmap(page(4), 2 * page_size)) == "ok");
    CHECK(machine.broken() == "");
}

TEST_CASE("mm: the last user takes the address space apart, who borrowed the structure keeps its root") {
    Machine machine;
    const PageCount before = machine.free_frames();
    auto created = MmStruct::create(machine.memory, machine.files, {});
    REQUIRE(created.has_value());
    std::shared_ptr<MmStruct> mm = std::move(*created);
    MapRequest request{.hint = page(0), .length_bytes = page_size, .prot = read_write};
    request.flags = private_anonymous | map_fixed;
    REQUIRE(mm->map(request).has_value());
    machine.handler.set_mm(mm.get());
    CHECK(machine.write(page(0)) == Kinds{FaultKind::demand_zero});
    machine.handler.set_mm(machine.mm.get());
    // A kernel thread runs on the page tables of whoever ran before it (mmgrab_lazy_tlb).
    mm->mmgrab();
    REQUIRE(mm->mmput() == MmStruct::Last::yes);
    mm->exit_mmap();
    CHECK(mm->mmdrop() == MmStruct::Last::no);
    CHECK(mm->map_count() == 0);
    CHECK(machine.free_frames() == before - PageCount(1));
    CHECK(machine.broken({mm.get()}) == "");
    CHECK(mm->mmdrop() == MmStruct::Last::yes);
    mm.reset();
    CHECK(machine.free_frames() == before);
}

}  // namespace fl::mm
