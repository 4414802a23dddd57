// Policy: which page leaves memory when a frame is needed. Installed as faultline/policy.hpp: it stands on the standard
// library alone, so that a shared object built against it can bring a policy of its own.
//
// A policy sees pages as small dense numbers, never page tables. The same object serves the running machine and the
// replay of a recorded reference string. It states what it needs; what it does not need it is not told, and does not
// cost.
//
// How a fault on page P goes:
//   1. shrink(P, out), once: a policy of variable allocation names pages that are to leave in any case;
//   2. where no frame is free: choose_victim(P) names one resident page; it is final, the page leaves;
//   3. admit(P): P is resident now. Its accessed bit is set already, as the access that faulted sets it, and its dirty
//   bit
//      where that was a write. A policy that does not count this access clears the bit here.
// Hits are told through reference() and only to policies that need every reference; to the others the accessed bit
// tells of them. The access that faulted is no hit. Step 2 may be taken before Setup::frames pages are resident
// (something else took the frames) and more than once, and step 3 may not follow (the fault failed).
//
// A policy that needs every reference and is of variable allocation is asked to shrink() before each of them. What it
// names is gone, to it, at once. In the machine the program cannot be stopped between two accesses: the page leaves at
// the end of the block of code (a stretch without a jump), or before a fault that comes earlier; accesses in between do
// not fault and are not told of. A page that must not leave by then after all is admitted again.
//
// A page that is not evictable is passed over as if it were not there: its bits and its place stay.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace fl::replacement {

// A page of some process or file, resident or not: 0, 1, 2, ... A number means the same page until forget().
using PageId = std::uint32_t;
inline constexpr PageId no_page = 0xffff'ffff;

enum class Needs : std::uint8_t {
    faults_only,
    accessed_bits,    // and dirty bits: the program runs at full speed
    every_reference,  // every access is reported, which slows the program down
    future,           // for recorded strings only
};

enum class Access : std::uint8_t { read, write };

// What hardware and kernel know of resident pages, and do with them.
class Pages {
public:
    virtual bool accessed(PageId page) const = 0;
    virtual void clear_accessed(PageId page) = 0;
    // Differs from what swap or the file holds: evicting it costs a write.
    virtual bool dirty(PageId page) const = 0;
    // Not pinned: a victim must be evictable.
    virtual bool evictable(PageId page) const = 0;
    // Writes a dirty page back ahead of time, so that it is clean.
    virtual void write_back(PageId page) = 0;
    // In a replay the number of the present reference, from 1; in the machine nanoseconds of virtual time, without
    // those that faults took.
    virtual std::uint64_t time() const = 0;

    bool test_and_clear_accessed(PageId page) {
        const bool was = accessed(page);
        if (was) clear_accessed(page);
        return was;
    }

protected:
    ~Pages() = default;
};

class Policy {
public:
    virtual ~Policy() = default;

    // `page` is resident from now on; it was not before.
    virtual void admit(PageId page, Access access) = 0;
    // The page that leaves so that `incoming` finds a frame: resident and evictable, final. no_page: none is evictable.
    virtual PageId choose_victim(PageId incoming) = 0;
    // A resident page is referenced (hits only), `count` times in a row, the last time now. Needs::every_reference.
    virtual void reference(PageId /*page*/, Access /*access*/, std::uint32_t /*count*/) {}
    // Resident pages that leave whether or not a frame is needed: at each fault, and for Needs::every_reference with
    // variable_allocation() before each reference (`incoming` may be resident then, and may be named). They are final.
    virtual void shrink(PageId /*incoming*/, std::vector<PageId>& /*out*/) {}
    // The page exists no more, resident or not, known or not (it was unmapped, its process ended): the number may come
    // to mean another.
    virtual void forget(PageId page) = 0;
    // Called every so many references in a replay, nanoseconds of virtual time in the machine; 0: never.
    virtual std::uint64_t tick_interval() const { return 0; }
    virtual void tick() {}
    virtual bool variable_allocation() const { return false; }
    // What it would say for itself: where the hand is, how long its lists are. One line.
    virtual std::string state() const { return {}; }
    // What it keeps of one page, resident or not: "in T2", "counter 01111000". A few words.
    virtual std::string describe(PageId /*page*/) const { return {}; }
};

// What a policy is made from.
struct Setup {
    std::uint32_t frames;    // resident pages at most, 1 or more
    Pages& pages;            // outlives the policy
    std::uint64_t seed = 0;  // of all that is random in it
    // As many as the policy's PolicyInfo has parameters, in their order; defaults filled in, limits checked.
    std::vector<double> parameters{};
};

struct Parameter {
    const char* name;
    const char* meaning;
    double default_value, least, most;
    bool is_whole = true;                // no fractions
    std::vector<const char*> choices{};  // names for 0, 1, 2, ...: then one of them is given
};

struct PolicyInfo {
    const char* name;
    const char* title;   // "second chance on a circular list"
    const char* source;  // author, title, where, year
    Needs needs;
    std::vector<Parameter> parameters;
    std::unique_ptr<Policy> (*make)(const Setup&);  // nullptr: Needs::future
};

// A shared object has one function of this name and type:
//   extern "C" const fl::replacement::Plugin* faultline_policy();
struct Plugin {
    std::uint32_t version;  // policy_version, as its header had it
    PolicyInfo info;
};
inline constexpr std::uint32_t policy_version = 1;

}  // namespace fl::replacement
