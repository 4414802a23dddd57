// The memory manager against a naive one (model_oracle.hpp): every short sequence of operations over a few pages, from
// an empty address space and from a prepared one, with plenty of frames and with every allocation failing in turn.
#include "tests/unit/mm/model_support.hpp"

namespace fl::mm {

using namespace test;

namespace {

using Kind = Operation::Kind;
using Operations = std::vector<Operation>;

constexpr std::uint64_t rw = prot_read | prot_write;

// What matters over four pages of one address space.
Operations map_alphabet() {
    return {
        {.kind = Kind::map, .first = 0, .count = 4},
        {.kind = Kind::map, .first = 1, .count = 2, .prot = prot_read},
        {.kind = Kind::map, .first = 0, .count = 4, .backing = Backing::private_file},
        {.kind = Kind::map, .first = 1, .count = 3, .backing = Backing::shared_anonymous},
        {.kind = Kind::unmap, .first = 1},
        {.kind = Kind::unmap, .first = 0, .count = 4},
        {.kind = Kind::protect, .first = 2, .count = 2, .prot = prot_read},
        {.kind = Kind::protect, .first = 1, .count = 2, .prot = 0},
        {.kind = Kind::protect, .first = 0, .count = 4, .prot = rw},
        {.kind = Kind::advise, .first = 1, .count = 2, .advice = test::madv_dontneed},
        {.kind = Kind::brk, .first = heap_page + 2},
        {.kind = Kind::brk, .first = heap_page},
        {.kind = Kind::load, .first = 2},
        {.kind = Kind::store, .first = 2},
        {.kind = Kind::store, .first = 0},
        {.kind = Kind::store, .first = heap_page + 1},
    };
}

// Private memory, a file's private copy and shared memory side by side, each touched.
Operations remap_start() {
    return {
        {.kind = Kind::map, .first = 0, .count = 2},
        {.kind = Kind::store, .first = 0},
        {.kind = Kind::store, .first = 1},
        {.kind = Kind::map, .first = 2, .count = 1, .backing = Backing::shared_anonymous},
        {.kind = Kind::store, .first = 2},
        {.kind = Kind::map, .first = 3, .count = 1, .backing = Backing::private_file, .pgoff = 1},
        {.kind = Kind::load, .first = 3},
    };
}

Operations remap_alphabet() {
    constexpr std::uint64_t move = mremap_maymove, fixed = mremap_maymove | mremap_fixed;
    constexpr std::uint64_t keep = mremap_maymove | mremap_dontunmap;
    return {
        {.kind = Kind::remap, .first = 0, .count = 2, .new_count = 1},
        {.kind = Kind::remap, .first = 0, .count = 1, .new_count = 2},
        {.kind = Kind::remap, .first = 3, .count = 1, .new_count = 3},
        {.kind = Kind::remap, .first = 2, .count = 1, .new_count = 2, .flags = move},
        {.kind = Kind::remap, .first = 0, .count = 4, .new_count = 4, .flags = fixed, .target = 600},
        {.kind = Kind::remap, .first = 600, .count = 3, .new_count = 3, .flags = fixed, .target = 1},
        {.kind = Kind::remap, .first = 0, .count = 1, .new_count = 2, .flags = fixed, .target = 2},
        {.kind = Kind::remap, .first = 1, .count = 2, .new_count = 2, .flags = fixed | keep, .target = 3},
        {.kind = Kind::remap, .first = 2, .count = 0, .new_count = 1, .flags = fixed, .target = 0},
        {.kind = Kind::remap, .first = 0, .count = 1, .new_count = 1, .flags = keep, .target = 5},
        {.kind = Kind::store, .first = 1},
        {.kind = Kind::store, .first = 3},
        {.kind = Kind::unmap, .first = 2},
    };
}

// Four pages of four kinds; the file's two are its first one, mapped privately and not copied, and its last one.
Operations family_start() {
    return {
        {.kind = Kind::map, .first = 0, .count = 1},
        {.kind = Kind::store, .first = 0},
        {.kind = Kind::map, .first = 1, .count = 1, .backing = Backing::shared_anonymous},
        {.kind = Kind::store, .first = 1},
        {.kind = Kind::map, .first = 2, .count = 1, .backing = Backing::private_file},
        {.kind = Kind::load, .first = 2},
        {.kind = Kind::map, .first = 3, .count = 1, .backing = Backing::shared_file, .pgoff = 2},
        {.kind = Kind::store, .first = 3},
    };
}

Operations family_alphabet() {
    return {
        {.kind = Kind::fork},
        {.kind = Kind::exit, .space = 0},
        {.kind = Kind::exit, .space = 1},
        {.kind = Kind::store, .first = 0, .space = 0},
        {.kind = Kind::store, .first = 0, .space = 1},
        {.kind = Kind::store, .first = 1, .space = 1},
        {.kind = Kind::store, .first = 2, .space = 1},
        {.kind = Kind::store, .first = 3, .space = 1},
        {.kind = Kind::advise, .first = 0, .count = 2, .advice = test::madv_dontfork},
        {.kind = Kind::advise, .first = 0, .count = 1, .advice = test::madv_wipeonfork},
        {.kind = Kind::file_write, .offset = 100, .length = page_size},
        {.kind = Kind::file_resize, .length = 50},
        {.kind = Kind::file_resize, .length = 3 * page_size},
        {.kind = Kind::file_punch, .offset = 0, .length = 3 * page_size},
        {.kind = Kind::file_write_back},
    };
}

std::string run(Twins& twins, const Operations& operations) {
    std::string wrong;
    for (const Operation& operation : operations) wrong += twins.step(operation);
    return wrong;
}

// Calls visit(sequence) for every sequence of `length` letters; returns how many there are.
template <class Visit>
std::size_t for_each_sequence(const Operations& alphabet, unsigned length, Visit&& visit) {
    std::size_t total = 1;
    for (unsigned i = 0; i < length; ++i) total *= alphabet.size();
    for (std::size_t number = 0; number < total; ++number) {
        Operations sequence;
        for (std::size_t rest = number; sequence.size() < length; rest /= alphabet.size()) {
            sequence.push_back(alphabet[rest % alphabet.size()]);
        }
        visit(sequence);
    }
    return total;
}

// verify() and the oracle are asked at the end of each sequence: what is its prefix is a sequence of its own when
// `length` is less, or ends in a letter that does nothing.
void check_all_sequences(const Operations& start, const Operations& alphabet, unsigned longest) {
    for (unsigned length = 1; length <= longest; ++length) {
        for_each_sequence(alphabet, length, [&](const Operations& sequence) {
            Twins twins(64);
            std::string wrong = run(twins, start) + run(twins, sequence);
            wrong += twins.compare();
            wrong += twins.broken();
            if (!wrong.empty()) FAIL(wrong);
            if (twins.used_frames_after_all() != PageCount(2)) FAIL("frames are lost after " << twins.history);
        });
    }
}

// The last operation of each sequence with its first, second... allocation failing, and those behind it.
void check_failing_allocations(const Operations& start, const Operations& alphabet, unsigned longest) {
    constexpr std::uint64_t most_allocations = 9;
    std::size_t refused = 0;
    for (unsigned length = 1; length <= longest; ++length) {
        for_each_sequence(alphabet, length, [&](Operations sequence) {
            const Operation last = sequence.back();
            sequence.pop_back();
            for (std::uint64_t successes = 0; successes < most_allocations; ++successes) {
                Twins twins(64);
                std::string wrong = run(twins, start) + run(twins, sequence);
                twins.starved = true;
                twins.machine.memory.buddy().fail_after(successes);
                wrong += twins.step(last);
                const bool was_refused = twins.refused > 0;
                wrong += twins.broken();
                twins.machine.memory.buddy().fail_after(std::nullopt);
                wrong += twins.compare();
                // What was refused works once there is memory.
                twins.starved = false;
                wrong += twins.step(last) + twins.compare() + twins.broken();
                if (!wrong.empty()) FAIL(wrong << " with " << successes << " allocations");
                if (twins.used_frames_after_all() != PageCount(2)) FAIL("frames are lost after " << twins.history);
                refused += was_refused ? 1 : 0;
                if (!was_refused) break;
            }
        });
    }
    CHECK(refused > 0);
}

}  // namespace

TEST_CASE("model: every sequence of up to four operations over four pages") {
    check_all_sequences({}, map_alphabet(), 4);
}

TEST_CASE("model: mremap: every sequence of up to three operations over four pages of three kinds") {
    check_all_sequences(remap_start(), remap_alphabet(), 3);
}

TEST_CASE("model: fork and files: every sequence of up to four operations over four pages of four kinds") {
    check_all_sequences(family_start(), family_alphabet(), 4);
}

TEST_CASE("model: the last of up to three operations with each allocation failing") {
    check_failing_allocations({}, map_alphabet(), 3);
    check_failing_allocations(remap_start(), remap_alphabet(), 3);
    check_failing_allocations(family_start(), family_alphabet(), 3);
}

}  // namespace fl::mm
