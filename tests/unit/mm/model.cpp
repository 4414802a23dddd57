// The address space against a naive one: a map from page to what is known of it. Every short sequence of operations
// over four pages, and long random ones, with plenty of frames and with allocations that fail.
#include "tests/unit/mm/machine.hpp"

#include <cstring>
#include <map>
#include <random>
#include <sstream>

namespace fl::mm {

using emu::Access;
using test::base_address;
using test::Machine;
using test::page;

namespace {

enum class Sharing : std::uint8_t { private_anonymous, shared_anonymous, private_file };

// One page as a program sees it.
struct ModelPage {
    std::uint64_t prot = 0;
    Sharing sharing{};
    // Private: its own byte once written. Shared: which object, and the page in it.
    std::optional<std::uint8_t> own;
    std::uint64_t object = 0;
    std::uint64_t index = 0;
};

constexpr std::uint64_t file_page_count = 3;
std::uint8_t file_byte(std::uint64_t index) { return static_cast<std::uint8_t>(200 + index); }

struct Model {
    std::map<std::uint64_t, ModelPage> pages;
    std::map<std::pair<std::uint64_t, std::uint64_t>, std::uint8_t> shared;  // (object, index) -> byte
    std::uint64_t last_object = 0;

    void map(std::uint64_t first, std::uint64_t count, std::uint64_t prot, Sharing sharing) {
        ++last_object;
        for (std::uint64_t i = 0; i < count; ++i) {
            pages[first + i] = ModelPage{prot, sharing, std::nullopt, last_object, i};
        }
    }
    void unmap(std::uint64_t first, std::uint64_t count) {
        for (std::uint64_t i = 0; i < count; ++i) pages.erase(first + i);
    }
    // Returns whether there was no hole; pages before the first hole are changed.
    bool protect(std::uint64_t first, std::uint64_t count, std::uint64_t prot) {
        for (std::uint64_t i = 0; i < count; ++i) {
            const auto found = pages.find(first + i);
            if (found == pages.end()) return false;
            found->second.prot = prot;
        }
        return true;
    }
    bool forget(std::uint64_t first, std::uint64_t count) {
        bool whole = true;
        for (std::uint64_t i = 0; i < count; ++i) {
            const auto found = pages.find(first + i);
            if (found == pages.end())
                whole = false;
            else
                found->second.own.reset();
        }
        return whole;
    }
    // The fatal fault that an access takes; nullopt where it is allowed.
    std::optional<FaultKind> refusal(std::uint64_t at, Access access) const {
        const auto found = pages.find(at);
        if (found == pages.end()) return FaultKind::segv_maperr;
        const ModelPage& model = found->second;
        if (model.prot == 0 || (access == Access::write && (model.prot & prot_write) == 0))
            return FaultKind::segv_accerr;
        const bool past_end = model.sharing == Sharing::private_file && model.index >= file_page_count && !model.own;
        return past_end ? std::optional(FaultKind::sigbus) : std::nullopt;
    }
    std::uint8_t load(std::uint64_t at) const {
        const ModelPage& model = pages.at(at);
        if (model.sharing == Sharing::shared_anonymous) {
            const auto found = shared.find({model.object, model.index});
            return found == shared.end() ? 0 : found->second;
        }
        if (model.own) return *model.own;
        return model.sharing == Sharing::private_file ? file_byte(model.index) : 0;
    }
    void store(std::uint64_t at, std::uint8_t value) {
        ModelPage& model = pages.at(at);
        if (model.sharing == Sharing::shared_anonymous) {
            shared[{model.object, model.index}] = value;
        } else {
            model.own = value;
        }
    }
};

struct Operation {
    enum class Kind : std::uint8_t { map, unmap, protect, forget, brk, load, store };
    Kind kind;
    std::uint64_t first = 0;
    std::uint64_t count = 1;
    std::uint64_t prot = 0;
    Sharing sharing = Sharing::private_anonymous;

    std::string text() const {
        static constexpr const char* names[] = {"map", "unmap", "protect", "dontneed", "brk", "load", "store"};
        std::ostringstream out;
        out << names[static_cast<int>(kind)] << "(" << first << "+" << count << " prot " << prot << " sharing "
            << static_cast<int>(sharing) << ") ";
        return out.str();
    }
};

// Pages of the window; the heap starts at heap_page and grows towards the window's end.
constexpr std::uint64_t heap_page = 16;

class Twins {
public:
    explicit Twins(std::uint64_t frames) : machine(frames) {
        std::vector<std::byte> bytes(file_page_count * page_size);
        for (std::uint64_t i = 0; i < file_page_count; ++i) {
            std::memset(bytes.data() + i * page_size, file_byte(i), page_size);
        }
        file = machine.open(std::move(bytes));
        machine.mm->set_start_brk(page(heap_page));
        model_brk = heap_page;
    }

    // Applies the operation to both; empty where they agree.
    std::string step(const Operation& operation) {
        history += operation.text();
        const std::string difference = apply(operation);
        machine.observer.events.clear();
        return difference.empty() ? "" : difference + " after " + history;
    }
    // Compares each page's rights and, where it can be read, its byte; finds pages that are mapped in one only.
    std::string compare(std::uint64_t page_count) {
        for (std::uint64_t i = 0; i < page_count; ++i) {
            const Vma* vma = machine.mm->vmas().find(page(i));
            const bool mapped = vma != nullptr && vma->start() <= page(i);
            const auto found = model.pages.find(i);
            if (mapped != (found != model.pages.end()))
                return "page " + std::to_string(i) + " mapped in one only, " + history;
            if (!mapped) continue;
            const std::uint64_t rights = (vma->flags() & vm_access_flags).bits();
            if (rights != found->second.prot) return "page " + std::to_string(i) + ": rights differ, " + history;
            if (!model.refusal(i, Access::read)) {
                const std::string difference = apply(Operation{.kind = Operation::Kind::load, .first = i});
                machine.observer.events.clear();
                if (!difference.empty()) return difference + " at the end of " + history;
            }
        }
        return "";
    }
    std::string broken() {
        const std::string lines = machine.broken();
        return lines.empty() ? "" : lines + "after " + history;
    }

    Machine machine;
    Model model;
    std::shared_ptr<File> file;
    std::uint64_t model_brk = 0;
    bool starved = false;  // an access may end in oom
    std::string history;

private:
    std::string apply(const Operation& operation) {
        switch (operation.kind) {
            case Operation::Kind::map: return map(operation);
            case Operation::Kind::unmap:
                model.unmap(operation.first, operation.count);
                return same(true, machine.mm->unmap(page(operation.first), operation.count * page_size).has_value());
            case Operation::Kind::protect:
                return same(model.protect(operation.first, operation.count, operation.prot),
                            machine.mm->protect(page(operation.first), operation.count * page_size, operation.prot)
                                .has_value());
            case Operation::Kind::forget:
                return same(model.forget(operation.first, operation.count),
                            machine.mm->advise(page(operation.first), operation.count * page_size, 4).has_value());
            case Operation::Kind::brk: return brk(operation.first);
            case Operation::Kind::load: return access(operation.first, Access::read);
            case Operation::Kind::store: return access(operation.first, Access::write);
        }
        return "?";
    }
    static std::string same(bool model_succeeds, bool ours_succeeds) {
        if (model_succeeds == ours_succeeds) return "";
        return model_succeeds ? "refused, should succeed" : "succeeded, should be refused";
    }
    std::string map(const Operation& operation) {
        std::uint64_t flags = map_fixed;
        flags |= operation.sharing == Sharing::shared_anonymous ? map_shared : map_private;
        const bool of_file = operation.sharing == Sharing::private_file;
        if (!of_file) flags |= map_anonymous;
        model.map(operation.first, operation.count, operation.prot, operation.sharing);
        return same(true,
                    machine.map(page(operation.first), operation.count, operation.prot, flags, of_file ? file : nullptr)
                        .has_value());
    }
    std::string brk(std::uint64_t wanted) {
        // A page must stay free between the break and what lies above.
        bool free = true;
        for (std::uint64_t i = model_brk; i <= wanted && wanted > model_brk; ++i)
            free = free && !model.pages.contains(i);
        // What was unmapped already cannot be given back.
        bool something = wanted >= model_brk;
        for (std::uint64_t i = wanted; i < model_brk; ++i) something = something || model.pages.contains(i);
        free = free && something;
        if (wanted >= heap_page && free) {
            for (std::uint64_t i = model_brk; i < wanted; ++i) {
                model.pages[i] = ModelPage{prot_read | prot_write, Sharing::private_anonymous, std::nullopt, 0, 0};
            }
            for (std::uint64_t i = wanted; i < model_brk; ++i) model.pages.erase(i);
            model_brk = wanted;
        }
        return machine.mm->set_brk(page(wanted)) == page(model_brk) ? "" : "another break";
    }
    std::string access(std::uint64_t at, Access access) {
        const auto kinds = machine.touch(page(at), access);
        const auto refusal = model.refusal(at, access);
        const bool fatal = !kinds.empty() && is_fatal(kinds.back());
        if (fatal && kinds.back() == FaultKind::oom) return starved ? "" : "out of frames";
        if (fatal != refusal.has_value()) return fatal ? "access refused" : "access allowed";
        if (fatal) return kinds.back() == *refusal ? "" : "refused for another reason";
        std::byte& byte = machine.byte(page(at));
        if (static_cast<std::uint8_t>(byte) != model.load(at)) return "another byte";
        if (access == Access::write) {
            const auto value = static_cast<std::uint8_t>(++last_value_ % 199 + 1);
            byte = std::byte{value};
            model.store(at, value);
        }
        return "";
    }

    unsigned last_value_ = 0;
};

// The alphabet of the exhaustive test: what matters over four pages.
std::vector<Operation> short_alphabet() {
    using Kind = Operation::Kind;
    const std::uint64_t rw = prot_read | prot_write;
    return {
        {.kind = Kind::map, .first = 0, .count = 4, .prot = rw},
        {.kind = Kind::map, .first = 1, .count = 2, .prot = prot_read},
        {.kind = Kind::map, .first = 0, .count = 4, .prot = rw, .sharing = Sharing::private_file},
        {.kind = Kind::map, .first = 1, .count = 3, .prot = rw, .sharing = Sharing::shared_anonymous},
        {.kind = Kind::unmap, .first = 1},
        {.kind = Kind::unmap, .first = 0, .count = 4},
        {.kind = Kind::protect, .first = 2, .count = 2, .prot = prot_read},
        {.kind = Kind::protect, .first = 1, .count = 2, .prot = 0},
        {.kind = Kind::protect, .first = 0, .count = 4, .prot = rw},
        {.kind = Kind::forget, .first = 1, .count = 2},
        {.kind = Kind::brk, .first = heap_page + 2},
        {.kind = Kind::brk, .first = heap_page},
        {.kind = Kind::load, .first = 2},
        {.kind = Kind::store, .first = 2},
        {.kind = Kind::store, .first = 0},
        {.kind = Kind::store, .first = heap_page + 1},
    };
}

Operation random_operation(std::mt19937_64& random, std::uint64_t pages) {
    using Kind = Operation::Kind;
    static constexpr Kind kinds[] = {Kind::map,    Kind::map,   Kind::unmap, Kind::protect, Kind::protect,
                                     Kind::forget, Kind::brk,   Kind::load,  Kind::load,    Kind::store,
                                     Kind::store,  Kind::store, Kind::store};
    Operation operation{.kind = kinds[random() % std::size(kinds)]};
    operation.first = random() % pages;
    operation.count = 1 + random() % std::min<std::uint64_t>(4, pages - operation.first);
    operation.prot = random() % 3 == 0 ? random() % 8 : prot_read | prot_write;
    operation.sharing = static_cast<Sharing>(random() % 3);
    if (operation.kind == Kind::brk) operation.first = heap_page + random() % 8;
    return operation;
}

}  // namespace

TEST_CASE("model: every sequence of up to four operations over four pages") {
    const std::vector<Operation> alphabet = short_alphabet();
    const std::size_t letters = alphabet.size();
    std::size_t sequences = 0;
    for (std::size_t a = 0; a < letters; ++a) {
        for (std::size_t b = 0; b < letters; ++b) {
            for (std::size_t c = 0; c < letters; ++c) {
                for (std::size_t d = 0; d < letters; ++d) {
                    Twins twins(32);
                    std::string wrong;
                    for (const std::size_t letter : {a, b, c, d}) {
                        // Prefixes were looked at when the letters behind them were the first ones.
                        wrong += twins.step(alphabet[letter]);
                    }
                    if (d == 0 || d % 4 == a % 4) wrong += twins.broken();
                    wrong += twins.compare(heap_page + 4);
                    wrong += twins.broken();
                    if (!wrong.empty()) FAIL(wrong);
                    ++sequences;
                }
            }
        }
    }
    CHECK(sequences == letters * letters * letters * letters);
}

TEST_CASE("model: long random sequences") {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        CAPTURE(seed);
        std::mt19937_64 random(seed);
        Twins twins(128);
        const std::uint64_t pages = seed % 2 == 0 ? 6 : 24;
        for (int i = 0; i < 150; ++i) {
            REQUIRE(twins.step(random_operation(random, pages)) == "");
            REQUIRE(twins.broken() == "");
        }
        REQUIRE(twins.compare(pages + 12) == "");
        const PageCount used = twins.machine.memory.used_page_count();
        CHECK(used > PageCount(2));
        twins.machine.handler.set_mm(nullptr);
        twins.machine.mm.reset();
        twins.file.reset();
        CHECK(twins.machine.memory.used_page_count() == PageCount(2));
    }
}

TEST_CASE("model: the same with hardly any frames: what is refused for want of memory changes nothing else") {
    std::size_t out_of_memory = 0;
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        CAPTURE(seed);
        std::mt19937_64 random(seed);
        Twins twins(12);  // two of the machine, four tables, six for up to 24 pages
        twins.starved = true;
        for (int i = 0; i < 150; ++i) {
            REQUIRE(twins.step(random_operation(random, 24)) == "");
            REQUIRE(twins.broken() == "");
        }
        out_of_memory += twins.machine.handler.counters().of(FaultKind::oom);
        REQUIRE(twins.machine.mm->unmap(page(10), 100 * page_size).has_value());
        twins.model.unmap(10, 100);
        REQUIRE(twins.compare(10) == "");
        REQUIRE(twins.broken() == "");
    }
    CHECK(out_of_memory > 0);
}

TEST_CASE("model: the same with allocations that fail in turn") {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        CAPTURE(seed);
        std::mt19937_64 random(seed);
        Twins twins(128);
        twins.starved = true;
        for (int i = 0; i < 150; ++i) {
            twins.machine.memory.buddy().fail_after(random() % 4);
            REQUIRE(twins.step(random_operation(random, 12)) == "");
            REQUIRE(twins.broken() == "");
        }
        twins.machine.memory.buddy().fail_after(std::nullopt);
        twins.starved = false;
        REQUIRE(twins.compare(heap_page + 8) == "");
    }
}

}  // namespace fl::mm
