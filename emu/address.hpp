// Addresses, page numbers and counts as distinct types, so that a virtual address cannot be passed for a physical
// one, nor a frame number for a byte offset.
//
// Invariants: construction from an integer is explicit; arithmetic that would wrap is a bug (asserted) unless it goes
// through a checked_ function; subtracting two addresses gives a byte count.
#pragma once

#include "emu/assert.hpp"

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>

namespace fl {

inline constexpr unsigned page_shift = 12;
inline constexpr std::uint64_t page_size = std::uint64_t{1} << page_shift;
inline constexpr std::uint64_t page_mask = page_size - 1;

namespace detail {

// What VirtAddr and PhysAddr share: a byte position that knows pages.
template <class Self>
class Address {
public:
    constexpr Address() = default;
    constexpr explicit Address(std::uint64_t value) : value_(value) {}

    constexpr std::uint64_t value() const { return value_; }
    constexpr std::uint64_t page_offset() const { return value_ & page_mask; }
    constexpr bool page_aligned() const { return page_offset() == 0; }
    constexpr Self page_floor() const { return Self(value_ & ~page_mask); }
    constexpr Self page_ceil() const {
        FL_ASSERT(value_ <= ~page_mask);
        return Self((value_ + page_mask) & ~page_mask);
    }
    constexpr std::optional<Self> checked_add(std::uint64_t bytes) const {
        if (value_ + bytes < value_) return std::nullopt;
        return Self(value_ + bytes);
    }

    friend constexpr auto operator<=>(const Address&, const Address&) = default;
    friend constexpr Self operator+(Self address, std::uint64_t bytes) {
        FL_ASSERT(address.value() + bytes >= address.value());
        return Self(address.value() + bytes);
    }
    friend constexpr Self operator-(Self address, std::uint64_t bytes) {
        FL_ASSERT(address.value() >= bytes);
        return Self(address.value() - bytes);
    }
    friend constexpr std::uint64_t operator-(Self high, Self low) {
        FL_ASSERT(high.value() >= low.value());
        return high.value() - low.value();
    }

protected:
    std::uint64_t value_ = 0;
};

// What page numbers and counts share.
template <class Self>
class Index {
public:
    constexpr Index() = default;
    constexpr explicit Index(std::uint64_t value) : value_(value) {}

    constexpr std::uint64_t value() const { return value_; }
    friend constexpr auto operator<=>(const Index&, const Index&) = default;

protected:
    std::uint64_t value_ = 0;
};

}  // namespace detail

// A number of 4 KiB pages.
class PageCount : public detail::Index<PageCount> {
public:
    using Index::Index;
    constexpr std::uint64_t bytes() const {
        FL_ASSERT(value_ <= (~std::uint64_t{0} >> page_shift));
        return value_ << page_shift;
    }
    static constexpr PageCount of_bytes(std::uint64_t size_bytes) {
        return PageCount((size_bytes >> page_shift) + ((size_bytes & page_mask) != 0 ? 1 : 0));
    }
    constexpr PageCount& operator+=(PageCount other) {
        FL_ASSERT(value_ + other.value_ >= value_);
        value_ += other.value_;
        return *this;
    }
    constexpr PageCount& operator-=(PageCount other) {
        FL_ASSERT(value_ >= other.value_);
        value_ -= other.value_;
        return *this;
    }
    friend constexpr PageCount operator+(PageCount a, PageCount b) { return a += b; }
    friend constexpr PageCount operator-(PageCount a, PageCount b) { return a -= b; }
};

class PhysAddr;

// Page frame number: which 4 KiB frame of RAM.
class Pfn : public detail::Index<Pfn> {
public:
    using Index::Index;
    constexpr PhysAddr address() const;
    friend constexpr Pfn operator+(Pfn pfn, std::uint64_t frames) { return Pfn(pfn.value() + frames); }
    friend constexpr std::uint64_t operator-(Pfn high, Pfn low) {
        FL_ASSERT(high.value() >= low.value());
        return high.value() - low.value();
    }
};

class PhysAddr : public detail::Address<PhysAddr> {
public:
    using Address::Address;
    constexpr Pfn pfn() const { return Pfn(value_ >> page_shift); }
};

constexpr PhysAddr Pfn::address() const { return PhysAddr(value_ << page_shift); }

// Virtual page number: a virtual address without its page offset.
class Vpn : public detail::Index<Vpn> {
public:
    using Index::Index;
};

class VirtAddr : public detail::Address<VirtAddr> {
public:
    using Address::Address;
    constexpr Vpn vpn() const { return Vpn(value_ >> page_shift); }

    // Bits 63..47 all equal (Intel SDM vol. 1, 3.3.7.1).
    constexpr bool canonical() const {
        const std::uint64_t top = value_ >> 47;
        return top == 0 || top == 0x1ffff;
    }
    // Index into the page table of `level` (1 = PTE table .. 4 = PGD).
    constexpr unsigned table_index(unsigned level) const {
        return static_cast<unsigned>(value_ >> (page_shift + 9 * (level - 1))) & 511U;
    }
};

// A half-open range of virtual addresses, [start, end).
struct VirtRange {
    VirtAddr start;
    VirtAddr end;

    constexpr std::uint64_t size_bytes() const { return end - start; }
    constexpr PageCount page_count() const { return PageCount::of_bytes(size_bytes()); }
    constexpr bool contains(VirtAddr address) const { return start <= address && address < end; }
    constexpr bool overlaps(VirtRange other) const { return start < other.end && other.start < end; }
    constexpr bool empty() const { return start == end; }
    friend constexpr bool operator==(const VirtRange&, const VirtRange&) = default;
};

}  // namespace fl

template <>
struct std::hash<fl::VirtAddr> {
    std::size_t operator()(fl::VirtAddr address) const noexcept { return std::hash<std::uint64_t>()(address.value()); }
};
template <>
struct std::hash<fl::Vpn> {
    std::size_t operator()(fl::Vpn vpn) const noexcept { return std::hash<std::uint64_t>()(vpn.value()); }
};
template <>
struct std::hash<fl::Pfn> {
    std::size_t operator()(fl::Pfn pfn) const noexcept { return std::hash<std::uint64_t>()(pfn.value()); }
};
