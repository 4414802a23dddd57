#include "tests/unit/mm/model_support.hpp"

#include <cstring>
#include <sstream>

namespace fl::mm::test {

using emu::Access;

namespace {

// A disk that remembers what was written back.
class WritableSource final : public FileSource {
public:
    explicit WritableSource(std::shared_ptr<Bytes> disk) : disk_(std::move(disk)) {}
    std::uint64_t size_bytes() const override { return disk_->size(); }
    Result<void> read(std::uint64_t offset, std::span<std::byte> into) const override {
        for (std::size_t i = 0; i < into.size(); ++i) {
            into[i] = offset + i < disk_->size() ? static_cast<std::byte>((*disk_)[offset + i]) : std::byte{0};
        }
        return {};
    }
    Result<void> write(std::uint64_t offset, std::span<const std::byte> from) override {
        REQUIRE(offset + from.size() <= disk_->size());
        for (std::size_t i = 0; i < from.size(); ++i) (*disk_)[offset + i] = static_cast<std::uint8_t>(from[i]);
        return {};
    }
    Result<void> resize(std::uint64_t size_bytes) override {
        disk_->resize(size_bytes);
        return {};
    }

private:
    std::shared_ptr<Bytes> disk_;
};

Bytes initial_bytes(unsigned first) {
    Bytes bytes(initial_file_pages * page_size);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(first + i / page_size);
    return bytes;
}

bool is_shared(Backing backing) {
    return backing == Backing::shared_anonymous || backing == Backing::shared_file || backing == Backing::shared_memory;
}

// Which of the open files; nullopt for anonymous memory.
std::optional<std::size_t> file_number(Backing backing) {
    if (backing == Backing::private_file || backing == Backing::shared_file) return 0;
    if (backing == Backing::private_memory || backing == Backing::shared_memory) return 1;
    return std::nullopt;
}

}  // namespace

std::string Operation::text() const {
    static constexpr const char* names[] = {"map",         "unmap",      "protect",   "advise",     "lock",
                                            "unlock",      "sync",       "remap",     "brk",        "load",
                                            "store",       "peek",       "poke",      "fork",       "exit",
                                            "file_read",   "file_write", "file_size", "file_punch", "file_write_back",
                                            "drop_caches", "compact"};
    std::ostringstream out;
    out << space << ":" << names[static_cast<int>(kind)];
    if (kind >= Kind::file_read) {
        out << "(file " << file << " at " << offset << " length " << length << ") ";
        return out.str();
    }
    out << "(" << first << "+" << count;
    if (kind == Kind::map) out << " prot " << prot << " backing " << static_cast<int>(backing) << " pgoff " << pgoff;
    if (kind == Kind::protect) out << " prot " << prot;
    if (kind == Kind::advise) out << " advice " << advice;
    if (kind == Kind::remap) out << " to " << target << "+" << new_count << " flags " << flags;
    out << ") ";
    return out.str();
}

Twins::Twins(std::uint64_t frames, const std::optional<Pressure>& pressure) : machine(frames) {
    if (pressure) machine.reclaim_under(*pressure);
    const Bytes disk = initial_bytes(10), memory = initial_bytes(20);
    files_[0].disk = std::make_shared<Bytes>(disk);
    files_[0].oracle = std::make_shared<OracleObject>(OracleObject{disk});
    files_[0].file =
        machine.files.open(std::make_unique<WritableSource>(files_[0].disk), FileIdentity{.path = "/disk"});
    // Nothing of it is in memory yet, and what is not there reads as zero.
    files_[1].oracle = std::make_shared<OracleObject>(OracleObject{Bytes(memory.size())});
    files_[1].file = machine.files.create(FileIdentity{.path = "/memory"}, FileKind::shared_memory, memory.size());
    spaces_[0].mm = std::move(machine.mm);
    spaces_[0].mm->set_start_brk(page(heap_page));
    spaces_[0].oracle.brk = heap_page;
}

std::string Twins::step(const Operation& operation) {
    history += operation.text();
    refused_ = false;
    if (machine.swap != nullptr) read_errors_ = machine.swap->counters().read_errors;
    if (operation.space != current_) flush_tlb();
    const std::string difference = apply(operation);
    machine.observer.clear();
    refused += refused_ ? 1 : 0;
    flush_stale_tlb();
    return difference.empty() ? "" : difference + " after " + history;
}

void Twins::flush_tlb() {
    tlb_.clear();
    machine.ram.cached_translations().note_flushed();
}

void Twins::flush_stale_tlb() {
    const bool stale = alive(current_) && mm().take_effects().tlb_stale;
    if (std::exchange(machine.tlb_was_stale, false) || stale) flush_tlb();
}

// What the processor may still remember holds as it did.
std::string Twins::compare_tlb() const {
    for (const auto& [at, entry] : tlb_) {
        const emu::Pte pte = machine.mmu.peek(spaces_[current_].mm->page_table().root(), page(at));
        const bool same = pte.is_present() && pte.pfn() == entry.pfn && pte.accessed();
        if (!same || (entry.written && !(pte.writable() && pte.dirty()))) {
            return "the TLB is not told of page " + std::to_string(at);
        }
    }
    return "";
}

std::string Twins::apply(const Operation& operation) {
    using Kind = Operation::Kind;
    if (operation.kind >= Kind::file_read) return apply_to_file(operation);
    if (!alive(operation.space)) return "";
    current_ = operation.space;
    machine.handler.set_mm(&mm());
    const VirtAddr start = page(operation.first);
    switch (operation.kind) {
        case Kind::map: return map(operation);
        case Kind::unmap:
            oracle().unmap(operation.first, operation.count);
            return agree_strictly("ok", outcome(mm().unmap(start, operation.count * page_size)));
        case Kind::protect: return protect(operation);
        case Kind::advise: return advise(operation);
        case Kind::lock: return lock(operation);
        case Kind::unlock:
            return agree_strictly(oracle().has_all(operation.first, operation.count) ? "ok" : "ENOMEM",
                                  outcome(mm().unlock(start, operation.count * page_size)));
        case Kind::sync: return sync(operation);
        case Kind::remap: return remap(operation);
        case Kind::brk: return brk(operation.first);
        case Kind::load: return access(operation, Access::read);
        case Kind::store: return access(operation, Access::write);
        case Kind::peek: return force(operation, Access::read);
        case Kind::poke: return force(operation, Access::write);
        case Kind::fork: return fork(operation.space);
        default: return exit(operation.space);
    }
}

std::string Twins::apply_to_file(const Operation& operation) {
    using Kind = Operation::Kind;
    switch (operation.kind) {
        case Kind::file_read: return read_file(operation);
        case Kind::file_write: return write_file(operation);
        case Kind::file_resize: return resize_file(operation);
        case Kind::file_punch: return punch_file(operation);
        case Kind::file_write_back: return write_back(operation);
        case Kind::compact: compact(operation); return "";
        default: machine.files.shrink(); return "";
    }
}

void Twins::compact(const Operation& operation) {
    if (operation.file == 0) return machine.memory.compaction().compact_all();
    const auto order = static_cast<unsigned>(1 + operation.length % 4);
    const auto effort = operation.offset % 2 == 0 ? BlockEffort::compact : BlockEffort::reclaim;
    const auto block = machine.memory.allocate_block(order, FrameState::reserved, Fill::caller, effort);
    if (block) machine.memory.release_block(*block, order);
}

std::string Twins::agree_strictly(const std::string& expected, const std::string& real) {
    return expected == real ? "" : "answered " + real + " instead of " + expected;
}

std::string Twins::agree(const std::string& expected, const std::string& real) {
    refused_ = starved && expected == "ok" && (real == "ENOMEM" || (real == "EIO" && could_not_read()));
    return refused_ ? "" : agree_strictly(expected, real);
}

const Vma* Twins::vma_at(std::uint64_t at) const {
    const Vma* vma = mm(current_).vmas().find(page(at));
    return vma != nullptr && vma->start() <= page(at) ? vma : nullptr;
}

bool Twins::locked(std::uint64_t at) const {
    const Vma* vma = vma_at(at);
    return vma != nullptr && vma->flags().has(vm_locked);
}

std::uint64_t Twins::some_mapped_page(std::mt19937_64& random, std::size_t space, std::uint64_t otherwise) const {
    const auto& pages = spaces_[space].oracle.pages;
    if (!alive(space) || pages.empty()) return otherwise;
    return std::next(pages.begin(), static_cast<std::ptrdiff_t>(random() % pages.size()))->first;
}

PageCount Twins::used_frames_after_all() {
    machine.handler.set_mm(nullptr);
    for (Space& space : spaces_) space.mm.reset();
    for (OpenFile& file : files_) file.file.reset();
    return machine.memory.used_page_count();
}

// --- calls that take no frames ---------------------------------------------------------------------------------------

std::string Twins::map(const Operation& operation) {
    const bool shared = is_shared(operation.backing);
    std::uint64_t flags = map_fixed | (shared ? map_shared : map_private);
    OraclePage first{.prot = operation.prot, .shared = shared};
    std::shared_ptr<File> file;
    if (const auto number = file_number(operation.backing)) {
        file = files_[*number].file;
        first.object = files_[*number].oracle;
        first.index = operation.pgoff;
    } else {
        flags |= map_anonymous;
        if (shared) first.object = std::make_shared<OracleObject>(OracleObject{Bytes(operation.count * page_size)});
    }
    oracle().map(operation.first, operation.count, first);
    const MapRequest request{.hint = page(operation.first),
                             .length_bytes = operation.count * page_size,
                             .prot = operation.prot,
                             .flags = flags,
                             .file = file,
                             .pgoff = file != nullptr ? operation.pgoff : 0};
    return agree_strictly("ok", outcome(mm().map(request)));
}

// Pages before the first hole are changed.
std::string Twins::protect(const Operation& operation) {
    const bool whole = oracle().has_all(operation.first, operation.count);
    for (std::uint64_t i = 0; i < operation.count && oracle().has(operation.first + i); ++i) {
        oracle().pages.at(operation.first + i).prot = operation.prot;
    }
    const auto done = mm().protect(page(operation.first), operation.count * page_size, operation.prot);
    return agree_strictly(whole ? "ok" : "ENOMEM", outcome(done));
}

// Holes are passed over and reported at the end; the first page that does not take the advice ends the call.
std::string Twins::advise(const Operation& operation) {
    std::string expected = oracle().has_all(operation.first, operation.count) ? "ok" : "ENOMEM";
    struct Hole {
        OracleObject* object;
        std::uint64_t offset;
    };
    std::vector<Hole> holes;
    for (std::uint64_t at = operation.first; at < operation.first + operation.count; ++at) {
        if (!oracle().has(at)) continue;
        OraclePage& page = oracle().pages.at(at);
        std::string refusal;
        switch (operation.advice) {
            case madv_dontneed:
                if (locked(at))
                    refusal = "EINVAL";
                else
                    page.lose_own();
                break;
            case madv_cold:
            case madv_pageout:
                if (locked(at)) refusal = "EINVAL";
                break;
            case madv_free:
                if (locked(at) || page.object != nullptr)
                    refusal = "EINVAL";
                else
                    page.may_vanish = page.own.has_value();
                break;
            case madv_remove:
                if (locked(at) || page.object == nullptr)
                    refusal = "EINVAL";
                else if (!page.shared)
                    refusal = "EACCES";
                else
                    holes.push_back({page.object.get(), page.index * page_size});
                break;
            case madv_dontfork:
            case madv_dofork: page.dontfork = operation.advice == madv_dontfork; break;
            case madv_wipeonfork:
                if (page.object != nullptr)
                    refusal = "EINVAL";
                else
                    page.wipeonfork = true;
                break;
            case madv_keeponfork: page.wipeonfork = false; break;
            default: break;
        }
        if (refusal.empty()) continue;
        expected = refusal;
        break;
    }
    const std::string real = outcome(mm().advise(page(operation.first), operation.count * page_size, operation.advice));
    // Only a hole in a file takes frames. ENOMEM may be the answer either way.
    const bool may_be_short = starved && operation.advice == madv_remove && real == "ENOMEM";
    for (const Hole& hole : holes) {
        OpenFile* file = file_of(hole.object);
        if (may_be_short && file != nullptr)
            take_over_holes(*file, hole.offset, page_size);
        else
            hole.object->punch(hole.offset, page_size);
    }
    if (may_be_short) {
        refused_ = true;
        return "";
    }
    return agree_strictly(expected, real);
}

// The part before a hole is locked. What is writable and private is copied then, as by a write.
std::string Twins::lock(const Operation& operation) {
    const VirtRange range{page(operation.first), page(operation.first + operation.count)};
    const bool whole = oracle().has_all(operation.first, operation.count);
    const std::string real = outcome(mm().lock(range.start, range.size_bytes(), VmFlags()));
    std::string difference = agree_strictly(whole ? "ok" : "ENOMEM", real);
    if (!whole || starved || !difference.empty()) return difference;
    UserMemory user(machine.mmu, machine.handler, mm());
    (void)user.populate(range, UserMemory::Failures::pass_over);
    for (std::uint64_t at = operation.first; at < operation.first + operation.count; ++at) {
        OraclePage& page = oracle().pages.at(at);
        if (!page.shared && (page.prot & prot_write) != 0 && !page.past_end()) page.own = page.content();
    }
    return "";
}

std::string Twins::sync(const Operation& operation) {
    const bool whole = oracle().has_all(operation.first, operation.count);
    const auto done = mm().sync(page(operation.first), operation.count * page_size, ms_sync);
    for (std::uint64_t at = operation.first; at < operation.first + operation.count; ++at) {
        if (!oracle().has(at)) continue;
        const OraclePage& page = oracle().pages.at(at);
        if (!page.shared || page.object != files_[0].oracle || page.past_end()) continue;
        if (OracleObject{*files_[0].disk}.page(page.index) != page.content()) return "msync left a page behind";
    }
    return agree_strictly(whole ? "ok" : "ENOMEM", outcome(done));
}

std::string Twins::brk(std::uint64_t wanted) {
    OracleSpace& model = oracle();
    const std::uint64_t old = model.brk;
    if (wanted > old && model.has_none(old, wanted + 1 - old)) {
        model.map(old, wanted - old, OraclePage{.prot = prot_read | prot_write});
        model.brk = wanted;
    } else if (wanted < old && wanted >= heap_page && !model.has_none(wanted, old - wanted)) {
        // What was unmapped already cannot be given back.
        model.unmap(wanted, old - wanted);
        model.brk = wanted;
    }
    return mm().set_brk(page(wanted)) == page(model.brk) ? "" : "another break";
}

// --- accesses, fork, exit --------------------------------------------------------------------------------------------

std::string Twins::access(const Operation& operation, Access access) {
    const std::uint64_t at = operation.first;
    const emu::Pte before = machine.mmu.peek(mm().page_table().root(), page(at));
    const auto kinds = machine.touch(page(at), access);
    const auto refusal = oracle().refusal(at, access);
    const bool fatal = !kinds.empty() && is_fatal(kinds.back());
    if (fatal && kinds.back() == FaultKind::oom) {
        refused_ = true;
        // What is past the end of a file takes tables as well before that shows.
        return starved && refusal.value_or(FaultKind::sigbus) == FaultKind::sigbus ? "" : "out of frames";
    }
    if (fatal && !refusal && kinds.back() == FaultKind::sigbus && could_not_read()) {
        refused_ = true;
        const emu::Pte after = machine.mmu.peek(mm().page_table().root(), page(at));
        return !before.is_swapped() || after == before ? "" : "a page in swap is lost that could not be read";
    }
    if (fatal != refusal.has_value()) return fatal ? "access refused" : "access allowed";
    if (fatal) return kinds.back() == *refusal ? "" : "refused for another reason";
    const emu::Pte pte = machine.mmu.peek(mm().page_table().root(), page(at));
    machine.handler.note_kernel_access(pte.pfn(), access);
    tlb_[at] = {pte.pfn(), access == Access::write};
    return use_page(operation, pte.pfn(), access);
}

// As a debugger does it, whatever the rights.
std::string Twins::force(const Operation& operation, Access access) {
    const std::uint64_t at = operation.first;
    const bool write = access == Access::write;
    const auto pfn = machine.handler.reach(page(at), access, Rights::overridden);
    if (machine.handler.take_oom()) {
        refused_ = true;
        return starved ? "" : "out of frames";
    }
    if (!pfn && could_not_read()) {
        refused_ = true;
        return "";
    }
    const auto found = oracle().pages.find(at);
    const bool is_refused = found == oracle().pages.end() || found->second.past_end() ||
                            (write && found->second.shared && (found->second.prot & prot_write) == 0);
    if (pfn.has_value() == is_refused) return is_refused ? "forced access allowed" : "forced access refused";
    return is_refused ? "" : use_page(operation, *pfn, access);
}

// The page is as it should be, and is written to if `access` says so.
std::string Twins::use_page(const Operation& operation, Pfn pfn, Access access) {
    OraclePage& known = oracle().pages.at(operation.first);
    const auto bytes = machine.ram.frame(pfn);
    Bytes found(page_size);
    std::memcpy(found.data(), bytes.data(), page_size);
    if (!known.may_hold(found)) return "other bytes";
    if (access == Access::read) return "";
    known.settle(found);
    std::uint64_t offset = operation.offset & page_mask;
    // What lies behind the end of a file in its last page is nobody's.
    if (known.shared && known.index * page_size + offset >= known.object->bytes.size()) offset = 0;
    const auto value = static_cast<std::uint8_t>(next_value() | (known.shared ? 0 : private_bit));
    bytes[offset] = std::byte{value};
    oracle().store(operation.first, offset, value);
    return "";
}

std::string Twins::fork(std::size_t parent) {
    auto* const free = std::ranges::find_if(spaces_, [](const Space& space) { return space.mm == nullptr; });
    if (free == spaces_.end()) return "";
    auto forked = spaces_[parent].mm->fork();
    std::string difference = agree("ok", outcome(forked));
    if (!forked) return difference;
    free->mm = std::move(*forked);
    free->oracle = spaces_[parent].oracle.fork();
    return difference;
}

// The last one stays.
std::string Twins::exit(std::size_t space) {
    if (std::ranges::count_if(spaces_, [](const Space& each) { return each.mm != nullptr; }) == 1) return "";
    machine.handler.set_mm(nullptr);
    if (space == current_) flush_tlb();
    spaces_[space].mm.reset();
    spaces_[space].oracle = OracleSpace{};
    return "";
}

// --- comparison ------------------------------------------------------------------------------------------------------

std::string Twins::broken() {
    std::vector<const MmStruct*> live;
    for (const Space& space : spaces_) {
        if (space.mm != nullptr) live.push_back(space.mm.get());
    }
    const std::string lines = machine.broken(live);
    return lines.empty() ? "" : lines + "after " + history;
}

std::string Twins::compare() {
    std::string difference = compare_files();
    if (difference.empty() && alive(current_)) difference = compare_tlb();
    for (Space& space : spaces_) {
        if (space.mm != nullptr && difference.empty()) difference = compare_space(space);
    }
    return difference.empty() ? "" : difference + " after " + history;
}

std::string Twins::compare_space(Space& space) {
    std::size_t mapped = 0;
    for (const Vma* vma = space.mm->vmas().first(); vma != nullptr; vma = vma->next()) {
        const OracleObject* object = nullptr;
        for (std::uint64_t at = page_of(vma->start()); at < page_of(vma->end()); ++at, ++mapped) {
            const auto found = space.oracle.pages.find(at);
            if (found == space.oracle.pages.end()) return "page " + std::to_string(at) + " should not be mapped";
            if (at == page_of(vma->start())) object = found->second.object.get();
            std::string difference = object == found->second.object.get() ? "" : "two objects in one VMA";
            if (difference.empty()) difference = compare_page(*vma, at, found->second);
            if (!difference.empty()) return "page " + std::to_string(at) + ": " + difference;
        }
    }
    return mapped == space.oracle.pages.size() ? "" : "a page is not mapped";
}

std::string Twins::compare_page(const Vma& vma, std::uint64_t at, const OraclePage& known) {
    const VmFlags flags = vma.flags();
    if ((flags & vm_access_flags).bits() != known.prot) return "rights differ";
    if (vma.is_shared() != known.shared || (vma.file() != nullptr) != (known.object != nullptr)) return "kinds differ";
    if (flags.has(vm_dontcopy) != known.dontfork || flags.has(vm_wipeonfork) != known.wipeonfork)
        return "what fork does differs";
    if (known.object != nullptr && vma.page_index(page(at)) != known.index) return "indices differ";
    if (known.past_end()) return "";
    return known.may_hold(peek(vma, page(at))) ? "" : "bytes differ";
}

Bytes Twins::peek(const Vma& vma, VirtAddr address) const {
    Bytes bytes(page_size);
    const auto into = std::as_writable_bytes(std::span(bytes));
    if (const emu::Pte* pte = vma.mm().page_table().find(address); pte != nullptr && pte->is_resident()) {
        std::memcpy(bytes.data(), machine.ram.frame(pte->pfn()).data(), page_size);
    } else if (pte != nullptr && pte->is_swapped()) {
        const auto frame = machine.swap->frame(pte->slot());
        if (!frame) REQUIRE(machine.swap->peek(pte->slot(), into.first<page_size>()).has_value());
        if (frame) std::memcpy(bytes.data(), machine.ram.frame(*frame).data(), page_size);
    } else if (vma.file() != nullptr) {
        REQUIRE(vma.file()->read_uncached(vma.page_index(address) * page_size, into).has_value());
    }
    return bytes;
}

std::string Twins::compare_files() const {
    for (const OpenFile& file : files_) {
        const Bytes& known = file.oracle->bytes;
        if (file.file->size_bytes() != known.size()) return "a file has another size";
        Bytes bytes(known.size());
        REQUIRE(file.file->read_uncached(0, std::as_writable_bytes(std::span(bytes))).has_value());
        if (bytes != known) return "a file has other bytes";
    }
    const auto is_private = [](std::uint8_t byte) { return (byte & private_bit) != 0; };
    return std::ranges::any_of(*files_[0].disk, is_private) ? "private bytes on the disk" : "";
}

}  // namespace fl::mm::test
