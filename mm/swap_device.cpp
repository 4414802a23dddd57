#include "mm/swap_device.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace fl::mm {

namespace {

// All of it, whatever the host makes of one call.
template <class Transfer, class Byte>
bool transfer_all(Transfer transfer, int descriptor, Byte* bytes, std::uint64_t offset) {
    for (std::uint64_t done = 0; done < page_size;) {
        const ssize_t count = transfer(descriptor, bytes + done, page_size - done, static_cast<off_t>(offset + done));
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return false;
        done += static_cast<std::uint64_t>(count);
    }
    return true;
}

bool fails(std::uint64_t every, std::uint64_t transfers) { return every != 0 && transfers % every == 0; }

}  // namespace

tl::expected<std::unique_ptr<SwapDevice>, std::string> SwapDevice::create(const SwapOptions& options) {
    const auto problem = [&](const char* what) {
        return tl::unexpected(fmt::format("{}: {}: {}", options.file, what, std::strerror(errno)));
    };
    FL_ASSERT(options.slots.value() <= max_slot_count);
    if (!options.file.empty()) {
        const int descriptor = ::open(options.file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (descriptor < 0) return problem("cannot be opened");
        if (::ftruncate(descriptor, static_cast<off_t>(options.slots.bytes())) != 0) {
            auto error = problem("cannot be given the size of the swap space");
            ::close(descriptor);
            return error;
        }
        return std::unique_ptr<SwapDevice>(new SwapDevice(options, descriptor, nullptr));
    }
    void* memory = nullptr;
    if (options.slots > PageCount(0)) {
        memory = ::mmap(nullptr, options.slots.bytes(), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED) {
            return tl::unexpected(
                fmt::format("{} MiB of swap space: {}", options.slots.bytes() >> 20, std::strerror(errno)));
        }
    }
    return std::unique_ptr<SwapDevice>(new SwapDevice(options, -1, static_cast<std::byte*>(memory)));
}

SwapDevice::SwapDevice(const SwapOptions& options, int descriptor, std::byte* memory)
    : slot_count_(options.slots),
      path_(options.file),
      descriptor_(descriptor),
      memory_(memory),
      errors_(options.errors) {}

SwapDevice::~SwapDevice() {
    if (memory_ != nullptr) ::munmap(memory_, slot_count_.bytes());
    if (descriptor_ >= 0) ::close(descriptor_);
}

std::optional<SwapDevice::Allocation> SwapDevice::allocate(Pfn pfn, std::uint32_t page_id) {
    std::optional<Pfn> loser;
    if (free_slot_count() == PageCount(0)) {
        const auto spare = find_spare();
        if (!spare) return std::nullopt;
        loser = frame(*spare);
        (void)untie(*spare);
    }
    std::uint32_t number = static_cast<std::uint32_t>(slots_.size());
    if (!free_.empty()) {
        number = free_.back();
        free_.pop_back();
    } else {
        slots_.emplace_back();
    }
    slots_[number] =
        Slot{.references = 0, .frame = static_cast<std::uint32_t>(pfn.value()), .page_id = page_id, .used = true};
    used_ += PageCount(1);
    spare_ += PageCount(1);
    return Allocation{SwapSlot(number), loser};
}

std::optional<SwapSlot> SwapDevice::find_spare() {
    if (spare_ == PageCount(0)) return std::nullopt;
    for (;;) {
        spare_hand_ = (spare_hand_ + 1) % slots_.size();
        const Slot& slot = slots_[spare_hand_];
        if (slot.used && slot.references == 0) return SwapSlot(spare_hand_);
    }
}

void SwapDevice::add_reference(SwapSlot slot) {
    if (at(slot).references++ == 0) spare_ -= PageCount(1);
}

std::uint32_t SwapDevice::drop_reference(SwapSlot slot) {
    Slot& entry = at(slot);
    FL_ASSERT(entry.references > 0);
    if (--entry.references > 0) return entry.references;
    spare_ += PageCount(1);
    if (entry.frame == 0) release(slot);
    return 0;
}

std::optional<Pfn> SwapDevice::frame(SwapSlot slot) const {
    const std::uint32_t number = at(slot).frame;
    return number == 0 ? std::nullopt : std::optional(Pfn(number));
}

void SwapDevice::tie(SwapSlot slot, Pfn pfn) {
    FL_ASSERT(at(slot).frame == 0);
    at(slot).frame = static_cast<std::uint32_t>(pfn.value());
}

void SwapDevice::move_tie(SwapSlot slot, Pfn pfn) {
    FL_ASSERT(at(slot).frame != 0);
    at(slot).frame = static_cast<std::uint32_t>(pfn.value());
}

bool SwapDevice::untie(SwapSlot slot) {
    Slot& entry = at(slot);
    FL_ASSERT(entry.frame != 0);
    entry.frame = 0;
    if (entry.references > 0) return false;
    release(slot);
    return true;
}

void SwapDevice::release(SwapSlot slot) {
    slots_[slot.value()] = Slot{};
    free_.push_back(static_cast<std::uint32_t>(slot.value()));
    used_ -= PageCount(1);
    spare_ -= PageCount(1);
}

Result<void> SwapDevice::write(SwapSlot slot, std::span<const std::byte, page_size> page) {
    const std::uint64_t number = slot.value();
    FL_ASSERT(at(slot).used);
    if (fails(errors_.every_write, ++counters_.writes)) {
        ++counters_.write_errors;
        return fail(Errno::eio);
    }
    if (descriptor_ >= 0) {
        if (transfer_all(::pwrite, descriptor_, page.data(), number * page_size)) return {};
        ++counters_.write_errors;
        return fail(Errno::eio);
    }
    std::memcpy(memory_ + number * page_size, page.data(), page_size);
    return {};
}

Result<void> SwapDevice::read(SwapSlot slot, emu::FrameBytes into) {
    if (fails(errors_.every_read, ++counters_.reads)) {
        ++counters_.read_errors;
        return fail(Errno::eio);
    }
    const auto done = peek(slot, into);
    if (!done) ++counters_.read_errors;
    return done;
}

Result<void> SwapDevice::peek(SwapSlot slot, emu::FrameBytes into) const {
    const std::uint64_t number = slot.value();
    FL_ASSERT(at(slot).used);
    if (descriptor_ >= 0) {
        if (transfer_all(::pread, descriptor_, into.data(), number * page_size)) return {};
        return fail(Errno::eio);
    }
    std::memcpy(into.data(), memory_ + number * page_size, page_size);
    return {};
}

}  // namespace fl::mm
