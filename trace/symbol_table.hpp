// SymbolTable: which function or object of an ELF file an address belongs to.
//
// The file is untrusted: names are cut to a sane length, symbols that point outside their section are dropped.
// Invariant: symbols are sorted by start, no two start at the same address, each has start < end.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

struct Elf;

namespace fl::trace {

class SymbolTable {
public:
    SymbolTable() = default;
    // From .symtab, or .dynsym where the file is stripped of it. An unreadable table gives an empty one.
    static SymbolTable read(Elf& elf);

    // "main+0x1f" for an address of the file (before any load bias); empty where no symbol holds it.
    std::string name_of(std::uint64_t address) const;
    // Where that symbol starts; nullopt: none holds the address.
    std::optional<std::uint64_t> start_of(std::uint64_t address) const;

private:
    struct Symbol {
        std::uint64_t start;
        std::uint64_t end;
        unsigned rank;  // among symbols of one address the lowest is shown
        bool sized;     // the file says where it ends
        std::string name;
    };

    explicit SymbolTable(std::vector<Symbol> symbols);
    static std::vector<Symbol> collect(Elf& elf);
    const Symbol* find(std::uint64_t address) const;
    void keep_best_of_each_address();
    void end_unsized_symbols();

    std::vector<Symbol> symbols_;
};

}  // namespace fl::trace
